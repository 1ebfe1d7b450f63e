"""The list of pictures: only the rows that are seen are drawn, so that thousands are as quick as ten."""

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from loratui.tui.screens.pictures_lines import row_line
from loratui.tui.widgets.changing_lines import ChangingLines, Line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.tui.glyphs import Glyphs
    from loratui.tui.screens.pictures_album import Album

_ALL = 1 << 30


class PictureList(ChangingLines, can_focus=True):
    """Shows an album; the arrows move the cursor, what Enter does is the screen's matter."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, id="pictures.up"),
        Binding("down", "move(1)", show=False, id="pictures.down"),
        Binding("pageup", "page(-1)", show=False, id="pictures.page_up"),
        Binding("pagedown", "page(1)", show=False, id="pictures.page_down"),
        Binding("home", f"move({-_ALL})", show=False, id="pictures.first"),
        Binding("end", f"move({_ALL})", show=False, id="pictures.last"),
        Binding("escape", "show_all", show=False, id="pictures.show_all"),
    ]

    class Moved(Message):
        """Another picture is under the cursor, or none."""

    class ShowAll(Message):
        """Esc: the search is over."""

    def __init__(self, glyphs: "Callable[[], Glyphs]", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._album: Album | None = None
        self._cursor = 0
        self._top = 0
        self._names = 0
        self._measured: tuple[Path, ...] = ()

    @property
    def current(self) -> "Path | None":
        """The picture under the cursor."""
        shown = self._paths
        return shown[min(self._cursor, len(shown) - 1)] if shown else None

    @property
    def in_sight(self) -> "tuple[Path, ...]":
        """The pictures whose rows are seen."""
        return self._paths[self._top : self._top + self.size.height]

    def show_album(self, album: "Album | None") -> None:
        """Show an album, or what it knows by now; the cursor stays on its picture where that is still there."""
        before = self.current
        self._album = album
        shown = self._paths
        in_place = self._cursor < len(shown) and shown[self._cursor] == before
        if before is not None and not in_place and before in shown:
            self._cursor = shown.index(before)
        self.redraw()
        if self.current != before:
            self.post_message(self.Moved())

    def go_to(self, path: "Path") -> bool:
        """Put the cursor on a picture; says whether it is shown."""
        shown = self._paths
        if path not in shown:
            return False
        self.action_move(shown.index(path) - self._cursor)
        return True

    def action_move(self, rows: int) -> None:
        """Go `rows` rows down."""
        before = self.current
        self._cursor = max(0, min(self._cursor + rows, len(self._paths) - 1))
        self.redraw()
        if self.current != before:
            self.post_message(self.Moved())

    def action_page(self, pages: int) -> None:
        """Go a page down or up."""
        self.action_move(pages * max(1, self.size.height - 1))

    def action_show_all(self) -> None:
        """End the search."""
        self.post_message(self.ShowAll())

    def redraw(self) -> None:
        """Draw the rows that are seen."""
        height, shown = self.size.height, self._paths
        if not height:
            return
        self._cursor = max(0, min(self._cursor, len(shown) - 1))
        self._top = max(0, min(self._top, self._cursor, len(shown) - height))
        self._top = max(self._top, self._cursor - height + 1)
        self.show(self._line(place) for place in range(self._top, min(self._top + height, len(shown))))

    @property
    def _paths(self) -> "tuple[Path, ...]":
        return self._album.shown if self._album is not None else ()

    def _line(self, place: int) -> Line:
        album = self._album
        if album is None:
            return ()
        if self._measured is not album.paths:
            self._measured = album.paths
            self._names = max((cell_len(album.name_of(path)) for path in album.paths), default=0)
        row = album.row(album.shown[place])
        return row_line(
            row, self.size.width, self._names, self._glyphs(), at_cursor=place == self._cursor, focused=self.has_focus
        )

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
        """Go to a picture."""
        if self._top + event.y < len(self._paths):
            self.action_move(self._top + event.y - self._cursor)

    def on_mouse_scroll_down(self) -> None:
        """Go on."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Go back."""
        self.action_move(-3)
