"""The list of Home: one line a row, drawn only where it changed, so that hundreds of rows do not slow a key.

Knows rows and the cursor; what a row means when it is chosen is the screen's matter.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.home_rows import Part, Parts, Row, row_parts

_PARTS: tuple[Part, ...] = ("cursor", "name", "plain", "faint", "good", "warning", "error", "accent")
_ALL = 1 << 20


class HomeList(Widget, can_focus=True):
    """Rows with a cursor among those that can be chosen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"home--{part}" for part in _PARTS}
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
    DEFAULT_CSS = """
    HomeList {
        height: 1fr;
        & > .home--cursor { color: $text-accent; text-style: bold; }
        & > .home--faint { color: $text-muted; }
        & > .home--good { color: $text-success; }
        & > .home--warning { color: $text-warning; }
        & > .home--error { color: $text-error; }
        & > .home--accent { color: $text-accent; }
    }
    """

    class Moved(Message):
        """The cursor is on another row."""

    class Chosen(Message):
        """The row under the cursor was clicked."""

    class AllWanted(Message):
        """Esc was pressed: a search, where there is one, is over."""

    def __init__(self, glyphs: Callable[[], Glyphs], now: Callable[[], float]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._now = now
        self._rows: tuple[Row, ...] = ()
        self._cursor = 0
        self._top = 0
        self._drawn: dict[int, Parts] = {}

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._cursor < len(self._rows) and self._rows[self._cursor].id else None

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows."""
        return self._rows

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows; the cursor stays with its row, or near its place where that is gone."""
        before = self.row
        chosen = before.id if before is not None else ""
        self._rows = tuple(rows)
        ids = [row.id for row in self._rows]
        self._cursor = ids.index(chosen) if chosen and chosen in ids else self._nearest(self._cursor)
        self._scroll()
        self._redraw_changes()
        if self.row is None or self.row.id != chosen:
            self.post_message(self.Moved())

    def go_to(self, row_id: str) -> bool:
        """Put the cursor on a row; says whether it is there."""
        place = next((place for place, row in enumerate(self._rows) if row.id == row_id), None)
        if place is not None:
            self._go(place)
        return place is not None

    def action_move(self, rows: int) -> None:
        """Go `rows` rows down, past those that cannot be chosen."""
        places = [place for place, row in enumerate(self._rows) if row.id]
        if places:
            at = places.index(self._cursor) if self._cursor in places else 0
            self._go(places[min(max(at + rows, 0), len(places) - 1)])

    def action_page(self, pages: int) -> None:
        """Go a page down."""
        self.action_move(pages * max(1, self.size.height - 2))

    def action_show_all(self) -> None:
        """Ask for all rows."""
        self.post_message(self.AllWanted())

    def render_line(self, y: int) -> Strip:
        """Draw a row."""
        parts = self._parts(self._top + y)
        self._drawn[y] = parts
        strong = Style(bold=True if self._top + y == self._cursor and self.has_focus else None)
        segments = [Segment(text, self.get_component_rich_style(f"home--{part}") + strong) for text, part in parts]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def plain_lines(self, width: int) -> list[str]:
        """All rows as text."""
        made = (row_parts(row, width, self._glyphs(), self._now()) for row in self._rows)
        return ["".join(text for text, _ in parts).rstrip() for parts in made]

    def redraw_changes(self) -> None:
        """Draw the rows that say something else by now, as when a day ends."""
        self._redraw_changes()

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._scroll()
        self.refresh()

    def on_focus(self) -> None:
        """Show that the keys come here."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Go to the row; on the one under the cursor, choose it."""
        place = self._top + event.y
        if place < len(self._rows) and self._rows[place].id:
            if place == self._cursor:
                self.post_message(self.Chosen())
            self._go(place)

    def on_mouse_scroll_down(self) -> None:
        """Go down."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Go up."""
        self.action_move(-3)

    def _go(self, place: int) -> None:
        if place != self._cursor:
            self._cursor = place
            self._scroll()
            self._redraw_changes()
            self.post_message(self.Moved())

    def _nearest(self, place: int) -> int:
        places = [at for at, row in enumerate(self._rows) if row.id]
        return min(places, key=lambda at: abs(at - place), default=0)

    def _scroll(self) -> None:
        height = max(1, self.size.height)
        # The heading above the first row that can be chosen stays in sight with it.
        first = next((place for place, row in enumerate(self._rows) if row.id), 0)
        top = 0 if self._cursor == first else self._cursor
        self._top = min(max(self._top, self._cursor - height + 1), top, max(0, len(self._rows) - height))

    def _redraw_changes(self) -> None:
        changed = [y for y in range(self.size.height) if self._parts(self._top + y) != self._drawn.get(y)]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _parts(self, place: int) -> Parts:
        if place >= len(self._rows):
            return []
        row = self._rows[place]
        return row_parts(row, self.size.width, self._glyphs(), self._now(), at_cursor=place == self._cursor)
