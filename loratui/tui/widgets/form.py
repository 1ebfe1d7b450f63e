"""A form as a list of rows: arrows move, Enter edits, Enter or Esc ends; what is valid is told as it is typed.

The rows are drawn as lines of one widget, and one text field is mounted only while a text is edited, so that a form of
a hundred rows answers a key at once. Knows nothing of profiles: rows come in, texts go out. A text that its owner
refuses stays in its row with the complaint; the owner keeps the value that it had.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

from loratui.tui.glyphs import UNICODE, Glyphs
from loratui.tui.path_completion import complete_path
from loratui.tui.widgets.completing_field import Complete, CompletingField
from loratui.tui.widgets.form_dialogs import Check, Choices, Entries
from loratui.tui.widgets.form_editor import Editor
from loratui.tui.widgets.form_lines import NO, VALUE_COLUMN, YES, Kind, Row
from loratui.tui.widgets.form_view import OfRow, RowsView
from loratui.tui.widgets.row_field import RowField

__all__ = ["NO", "YES", "Check", "Complete", "Kind", "Row", "RowsForm"]

_ALL = 1 << 20


class RowsForm(RowsView, can_focus=True):
    """Rows above, the help of the row under the cursor below.

    Args:
        rows: What is shown at first.
        check: Says what is wrong with a text for a row, by the row's id, or "". Called at every key.
        completions: What completes the text of a row, by its id; a "path" is completed from the disk without it.
        help_rows: Lines of help below the rows; 0: none, and no rule above them.
        glyphs: The signs that the terminal draws well.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, id="form.up"),
        Binding("down", "move(1)", show=False, id="form.down"),
        Binding("pageup", "page(-1)", show=False, id="form.page_up"),
        Binding("pagedown", "page(1)", show=False, id="form.page_down"),
        Binding("home", f"move({-_ALL})", show=False, id="form.first"),
        Binding("end", f"move({_ALL})", show=False, id="form.last"),
        Binding("enter", "act", show=False, id="form.act"),
        Binding("space", "flip", show=False, id="form.flip"),
        Binding("escape", "show_all", show=False, id="form.show_all"),
    ]

    class Edited(OfRow):
        """A row has a new text that is valid: each time that it is typed. Of a switch "yes" or "no"."""

        def __init__(self, form: "RowsForm", row_id: str, text: str) -> None:
            super().__init__(form, row_id)
            self.text = text

    class Chosen(OfRow):
        """Enter on a row that is an action."""

    class Complained(OfRow):
        """What is wrong with texts that were not taken has changed; the row is that under the cursor."""

    class Moved(OfRow):
        """The cursor is on another row."""

        def __init__(self, form: "RowsForm", row: Row) -> None:
            super().__init__(form, row.id)
            self.row = row

    def __init__(
        self,
        rows: Sequence[Row] = (),
        check: Check | None = None,
        *,
        completions: Mapping[str, Complete] | None = None,
        help_rows: int = 3,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(rows, help_rows, glyphs, id=id, classes=classes)
        self._check: Check = check or (lambda _row, _text: "")
        self._completions = dict(completions or {})
        self._editor: Editor | None = None
        self._told = ""
        self._before = self._taken = ""  # what the row that is edited held, and what of the typing was passed on
        self._refused: dict[str, tuple[str, str]] = {}

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor, as it is shown; None when a search finds nothing."""
        return self._listing.row

    @property
    def complaints(self) -> tuple[tuple[str, str], ...]:
        """Label and complaint of every row that has one, whether it is shown or not."""
        return tuple((row.label, row.complaint) for row in self._listing.as_typed() if row.complaint)

    @property
    def is_editing(self) -> bool:
        """Whether a text is being typed."""
        return self._editor is not None

    @property
    def not_taken_yet(self) -> str | None:
        """What is being typed into a late row; None where nothing is."""
        row, editor = self.cursor_row, self._editor
        is_late = row is not None and row.late and not self._searching
        return editor.value if is_late and editor is not None and editor.value != self._before else None

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows, or the same with other values; cursor and refused texts stay where they are.

        A refused text that is valid by now, because another row has changed, is taken.
        """
        self._listing.rows = tuple(rows)
        for row_id, (text, _) in list(self._listing.refused.items()):
            if not self._check(row_id, text):
                self._take(row_id, text)
        self._choose()

    def refuse(self, row_id: str, text: str, complaint: str) -> None:
        """Keep `text` in its row with what is wrong with it."""
        self._listing.refused[row_id] = (text, complaint)
        self._choose()

    def forget(self, row_id: str = "") -> None:
        """Show the row's own value again, or those of all rows, instead of a text that was refused."""
        for forgotten in [row_id] if row_id else list(self._listing.refused):
            self._listing.refused.pop(forgotten, None)
        self._choose()

    def go_to(self, row_id: str) -> None:
        """Put the cursor on a row that is shown."""
        self._moving(lambda: self._listing.go(self._listing.place_of(row_id)))

    def search(self) -> None:
        """Have a text typed that rows have to contain; Enter keeps the choice, Esc shows all again."""
        if self._editor is None:
            self._searching = True
            self._open(Editor(self._listing.query))

    def action_move(self, rows: int) -> None:
        """Go `rows` rows down."""
        self._moving(lambda: self._listing.move(rows))

    def action_page(self, pages: int) -> None:
        """Go a page down or up."""
        self.action_move(pages * max(1, self._listing.height - 1))

    def action_act(self) -> None:
        """Edit the row, or choose it."""
        row = self.cursor_row
        if row is None:
            return
        if row.kind == "action":
            self.post_message(self.Chosen(self, row.id))
        elif row.kind == "switch":
            self._take(row.id, NO if row.value == YES else YES)
        elif row.kind == "choice" and len(row.choices) == 2 and row.value in row.choices:
            self._take(row.id, row.choices[1 - row.choices.index(row.value)])
        elif row.kind in ("choice", "list"):
            dialog = Choices(row) if row.kind == "choice" else Entries(row, self._check)
            self.app.push_screen(dialog, lambda text: self._answered(row.id, text))
        else:
            complete = self._completions.get(row.id, complete_path if row.kind == "path" else None)
            # A text that was refused is in the field, but it is not what the row holds.
            self._before = self._taken = next(one.editable_text for one in self._listing.rows if one.id == row.id)
            self._open(Editor(row.editable_text, complete, select=row.kind != "path"))

    def action_flip(self) -> None:
        """Flip a switch."""
        row = self.cursor_row
        if row is not None and row.kind == "switch":
            self.action_act()

    def action_show_all(self) -> None:
        """Show the rows again that a search has hidden."""
        self._listing.query = ""
        self._choose()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take what is typed as far as it is valid."""
        event.stop()
        editor, row = self._editor, self.cursor_row
        if editor is None or event.input is not editor or event.value == editor.row_text:
            return
        editor.row_text = event.value
        self._completions_told = ""
        if self._searching:
            self._listing.query = event.value
            self._choose()
        elif row is not None and not row.late:
            self._take(row.id, event.value)

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """End editing when the focus goes elsewhere within the program."""
        event.stop()
        if self.app.app_focus and event.input is self._editor:
            self._close()

    def on_row_field_left(self, event: RowField.Left) -> None:
        """End editing, and go on to a neighbour if an arrow did it."""
        event.stop()
        if self._searching and event.escaped:
            self._listing.query = ""
        self._close()
        self.focus()
        if event.rows:
            self.action_move(event.rows)

    def on_completing_field_completed(self, event: CompletingField.Completed) -> None:
        """List what the text may become."""
        event.stop()
        self._completions_told = event.told
        self._redraw()

    def _answered(self, row_id: str, text: str | None) -> None:
        if text is not None:
            self._take(row_id, text)

    def _take(self, row_id: str, text: str) -> None:
        """Pass a text on, or keep it with what is wrong with it; then the value is what it was before the typing."""
        if complaint := self._check(row_id, text):
            self.refuse(row_id, text, complaint)
            if self._editor is not None and self._taken != self._before:
                self._taken = self._before
                self.post_message(self.Edited(self, row_id, self._before))
            return
        self._taken = text
        self._listing.put(row_id, text)
        self._choose()
        self.post_message(self.Edited(self, row_id, text))

    def _open(self, editor: Editor) -> None:
        self._editor = editor
        self._choose()
        self.mount(editor)
        editor.focus()

    def _close(self) -> None:
        row, late = self.cursor_row, self.not_taken_yet
        editor, self._editor = self._editor, None
        self._searching, self._completions_told = False, ""
        if editor is not None:
            editor.remove()
        if row is not None and late is not None:
            self._take(row.id, late)
        self._choose()

    def _moving(self, move: Callable[[], None]) -> None:
        move()
        self._redraw()
        self._tell()

    def _choose(self) -> None:
        """Work out anew what is shown, and draw it."""
        self._listing.height = self._lines_for_rows()
        self._listing.choose()
        if self._editor is not None:
            column = 2 if self._searching else VALUE_COLUMN
            line = self._listing.height if self._searching else self._listing.cursor - self._listing.top
            self._editor.styles.offset = (column, line)
            self._editor.styles.width = max(1, self.size.width - column - 1)
        self._redraw()
        self._tell()

    def _tell(self) -> None:
        row = self.cursor_row
        if self._refused != self._listing.refused:
            self._refused = dict(self._listing.refused)
            self.post_message(self.Complained(self, row.id if row is not None else ""))
        if row is not None and row.id != self._told:
            self._told = row.id
            self.post_message(self.Moved(self, row))

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._choose()

    def on_click(self, event: events.Click) -> None:
        """Go to a row; a click on the row under the cursor acts on it."""
        place = self._listing.top + event.y
        if event.widget is not self or event.y >= self._listing.height or place >= len(self._listing.shown):
            return
        row = self._listing.shown[place]
        if place == self._listing.cursor:
            self.action_act()
        elif row.kind != "heading":
            self.go_to(row.id)

    def on_mouse_scroll_down(self) -> None:
        """Go on."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Go back."""
        self.action_move(-3)
