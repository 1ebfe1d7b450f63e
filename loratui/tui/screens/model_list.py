"""The list of bases: a heading, and rows that a search may hide. What choosing one means is the screen's matter."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.model_rows import BaseRow, heading, row_line
from loratui.tui.widgets.changing_lines import Line
from loratui.tui.widgets.cursor_list import CursorList

if TYPE_CHECKING:
    from loratui.hub.downloads import DownloadProgress


class BaseList(CursorList[BaseRow]):
    """Bases as rows, the profile's marked."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="bases")
        self._glyphs = glyphs
        self._all: tuple[BaseRow, ...] = ()
        self._wanted = ""
        self._chosen = ""
        # The profile's base that the cursor was last brought to.
        self._reached = ""
        self._downloads: Mapping[str, DownloadProgress] = {}

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
        self._all, self._chosen, self._downloads = tuple(rows), chosen, downloads
        shown = tuple(row for row in self._all if row.contains(self._wanted))
        is_new = chosen != self._reached and any(row.base == chosen for row in shown)
        if is_new:
            self._reached = chosen
        self.show_rows(shown, chosen if is_new else None)

    def action_show_all(self) -> None:
        """End a search."""
        self.search("")

    def id_of(self, row: BaseRow) -> str:
        """Its name."""
        return row.base

    def line_of(self, row: BaseRow, width: int, *, at_cursor: bool) -> Line:
        """Name, family, size, where, and how far its download is."""
        is_chosen = bool(row.base) and row.base == self._chosen
        download = self._downloads.get(row.base)
        return row_line(row, width, self._glyphs, at_cursor=at_cursor, is_chosen=is_chosen, download=download)

    def heading(self, width: int) -> Sequence[Line]:
        """What stands above the columns."""
        return [heading(width, self._glyphs, self._wanted)]

    def _go(self, place: int) -> None:
        self._reached = self._chosen  # from now on the cursor is where it is wanted
        super()._go(place)
