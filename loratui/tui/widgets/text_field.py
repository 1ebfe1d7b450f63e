"""The fields to type in: what a terminal might obey is drawn as a sign of one cell, and stays in the text.

A profile, a caption or a pasted text may hold such characters. All text fields of the program are made of these two.
"""

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Input, TextArea

from loratui.safe_text import masked

_LEAST_ROOM = 8
_GOES_ON = "…"


class TextField(Input):
    """One line."""

    def on_mount(self) -> None:
        """Bring the end of a long text into sight, once it is known how much room there is."""
        self.call_after_refresh(self._show_cursor)

    def _show_cursor(self) -> None:
        self.scroll_to_region(Region(self._cursor_offset, 0, 1, 1), force=True, animate=False)

    def validate_placeholder(self, placeholder: str) -> str:
        """Keep the placeholder safe too: it may come from a file's name."""
        return masked(placeholder)

    @property
    def _value(self) -> Text:
        """What is drawn. Textual asks for it to draw and to measure."""
        if self.password:
            return super()._value
        return Text(masked(self.value), no_wrap=True, overflow="ignore", end="")

    def render_line(self, y: int) -> Strip:
        """The line; a sign stands on a side on which the text goes on, unless the cursor is there."""
        strip = super().render_line(y)
        width, left = self.scrollable_content_region.width, self.scroll_offset.x
        if y or not self.value or width < _LEAST_ROOM:
            return strip
        cursor = self._cursor_offset - left if self.has_focus else -1
        if left > 0 and cursor > 0:
            strip = _with_sign(strip, 0)
        if left + width < self._value.cell_len and cursor != width - 1:
            strip = _with_sign(strip, width - 1)
        return strip

    def _position_to_cell(self, position: int) -> int:
        return cell_len(masked(self.value[:position]))

    def _cell_offset_to_index(self, offset: int) -> int:
        cells = offset + self.scroll_offset.x
        for index, character in enumerate(masked(self.value)):
            cells -= cell_len(character)
            if cells < 0:
                return index
        return len(self.value)


def _with_sign(strip: Strip, cell: int) -> Strip:
    """The line with the sign in a cell, in the colours that are there."""
    style = next((segment.style for segment in strip.crop(cell, cell + 1)), None)
    parts = [strip.crop(0, cell), Strip([Segment(_GOES_ON, style)]), strip.crop(cell + 1, strip.cell_length)]
    return Strip.join(parts)


class TextLines(TextArea):
    """Several lines."""

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn; its tabs are for the field itself to draw."""
        line = self.document.get_line(line_index)
        return Text("\t".join(map(masked, line.split("\t"))), end="", no_wrap=True)
