"""The list of bases: a heading, rows, a cursor. What choosing one means is the screen's matter."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.model_rows import BaseRow, heading, row_line
from loratui.tui.widgets.changing_lines import ChangingLines, Line

if TYPE_CHECKING:
    from loratui.hub.downloads import DownloadProgress

_ALL = 1 << 20


class BaseList(ChangingLines, can_focus=True):
    """Bases as rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, id="list.up"),
        Binding("down", "move(1)", show=False, id="list.down"),
        Binding("pageup", "page(-1)", show=False, id="list.page_up"),
        Binding("pagedown", "page(1)", show=False, id="list.page_down"),
        Binding("home", f"move({-_ALL})", show=False, id="list.first"),
        Binding("end", f"move({_ALL})", show=False, id="list.last"),
    ]

    class Moved(Message):
        """The cursor is on another row."""

    class Chosen(Message):
        """The row under the cursor was clicked."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="bases")
        self._glyphs = glyphs
        self._all: tuple[BaseRow, ...] = ()
        self._rows: tuple[BaseRow, ...] = ()
        self._wanted = ""
        self._chosen = ""
        # The profile's base that the cursor was last brought to.
        self._reached = ""
        self._downloads: Mapping[str, DownloadProgress] = {}
        self._cursor = 0
        self._top = 0

    @property
    def row(self) -> BaseRow | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def rows(self) -> tuple[BaseRow, ...]:
        """All rows, those that a search hides too."""
        return self._all

    @property
    def searched(self) -> str:
        """What the rows that are shown contain."""
        return self._wanted

    def search(self, text: str) -> None:
        """Show only rows that contain a text, and always the one that asks for another base."""
        self._wanted = text
        self.set_rows(self._all, self._chosen, self._downloads)

    def set_rows(self, rows: Sequence[BaseRow], chosen: str, downloads: Mapping[str, "DownloadProgress"]) -> None:
        """Show rows, the profile's base marked; the cursor stays with its row until the profile has another base."""
        before = self.row
        self._all, self._chosen, self._downloads = tuple(rows), chosen, downloads
        self._rows = tuple(row for row in self._all if row.contains(self._wanted))
        bases = [row.base for row in self._rows]
        wanted = before.base if before is not None else chosen
        if chosen != self._reached and chosen in bases:
            wanted = self._reached = chosen
        self._cursor = bases.index(wanted) if wanted in bases else min(self._cursor, max(0, len(bases) - 1))
        self._draw()
        if self.row != before:
            self.post_message(self.Moved())

    def go_to(self, base: str) -> None:
        """Put the cursor on a base."""
        for place, row in enumerate(self._rows):
            if row.base == base:
                self.action_move(place - self._cursor)

    def action_move(self, rows: int) -> None:
        """Go `rows` rows down."""
        self._reached = self._chosen
        place = min(max(self._cursor + rows, 0), max(0, len(self._rows) - 1))
        if place != self._cursor:
            self._cursor = place
            self._draw()
            self.post_message(self.Moved())

    def action_page(self, pages: int) -> None:
        """Go a page down or up."""
        self.action_move(pages * max(1, self.size.height - 2))

    def all_lines(self, width: int) -> list[Line]:
        """The heading and every row."""
        return [heading(width, self._wanted), *(self._line(place, width) for place in range(len(self._rows)))]

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Go to a row; a click on the one under the cursor chooses it."""
        place = self._top + event.y - 1
        if event.y and place == self._cursor:
            self.post_message(self.Chosen())
        elif event.y and place < len(self._rows):
            self.action_move(place - self._cursor)

    def on_mouse_scroll_down(self) -> None:
        """Go down."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Go up."""
        self.action_move(-3)

    def _draw(self) -> None:
        width, height = self.size
        room = max(1, height - 1)
        self._top = min(max(self._top, self._cursor - room + 1), self._cursor, max(0, len(self._rows) - room))
        shown = range(self._top, min(self._top + room, len(self._rows)))
        self.show([heading(width, self._wanted), *(self._line(place, width) for place in shown)])

    def _line(self, place: int, width: int) -> Line:
        row = self._rows[place]
        return row_line(
            row,
            width,
            self._glyphs,
            at_cursor=place == self._cursor,
            is_chosen=bool(row.base) and row.base == self._chosen,
            download=self._downloads.get(row.base),
        )
