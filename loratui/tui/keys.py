"""The one table of keys: every key of the wizard, with the one meaning that it has everywhere.

Screens name ids; what a key is called, and which one it is, stands here alone. No F-keys, no Alt, and no Ctrl key that
a terminal, tmux, screen or a text field takes for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from textual.binding import Binding


@dataclass(frozen=True)
class Key:
    """A key of the wizard.

    Attributes:
        id: Of the binding; the action has the same name.
        key: As Textual names it.
        label: One or two words for the key bar.
        help: A sentence for the help.
        shown: The key as a person reads it.
    """

    id: str
    key: str
    label: str
    help: str
    shown: str = ""

    @property
    def display(self) -> str:
        """The key as a person reads it."""
        return self.shown or self.key


_ALL = (
    # Everywhere
    Key("help", "question_mark", "Help", "Explain what is focused, and list the keys that work here.", "?"),
    Key("palette", "colon", "More", "Find any command by typing a part of its name.", ":"),
    Key("search", "slash", "Search", "Show only the rows that contain a text.", "/"),
    Key("next", "right_square_bracket", "Next", "Go to the next step.", "]"),
    Key("back", "left_square_bracket", "Back", "Go to the step before.", "["),
    Key("next_while_editing", "ctrl+n", "Next", "End editing and go to the next step.", "Ctrl+N"),
    Key("home", "h", "Home", "Profiles and runs."),
    Key("quit", "q", "Quit", "Leave; with a run alive it asks first."),
    Key("copy", "y", "Copy", "Show this as plain text, and send it to the terminal's clipboard."),
    Key("flip", "space", "Flip", "Show the picture without the LoRA, with it, and both again; flip a switch.", "Space"),
    Key("side_by_side", "escape", "Both", "Show the pictures without and with the LoRA side by side again.", "Esc"),
    Key("account", "at", "Account", "Sign in to Hugging Face, switch or sign out.", "@"),
    Key("act", "enter", "Open", "Open, choose, edit or start what the row holds.", "Enter"),
    Key("remove", "delete", "Remove", "Remove what the row holds: a profile, a run, a setting's own value.", "Del"),
    Key("refresh", "ctrl+r", "Look again", "Look at this computer again.", "Ctrl+R"),
    Key("step_system", "1", "System", "Go to step 1, the computer and accelerate."),
    Key("step_model", "2", "Model", "Go to step 2, the base model and signing in."),
    Key("step_pictures", "3", "Pictures", "Go to step 3, pictures and captions."),
    Key("step_settings", "4", "Settings", "Go to step 4, every setting of the training."),
    Key("step_train", "5", "Train", "Go to step 5, the training."),
    Key("step_try", "6", "Try", "Go to step 6, trying strengths."),
    # Home
    Key("new", "n", "New", "Begin a new profile from a folder of pictures."),
    Key("duplicate", "c", "Duplicate", "Make a copy of the profile under another name."),
    Key("rename", "m", "Rename", "Give the profile another name."),
    Key("run_again", "A", "Run again", "Train the profile again as it is saved."),
    Key("attach", "a", "Attach", "Watch the run."),
    Key("demo", "D", "Demo", "Train the sample pictures on a tiny base, offline."),
    Key("doctor", "i", "Doctor", "Check this computer: Python, GPU, disks, terminal."),
    # System
    Key("write_accelerate", "W", "Write", "Write accelerate's own default_config.yaml, after showing what changes."),
    # Model
    Key("download", "w", "Download", "Bring the base to this computer."),
    # Pictures
    Key("folder", "o", "Folder", "Choose the folder with the pictures."),
    Key("next_without", "u", "Next without", "Go to the next picture without a caption."),
    Key("trigger", "t", "Trigger", "Set the word that every caption begins with."),
    Key("tags", "g", "Tags", "Count the tags of all captions."),
    Key("buckets", "b", "Buckets", "Show picture sizes and the buckets they are trained in."),
    Key("problems", "exclamation_mark", "Problems", "List every problem with its fix.", "!"),
    Key("undo", "z", "Undo", "Take the last change of captions back."),
    # Settings
    Key("presets", "P", "Presets", "Change several settings at once for a purpose."),
    Key("compare_dreambooth", "C", "LoRA or DreamBooth", "Compare the two ways of training for this base."),
    # Train
    Key("save", "s", "Save", "Save the LoRA as it is now, and the state to go on from."),
    Key("preview", "v", "Preview", "Draw a picture with what has been learnt so far."),
    Key("stop", "x", "Stop", "Stop: save a run and end it, end a download."),
    Key("detach", "d", "Detach", "Leave the program; the run goes on by itself."),
    Key("log", "l", "Log", "Read the log."),
    # Try
    Key("weaker", "left", "Weaker", "Go to the next lower strength.", "←"),
    Key("stronger", "right", "Stronger", "Go to the next higher strength.", "→"),
    Key("row_above", "up", "Row above", "Go to the row drawn before: another prompt, seed, epoch or base.", "↑"),
    Key("row_below", "down", "Row below", "Go to the row drawn after.", "↓"),
    Key("prompt", "p", "Prompt", "Change the prompt."),
    Key("new_seed", "r", "New seed", "Draw again with another seed."),
    Key("type_seed", "R", "Type a seed", "Draw again with a seed of your choice, such as one from a picture's text."),
    Key("type_strength", "equals_sign", "Type a strength", "Draw the same at a strength of your choice.", "="),
    Key("fill", "f", "Fill grid", "Draw what the grid still lacks, and write it beside the LoRA."),
    Key("keep", "k", "Keep", "Keep this strength: cards for A1111 and Forge are written beside the LoRA."),
    Key("epoch", "e", "Epoch", "Choose the saved epoch."),
    Key("others", "O", "Others", "Add other LoRAs, or draw on another base."),
    Key("train_here", "B", "Train on it", "Train again on this base."),
)

KEYS: dict[str, Key] = {key.id: key for key in _ALL}

# Bound on every step's screen, behind those of its own.
EVERYWHERE = (
    "help",
    "palette",
    "next",
    "back",
    "next_while_editing",
    "home",
    "quit",
    "copy",
    "account",
    "step_system",
    "step_model",
    "step_pictures",
    "step_settings",
    "step_train",
    "step_try",
)


class Entry(NamedTuple):
    """A key as a screen names it: "act", "act:Edit" with another label, "stronger:Strength:←→" with its neighbour."""

    id: str
    label: str
    display: str


def entry_of(text: str) -> Entry:
    """The entry that a screen's text stands for."""
    name, _, rest = text.partition(":")
    label, _, display = rest.partition(":")
    return Entry(name, label or KEYS[name].label, display or KEYS[name].display)


def bindings(ids: Sequence[str]) -> list[Binding]:
    """The bindings of what a screen names."""
    made = []
    for text in ids:
        name, label, _ = entry_of(text)
        key = KEYS[name]
        # Ctrl+N shall work while a text field has the focus, and before it.
        priority = name == "next_while_editing"
        made.append(
            Binding(
                key.key,
                name,
                label,
                key_display=key.display,
                tooltip=key.help,
                id=key.id,
                priority=priority,
            )
        )
    return made
