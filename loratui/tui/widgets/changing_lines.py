"""Lines of text of which only those that differ from before are sent to the terminal, up to the last cell that does.

A `Static` is drawn again as a whole when one figure in it changes; over a slow link that is most of what a screen full
of figures would send.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, cast

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

Role = Literal["text", "strong", "faint", "accent", "second", "rule", "good", "warning", "error"]
Line = Sequence[tuple[str, Role]]
_Cell = tuple[str, Role]
_BOLD = "bold "
_CUT = "…"


class ChangingLines(Widget):
    """Shows lines of pieces with a role each; a sign stands for what is cut, and what is missing stays empty."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--text",
        "lines--strong",
        "lines--faint",
        "lines--accent",
        "lines--second",
        "lines--rule",
        "lines--good",
        "lines--warning",
        "lines--error",
    }
    DEFAULT_CSS = """
    ChangingLines {
        width: 1fr;
        height: 1fr;
        & > .lines--strong { text-style: bold; }
        & > .lines--faint { color: $faint; }
        & > .lines--accent { color: $text-accent; }
        & > .lines--second { color: $text-warning; }
        & > .lines--rule { color: $rule; }
        & > .lines--good { color: $text-success; }
        & > .lines--warning { color: $text-warning; }
        & > .lines--error { color: $text-error; }
    }
    """

    class Resized(Message):
        """There is other room for lines; whoever made them may want to make them anew."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._cells: list[list[_Cell]] = []
        self._laid_out = Size(0, 0)

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown."""
        return self._lines

    def show(self, lines: Iterable[Line]) -> None:
        """Show other lines."""
        self._lines = tuple(lines)
        width, height = self.size
        if self.size != self._laid_out or not width:
            self._lay_out()
            self.refresh()
            return
        before, self._cells = self._cells, [_cells_of(line, width) for line in self._lines[:height]]
        blank = _cells_of((), width)
        rows = max(len(before), len(self._cells))
        for row in range(min(rows, height)):
            old = before[row] if row < len(before) else blank
            new = self._cells[row] if row < len(self._cells) else blank
            if old is not new and old != new:
                # Textual sends a line from the widget's left edge to a region's end: two regions would be sent twice.
                self.refresh(Region(0, row, _last_change(old, new) + 1, 1))

    def on_resize(self) -> None:
        """Cut the lines anew."""
        self._lay_out()
        self.refresh()
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        """One line, as wide as the widget."""
        if self.size != self._laid_out:
            self._lay_out()
        if y >= len(self._cells):
            return Strip.blank(self.size.width, self._style("text"))
        pieces: list[Segment] = []
        text, role = "", None
        for character, own in self._cells[y]:
            if own != role and text:
                pieces.append(Segment(text, self._style(role or "text")))
                text = ""
            text, role = text + character, own
        return Strip([*pieces, Segment(text, self._style(role or "text"))], self.size.width)

    def _style(self, role: Role) -> Style:
        own = role.removeprefix(_BOLD)
        style = self.get_component_rich_style(f"lines--{own}")
        return style if own == role else style + Style(bold=True)

    def _lay_out(self) -> None:
        width, height = self.size
        self._laid_out = self.size
        self._cells = [_cells_of(line, width) for line in self._lines[:height]]


def in_bold(line: Line) -> Line:
    """The same line, each piece in its own colour."""
    return [(text, cast("Role", _BOLD + role)) for text, role in line]


def plain(lines: Iterable[Line]) -> str:
    """Lines without their roles."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def _cells_of(line: Line, width: int) -> list[_Cell]:
    """One entry a cell; a wide letter's second cell holds nothing, what joins a letter stays with it and may widen it.

    Sizes are those that Textual finds: a heart is one cell wide, and two with the sign that makes it an emoji.
    A sign stands for the end that does not fit.
    """
    cells: list[_Cell] = []
    letter, letter_size = "", 0
    for text, role in line:
        for character in text:
            size = cell_len(character)
            own = role
            if size == 0:
                if not letter:
                    continue
                own = cells[-letter_size][1]
                del cells[-letter_size:]
                character = letter + character
                size = cell_len(character)
            if len(cells) + size > width:
                whole = cell_len("".join(text for text, _ in line).rstrip()) <= width
                return cells + [(" ", "text")] * (width - len(cells)) if whole else _cut_short(cells, width)
            letter, letter_size = character, size
            cells += [(character, own), *[("", own)] * (size - 1)]
    return cells + [(" ", "text")] * (width - len(cells))


def _cut_short(cells: list[_Cell], width: int) -> list[_Cell]:
    """The cells with a sign at their end for what did not fit."""
    end = max(0, min(len(cells), width - 1))
    while 0 < end < len(cells) and not cells[end][0]:
        end -= 1
    role = cells[end - 1][1] if end else "text"
    return (cells[:end] + [(_CUT, role)] + [(" ", "text")] * width)[:width]


def _last_change(old: list[_Cell], new: list[_Cell]) -> int:
    """The last cell that differs, or the second cell of a wide character there."""
    last = max(place for place, (one, other) in enumerate(zip(old, new, strict=True)) if one != other)
    while last + 1 < len(new) and not (new[last + 1][0] and old[last + 1][0]):
        last += 1
    return last
