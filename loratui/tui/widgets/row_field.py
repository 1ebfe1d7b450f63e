"""A text field over a row: the keys that end it, and where the cursor goes from there."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from loratui.tui.widgets.completing_field import CompletingField


class RowField(CompletingField):
    """One line without a border: Enter and Esc end it, up and down go on to a neighbour, Tab completes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "leave(0)", show=False, id="row.done"),
        Binding("escape", "leave(0, True)", show=False, id="row.escape"),
        Binding("up", "leave(-1)", show=False, id="row.above"),
        Binding("down", "leave(1)", show=False, id="row.below"),
    ]
    DEFAULT_CSS = """
    RowField, RowField:focus {
        height: 1;
        border: none;
        padding: 0;
        background: $panel;
    }
    """

    class Left(Message):
        """The line is done: where to go from here, and whether it was Esc."""

        def __init__(self, rows: int, escaped: bool) -> None:
            super().__init__()
            self.rows = rows
            self.escaped = escaped

    def action_leave(self, rows: int, escaped: bool = False) -> None:
        """End, and perhaps go on with a neighbour."""
        self.post_message(self.Left(rows, escaped))
