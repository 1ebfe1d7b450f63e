"""One picture, as large as fits, and its caption; decoded in a thread and sent to the terminal once.

Whoever scrolls quickly past thousands of pictures makes it decode only the latest. Knows no folders and no runs.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.segment import ControlType, Segment
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from loratui.safe_text import printable
from loratui.tui.background import threaded
from loratui.tui.widgets.drawing import Drawing, Request, Source, draw

if TYPE_CHECKING:
    from loratui.tui.session import Session

# Drawings of the last pictures are kept, so that flipping between two sends nothing again.
_KEPT = 4
# Marks a segment that takes no room.
_NO_CELLS = [(ControlType.CURSOR_FORWARD, 0)]


class Picture(Widget):
    """Shows a picture file or a PIL image in the middle of its area; `content-align` places it elsewhere."""

    DEFAULT_CSS = """
    Picture {
        width: 1fr;
        height: 1fr;
        content-align: center top;
        color: $text-muted;
    }
    """

    class Drawn(Message, bubble=False):
        """A thread has finished a drawing."""

        def __init__(self, key: "_Key", drawing: Drawing) -> None:
            super().__init__()
            self.key = key
            self.drawing = drawing

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._source: Source | None = None
        self._caption = ""
        self._shown: Drawing | None = None
        self._shown_caption = ""
        self._kept: dict[_Key, Drawing] = {}
        self._sent: set[str] = set()
        self._wanted: _Key | None = None
        self._is_drawing = False

    def show(self, source: Source | None, caption: str = "") -> None:
        """Show a picture under its caption; None shows nothing.

        Args:
            source: A picture file or an image. A file that was written anew meanwhile is drawn anew.
            caption: One line above the picture.
        """
        self._source, self._caption = source, caption
        self.reconsider()

    def reconsider(self) -> None:
        """Draw again where the room, the file or the way pictures are drawn has changed."""
        request = self._request()
        if request is None:
            self._wanted = None
            self._put(Drawing(told=self._why_off()) if self._source is not None else None)
            return
        self._wanted = (request, _version(request.source))
        known = self._kept.get(self._wanted)
        if known is not None:
            self._put(known)
        elif not self._is_drawing:
            self._begin(self._wanted)

    @property
    def told(self) -> str:
        """The sentence that is shown instead of a picture; "" while there is one."""
        return self._shown.told if self._shown is not None else ""

    def on_resize(self, _: events.Resize) -> None:
        """Fit the picture into the new area."""
        self.reconsider()

    def on_unmount(self) -> None:
        """Let the terminal forget the pictures."""
        for drawing in self._kept.values():
            self._give_up(drawing)

    # Drawing

    @property
    def _session(self) -> "Session":
        return cast("Session", getattr(self.app, "session"))  # noqa: B009 - the app's type would be a circle

    def _request(self) -> Request | None:
        columns, rows = self.content_size
        session = self._session
        images = session.images
        if self._source is None or images == "off" or (images == "halfcell" and not session.glyphs.half_blocks):
            return None
        rows -= bool(self._caption)
        truecolor = self.app.console.color_system in ("truecolor", None)
        return Request(self._source, columns, rows, session.cell_size, images, truecolor, "TMUX" in os.environ)

    def _why_off(self) -> str:
        return "picture off" + (f"\n{printable(self._source)}" if isinstance(self._source, Path) else "")

    def _begin(self, key: "_Key") -> None:
        self._is_drawing = True
        self._draw(key)

    @threaded(group="picture")
    def _draw(self, key: "_Key") -> None:
        drawing = Drawing(told="The picture cannot be drawn.")
        try:
            drawing = draw(key[0])
        finally:
            self.post_message(self.Drawn(key, drawing))

    def on_picture_drawn(self, message: Drawn) -> None:
        """Show what was drawn, unless something else is wanted by now."""
        self._is_drawing = False
        self._keep(message.key, message.drawing)
        if self._wanted is None:
            return
        wanted = self._kept.get(self._wanted)
        if wanted is not None:
            self._put(wanted)
        else:
            self._begin(self._wanted)

    def _keep(self, key: "_Key", drawing: Drawing) -> None:
        self._kept[key] = drawing
        while len(self._kept) > _KEPT:
            oldest = next(one for one in self._kept if self._kept[one] is not self._shown)
            self._give_up(self._kept.pop(oldest))

    def _put(self, drawing: Drawing | None) -> None:
        if drawing is not None and drawing.before and drawing.before not in self._sent:
            self._sent.add(drawing.before)
            self._write(drawing.before)
        if drawing is not self._shown or self._caption != self._shown_caption:
            self._shown, self._shown_caption = drawing, self._caption
            self.refresh()

    def _give_up(self, drawing: Drawing) -> None:
        if drawing.before in self._sent:
            self._sent.remove(drawing.before)
            self._write(drawing.after)

    def _write(self, data: str) -> None:
        driver = self.app._driver
        if driver is not None and data:
            driver.write(data)

    # Painting

    def render(self) -> Content:
        """The caption, and the sentence where there is no picture."""
        lines = [printable(self._shown_caption)] * bool(self._shown_caption) + [self.told] * bool(self.told)
        return Content("\n".join(lines))

    def render_line(self, y: int) -> Strip:
        """A row: of the picture where there is one."""
        drawing, width = self._shown, self.size.width
        row = y - bool(self._shown_caption)
        if drawing is None or drawing.told or row < 0:
            return super().render_line(y)
        left, top = self._place(drawing)
        style = self.rich_style
        if not 0 <= row - top < drawing.rows or drawing.columns > width:
            return Strip.blank(width, style)
        cells = [Segment(" " * left, style)] + [
            segment if segment.style else Segment(segment.text, style) for segment in drawing.lines[row - top]
        ]
        return Strip(cells, left + drawing.columns).adjust_cell_length(width, style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as Textual puts them together; a sixel picture goes with the last, over what is painted by then."""
        strips = super().render_lines(crop)
        drawing = self._shown
        if drawing is None or not (drawing.over or drawing.before):
            return strips
        if not self.screen.is_active:
            # A dialog in front tints these cells, and the tint would name another picture.
            return [Strip.blank(crop.width, self.rich_style)] * crop.height
        if drawing.over and strips and crop.size == self.size:
            strips[-1] = Strip([*strips[-1], self._overlay(drawing)], crop.width)
        return strips

    def _overlay(self, drawing: Drawing) -> Segment:
        left, top = self._place(drawing)
        column, row = self.content_region.x + left, self.content_region.y + bool(self._shown_caption) + top
        return Segment(f"\x1b7\x1b[{row + 1};{column + 1}H{drawing.over}\x1b8", None, _NO_CELLS)

    def _place(self, drawing: Drawing) -> tuple[int, int]:
        """Columns left of the picture and rows above it, under the caption."""
        width, height = self.size
        spare = max(0, width - drawing.columns), max(0, height - bool(self._shown_caption) - drawing.rows)
        across, down = self.styles.content_align_horizontal, self.styles.content_align_vertical
        return (
            spare[0] * ("left", "center", "right").index(across) // 2,
            spare[1] * ("top", "middle", "bottom").index(down) // 2,
        )


_Version = tuple[object, int, int]
_Key = tuple[Request, _Version]


def _version(source: Source) -> _Version:
    """Which picture it is, and what changes when its file is written anew."""
    if not isinstance(source, Path):
        return id(source), 0, 0
    try:
        found = source.stat()
    except OSError:
        return source, 0, 0
    return source, found.st_mtime_ns, found.st_size
