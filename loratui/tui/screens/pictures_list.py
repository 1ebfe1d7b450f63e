"""The list of pictures. What Enter does is the screen's matter."""

from typing import TYPE_CHECKING

from rich.cells import cell_len

from loratui.tui.screens.pictures_lines import row_line
from loratui.tui.widgets.changing_lines import Line
from loratui.tui.widgets.cursor_list import CursorList

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.tui.glyphs import Glyphs
    from loratui.tui.screens.pictures_album import Album


class PictureList(CursorList["Path"]):
    """Shows an album."""

    def __init__(self, glyphs: "Callable[[], Glyphs]", album: "Album", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._album = album
        self._names = 0
        self._measured: tuple[Path, ...] = ()

    def show_album(self, album: "Album") -> None:
        """Show an album, or what it knows by now."""
        self._album = album
        if self._measured is not album.paths:
            self._measured = album.paths
            self._names = max((cell_len(album.name_of(path)) for path in album.paths), default=0)
        self.show_rows(album.shown)

    def id_of(self, row: "Path") -> "Path":
        """The picture itself."""
        return row

    def line_of(self, row: "Path", width: int, *, at_cursor: bool) -> Line:
        """Its name, size, and what there is to say."""
        picture, glyphs = self._album.row(row), self._glyphs()
        return row_line(picture, width, self._names, glyphs, at_cursor=at_cursor, focused=self.has_focus_within)
