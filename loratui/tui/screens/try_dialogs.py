"""Try's questions: the prompt, the epoch, what the grid shows, other LoRAs and other bases."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.app import App

from loratui.dataset.problems import counted
from loratui.errors import LoratuiError
from loratui.generation.prompt import parse_prompt
from loratui.hub.presence import presence
from loratui.profile.fields import split_lora
from loratui.runs.trying import LAST, comparison
from loratui.tui.background import in_thread
from loratui.tui.dialogs import Ask, Choice, Entry
from loratui.tui.dialogs.disk_entry import DiskEntry
from loratui.tui.path_completion import complete_model_file
from loratui.tui.screens.try_lines import ADVICE, lora_words
from loratui.tui.screens.try_lines import label as label_of
from loratui.tui.screens.try_trial import Filling, Trial

# What changes of the row that is looked at.
Changes = dict[str, object]
Question = Callable[[App[int], Trial], Awaitable[Changes | None]]

_ADD, _REMOVE, _BASE, _OTHER_BASE = "add", "remove ", "base ", "other base"


async def ask_prompt(app: App[int], trial: Trial) -> Changes | None:
    """Another prompt; None when it stays."""
    text = (
        "What the picture shows. The trigger word calls the character; (word:1.2) weighs a word; <lora:…> tags name "
        "other LoRAs (O adds them)."
    )
    said = await app.push_screen_wait(Entry("Prompt", text, trial.wish.prompt, check=_prompt_complaint))
    return {"prompt": said} if said and said != trial.wish.prompt else None


async def ask_seed(app: App[int], trial: Trial) -> Changes | None:
    """Another seed; None when it stays."""
    text = "The number that decides the noise a picture begins with. The same seed gives the same composition."
    said = await app.push_screen_wait(Entry("Seed", text, str(trial.wish.seed), check=_seed_complaint))
    return {"seed": int(said)} if said and int(said) != trial.wish.seed else None


async def ask_epoch(app: App[int], trial: Trial) -> Changes | None:
    """Another saved file; None when it stays."""
    choices = []
    for file in trial.files:
        facts = [f"validation {file.validation:.4f}"] if file.validation is not None else []
        facts += ["lowest, so probably the best"] if file.is_best else []
        facts += ["looked at now"] if file == trial.file else []
        name = f"epoch {file.epoch}" + (", the finished file" if file.label == LAST else "")
        choices.append(Choice(file.label, name, ", ".join(facts)))
    text = "Validation is the loss on fixed noise: lower is nearer to the pictures."
    label = await app.push_screen_wait(Ask("Saved epochs", text, choices))
    return None if label is None else {"label": label}


async def ask_grid(app: App[int], trial: Trial) -> tuple[Filling, int] | None:
    """The grid that is wanted, and how many of its pictures are to be drawn yet; None when none is."""
    grids = {"row": trial.filling((trial.wish.prompt,)), "all": trial.filling(trial.prompts)}
    lacking = await in_thread(lambda: {name: grid.lacking() for name, grid in grids.items()})
    names = {"row": "This prompt at every strength", "all": "All prompts of the comparison"}
    choices = [
        Choice(name, names[name], f"{counted(many, 'picture')} to draw" if many else "all drawn: writes the grid")
        for name, many in lacking.items()
    ]
    text = "What is drawn already is taken over. The labelled grid is written beside the LoRA."
    said = await app.push_screen_wait(Ask("Fill the grid", text, choices))
    return (grids[said], lacking[said]) if said is not None else None


async def ask_strength(app: App[int], trial: Trial) -> float | None:
    """Another strength; None when it stays."""
    text = f"How much the LoRA counts: {ADVICE}."
    said = await app.push_screen_wait(Entry("Strength", text, label_of(trial.strength), check=_strength_complaint))
    return round(float(said), 4) if said else None


async def ask_others(app: App[int], trial: Trial) -> Changes | None:
    """What changes of the row by other LoRAs or another base; None when nothing does."""
    own, others = trial.profile.model.base, trial.wish.other_loras
    bases = dict.fromkeys(["", *trial.settings.other_bases, trial.wish.base])
    choices = [Choice(_ADD, "Add a LoRA", "at a strength of its own; 0.5–0.7 each when combining")]
    choices += [Choice(f"{_REMOVE}{place}", f"Leave out {lora_words(entry)}") for place, entry in enumerate(others)]
    choices += [
        Choice(f"{_BASE}{base}", f"Draw on {Path(base or own).name}", _about_base(base, trial)) for base in bases
    ]
    choices += [Choice(_OTHER_BASE, "Draw on another base", "a file, a folder, or a downloaded id")]
    said = await app.push_screen_wait(Ask("Other LoRAs and bases", "", choices))
    if said is None:
        return None
    if said == _ADD:
        entry = await app.push_screen_wait(_lora_entry())
        return {"other_loras": (*others, entry)} if entry else None
    if said == _OTHER_BASE:
        text = "A .safetensors file, a diffusers folder, or a Hugging Face id that was downloaded."
        name = await app.push_screen_wait(
            DiskEntry("Another base", text, complete=complete_model_file, check=base_complaint)
        )
        return {"base": "" if name == own else name} if name else None
    if said.startswith(_REMOVE):
        place = int(said.removeprefix(_REMOVE))
        return {"other_loras": others[:place] + others[place + 1 :]}
    base = said.removeprefix(_BASE)
    return {"base": base} if base != trial.wish.base else None


def base_complaint(base: str) -> str:
    """Why nothing can be drawn on a base now; "" where it can. Reads the disk."""
    try:
        found = presence(base.strip())
    except LoratuiError as error:
        return error.what
    if not found.here:
        return "It is not on this computer. The step Model brings it here (w)."
    return "" if found.is_usable else found.note


def _about_base(base: str, trial: Trial) -> str:
    about = [] if base else ["what it was trained on"]
    return ", ".join(about + (["looked at now"] if base == trial.wish.base else []))


def _lora_entry() -> DiskEntry:
    text = "Its file and, after a colon, its strength: ~/loras/emi_style.safetensors:0.6"
    return DiskEntry("Add a LoRA", text, complete=complete_model_file, check=_lora_complaint)


def _lora_complaint(entry: str) -> str:
    try:
        comparison({"other_loras": [entry]})
    except LoratuiError as error:
        return error.what
    path = Path(split_lora(entry)[0])
    try:
        return "" if path.expanduser().is_file() else "There is no such file."
    except (OSError, RuntimeError):
        return "There is no such file."


def _seed_complaint(seed: str) -> str:
    if not re.fullmatch(r"[0-9]{1,20}", seed.strip()):
        return "A seed is a whole number, 0 or more."
    try:
        comparison({"seeds": [int(seed)]})
    except LoratuiError as error:
        return error.what
    return ""


def _strength_complaint(strength: str) -> str:
    try:
        comparison({"strengths": [float(strength)]})
    except ValueError:
        return "A strength is a number such as 0.75."
    except LoratuiError as error:
        return error.what
    return ""


def _prompt_complaint(prompt: str) -> str:
    try:
        comparison({"prompts": [prompt]})
        parse_prompt(prompt)
    except LoratuiError as error:
        return error.what
    return ""
