"""Rows with a cursor: the keys and clicks that move it, and how rows follow it. What a row says, its list knows."""

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from loratui.tui.widgets.changing_lines import ChangingLines, Line

_ALL = 1 << 20
_WHEEL = 3

RowT = TypeVar("RowT")


class CursorList(Generic[RowT], ChangingLines, can_focus=True):
    """Shows the rows that there is room for, around the cursor; thousands are as quick as ten."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, id="list.up"),
        Binding("down", "move(1)", show=False, id="list.down"),
        Binding("pageup", "page(-1)", show=False, id="list.page_up"),
        Binding("pagedown", "page(1)", show=False, id="list.page_down"),
        Binding("home", f"move({-_ALL})", show=False, id="list.first"),
        Binding("end", f"move({_ALL})", show=False, id="list.last"),
        Binding("escape", "show_all", show=False, id="list.show_all"),
    ]

    class Moved(Message):
        """Another row is under the cursor, or that row says something else now."""

    class Chosen(Message):
        """The row under the cursor was clicked."""

    class AllWanted(Message):
        """Esc was pressed: a search, where there is one, is over."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: Sequence[RowT] = ()
        self._places: list[int] = []  # of the rows that can be chosen
        self._cursor = 0
        self._top = 0

    # What a list says of its rows

    @abstractmethod
    def id_of(self, row: RowT) -> Hashable:
        """By what a row is found again; None where it cannot be chosen."""

    @abstractmethod
    def line_of(self, row: RowT, width: int, *, at_cursor: bool) -> Line:
        """A row as it is drawn."""

    def heading(self, width: int) -> Sequence[Line]:
        """Lines that stay above the rows."""
        del width
        return ()

    # What others ask of it

    @property
    def row(self) -> RowT | None:
        """The row under the cursor."""
        return self._shown[self._cursor] if self._cursor in self._places else None

    @property
    def in_sight(self) -> Sequence[RowT]:
        """The rows that are seen."""
        return self._shown[self._top : self._top + self._room]

    def show_rows(self, rows: Sequence[RowT], wanted: Hashable = None) -> None:
        """Show other rows; the cursor stays with its row, or near its place where that is gone.

        Args:
            rows: What is shown from now on.
            wanted: The id of a row that the cursor goes to, where it is there.
        """
        before = self.row
        self._shown = rows
        self._places = [place for place, row in enumerate(rows) if self.id_of(row) is not None]
        if wanted is None and before is not None:
            wanted = self.id_of(before)
        place = self._place_of(wanted)
        if place is None:
            place = min(self._places, key=lambda at: abs(at - self._cursor), default=0)
        self._cursor = place
        self.redraw()
        if self.row != before:
            self.post_message(self.Moved())

    def go_to(self, row_id: Hashable) -> bool:
        """Put the cursor on a row; says whether it is shown."""
        place = self._place_of(row_id)
        if place is not None:
            self._go(place)
        return place is not None

    def redraw(self) -> None:
        """Draw the rows that say something else by now, with the cursor in sight."""
        width, height = self.size
        if not height:
            return
        room, count = self._room, len(self._shown)
        # What stands above the first row that can be chosen stays in sight with it.
        highest = 0 if self._places[:1] == [self._cursor] else self._cursor
        self._top = max(0, min(max(self._top, self._cursor - room + 1), highest, count - room))
        places = range(self._top, min(self._top + room, count))
        lines = (self.line_of(self._shown[place], width, at_cursor=place == self._cursor) for place in places)
        self.show([*self.heading(width), *lines])

    def all_lines(self, width: int) -> list[Line]:
        """The heading and every row, without the cursor."""
        return [*self.heading(width), *(self.line_of(row, width, at_cursor=False) for row in self._shown)]

    # Keys and clicks

    def action_move(self, rows: int) -> None:
        """Go `rows` rows down, past those that cannot be chosen."""
        places = self._places
        if places:
            at = places.index(self._cursor) if self._cursor in places else 0
            self._go(places[min(max(at + rows, 0), len(places) - 1)])

    def action_page(self, pages: int) -> None:
        """Go a page down or up; one row of it stays."""
        self.action_move(pages * max(1, self._room - 1))

    def action_show_all(self) -> None:
        """Ask for all rows."""
        self.post_message(self.AllWanted())

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.redraw()

    def on_focus(self) -> None:
        """Show that the keys come here."""
        self.redraw()

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Go to a row; a click on the one under the cursor chooses it."""
        line = event.y - len(self.heading(self.size.width))
        place = self._top + line
        if line < 0 or place not in self._places:
            return
        if place == self._cursor:
            self.post_message(self.Chosen())
        self._go(place)

    def on_mouse_scroll_down(self) -> None:
        """Go down."""
        self.action_move(_WHEEL)

    def on_mouse_scroll_up(self) -> None:
        """Go up."""
        self.action_move(-_WHEEL)

    def _go(self, place: int) -> None:
        if place != self._cursor:
            self._cursor = place
            self.redraw()
            self.post_message(self.Moved())

    @property
    def _room(self) -> int:
        return max(1, self.size.height - len(self.heading(self.size.width)))

    def _place_of(self, row_id: Hashable) -> int | None:
        return next((place for place in self._places if self.id_of(self._shown[place]) == row_id), None)
