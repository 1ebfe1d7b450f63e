"""The window of presets: what the one under the cursor would change stands below it before Enter changes it."""

from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from loratui.profile.presets import PRESETS, Change, Preset, what_changes
from loratui.profile.schema import Profile
from loratui.safe_text import printable
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.glyphs import Glyphs
from loratui.tui.widgets.form import NO, YES

_LABELS = 26
_VALUES = 40
_SWITCHES = {"true": YES, "false": NO}


class Presets(Dialog[Preset | None]):
    """Answers the preset that shall be taken, or None for Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="leave")]

    def __init__(self, profile: Profile, glyphs: Glyphs) -> None:
        super().__init__(classes="dialog")
        self._profile = profile
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """The presets, and what the one under the cursor would change."""
        with Vertical(classes="window"):
            yield Static("Presets", classes="dialog-title", markup=False)
            yield OptionList(*(Option(preset.title, id=preset.id) for preset in PRESETS), markup=False)
            yield Static(id="changes", classes="dialog-text", markup=False)
            yield Static("↑↓ choose   Enter take   Esc back", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Choose at once."""
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what would change."""
        event.stop()
        preset = PRESETS[event.option_index]
        self.query_one("#changes", Static).update(self._told(preset, what_changes(preset, self._profile)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        event.stop()
        self.dismiss(PRESETS[event.option_index])

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def _told(self, preset: Preset, changes: tuple[Change, ...]) -> Content:
        if not changes:
            return Content(f"\n{preset.sentence}\n\nEverything is set like that already.")
        lines = [
            Content.assemble(f"{change.title:<{_LABELS}} ", (printable(_values(change, self._glyphs)), "$text-accent"))
            for change in changes
        ]
        return Content("\n").join([Content(""), Content(preset.sentence), Content(""), *lines])


def _values(change: Change, glyphs: Glyphs) -> str:
    before, after = (_SWITCHES.get(text, text) or "none" for text in (change.before, change.after))
    text = f"{before} {glyphs.arrow} {after}"
    return text if cell_len(text) <= _VALUES else f"{glyphs.arrow} {after}"
