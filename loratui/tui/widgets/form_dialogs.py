"""The two windows of a form: one of several values to choose, and a list with one entry a line."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from loratui.safe_text import printable
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.widgets.form_lines import Row
from loratui.tui.widgets.text_field import TextLines

Check = Callable[[str, str], str]


class Choices(Dialog[str | None]):
    """Answers the value that was chosen, or None for Esc; begins on the row's own."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="leave")]

    def __init__(self, row: Row) -> None:
        super().__init__(classes="dialog")
        self._row = row

    def compose(self) -> ComposeResult:
        """Label, help, values."""
        with Vertical(classes="window"):
            yield Static(printable(self._row.label), classes="dialog-title", markup=False)
            if self._row.help:
                yield Static(printable(self._row.help), classes="dialog-text", markup=False)
            yield OptionList(*(Option(printable(value)) for value in self._row.choices), markup=False)
            yield Static("↑↓ choose   Enter take   Esc back", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Begin on the value that the row has."""
        values = self.query_one(OptionList)
        if self._row.value in self._row.choices:
            values.highlighted = self._row.choices.index(self._row.value)
        values.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        event.stop()
        self.dismiss(self._row.choices[event.option_index])

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class Entries(Dialog[str | None]):
    """Answers the entries, one a line, or None when they are as they were; Esc ends."""

    DEFAULT_CSS = """
    Entries TextArea { height: auto; min-height: 4; max-height: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "take", "Done", id="done", priority=True)]

    def __init__(self, row: Row, check: Check) -> None:
        super().__init__(classes="dialog")
        self._row = row
        self._check = check

    def compose(self) -> ComposeResult:
        """Label, help, the entries, what is wrong with them."""
        with Vertical(classes="window"):
            yield Static(printable(self._row.label), classes="dialog-title", markup=False)
            if self._row.help:
                yield Static(printable(self._row.help), classes="dialog-text", markup=False)
            entries = TextLines(self._row.editable_text, compact=True, tab_behavior="focus", id="entries")
            entries.highlight_cursor_line = False
            yield entries
            yield Static(id="remark", classes="complaint", markup=False)
            yield Static("One entry a line   Esc done", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Type at once, behind what is there."""
        entries = self.query_one(TextArea)
        entries.focus()
        entries.move_cursor(entries.document.end)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Say what is wrong so far."""
        event.stop()
        self.query_one("#remark", Static).update(printable(self._check(self._row.id, self.text)))

    @property
    def text(self) -> str:
        """The entries as they stand, without empty lines."""
        return "\n".join(line for line in self.query_one(TextArea).text.splitlines() if line.strip())

    def action_take(self) -> None:
        """Answer; what is wrong stays in the row with its complaint."""
        self.dismiss(self.text if self.text != self._row.editable_text else None)
