"""The list of Home: profiles and runs. What a row means when it is chosen is the screen's matter."""

from collections.abc import Callable

from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.home_rows import Row, row_line
from loratui.tui.widgets.changing_lines import Line, in_bold
from loratui.tui.widgets.cursor_list import CursorList


class HomeList(CursorList[Row]):
    """Rows with an id can be chosen; headings and blank lines between them are passed over."""

    DEFAULT_CSS = """
    HomeList {
        & > .lines--faint { color: $text-muted; }
    }
    """

    def __init__(self, glyphs: Callable[[], Glyphs], now: Callable[[], float]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._now = now

    def id_of(self, row: Row) -> str | None:
        """Its id."""
        return row.id or None

    def line_of(self, row: Row, width: int, *, at_cursor: bool) -> Line:
        """A profile or a run in columns; in bold where the keys come."""
        line = row_line(row, width, self._glyphs(), self._now(), at_cursor=at_cursor)
        return in_bold(line) if at_cursor and self.has_focus_within else line
