"""The one text field of a form: it stands over the value of its row and takes the keys while a row is edited."""

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from loratui.tui.widgets.form_paths import common_beginning
from loratui.tui.widgets.text_field import TextField

Complete = Callable[[str], list[str]]


class Editor(TextField):
    """One line without a border. Enter and Esc end it, the arrows leave it, Tab completes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "leave(0)", show=False, id="form.done"),
        Binding("escape", "leave(0, True)", show=False, id="form.escape"),
        Binding("up", "leave(-1)", show=False, id="form.above"),
        Binding("down", "leave(1)", show=False, id="form.below"),
        Binding("tab", "complete", show=False, id="form.complete"),
        Binding("shift+tab", "leave(-1)", show=False, id="form.before"),
    ]
    DEFAULT_CSS = """
    Editor, Editor:focus {
        position: absolute;
        layer: editor;
        height: 1;
        border: none;
        padding: 0;
        background: $panel;
    }
    """

    class Left(Message):
        """Editing is over; the cursor goes `rows` further. `escaped`: by Esc."""

        def __init__(self, rows: int, escaped: bool) -> None:
            super().__init__()
            self.rows = rows
            self.escaped = escaped

    class Candidates(Message):
        """What the text may become."""

        def __init__(self, text: str, found: list[str]) -> None:
            super().__init__()
            self.text = text
            self.found = found

    def __init__(self, text: str, complete: Complete | None = None, *, select: bool = True) -> None:
        super().__init__(text, compact=True, select_on_focus=select)
        self._complete = complete
        self.row_text = text  # the text that its row has already
        self.completed = ""  # the text that completion typed last

    def on_mount(self) -> None:
        """Go on behind what is there."""
        self.cursor_position = len(self.value)

    def action_leave(self, rows: int, escaped: bool = False) -> None:
        """Say that editing is over."""
        self.post_message(self.Left(rows, escaped))

    def action_complete(self) -> None:
        """Look for what the text may become; without completion go to the next row."""
        if self._complete is None:
            self.action_leave(1)
        else:
            self._look_for(self._complete, self.value)

    @work(thread=True, exclusive=True, exit_on_error=False, group="complete")
    def _look_for(self, complete: Complete, text: str) -> None:
        # A folder on a network disk may take its time.
        self.post_message(self.Candidates(text, complete(text)))

    def on_editor_candidates(self, event: Candidates) -> None:
        """Type what all candidates have in common, unless something else was typed meanwhile."""
        if event.text != self.value:
            event.stop()
            return
        common = common_beginning(event.found)
        if len(common) > len(self.value) or len(event.found) == 1:
            self.value = self.completed = common
            self.cursor_position = len(common)
