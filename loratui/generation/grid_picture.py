"""One labelled picture of a comparison: strengths across, prompts, seeds, epochs and bases down.

Knows pictures and labels only; what was drawn and why is `strength_grid`'s business.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from loratui.errors import GenerationError
from loratui.generation.lettering import Lettering

_EPSILON = 1e-6
_PAPER, _INK, _FAINT, _LINE, _EMPTY = "#ffffff", "#1f2430", "#6b7280", "#e5e7eb", "#f3f4f6"
# Cells below the comfortable edge are enlarged; none becomes smaller than the smallest.
_COMFORTABLE, _SMALLEST = 192, 48
# Programs that show pictures become slow or refuse beyond about this.
_MOST_PIXELS, _LONGEST_EDGE = 64_000_000, 16_000
# Beyond this many rows their labels get less room.
_MANY_ROWS = 60


@dataclass(frozen=True)
class Band:
    """A recommended range of strengths: its words, its colour, and the lane above the columns where its bar lies."""

    low: float
    high: float
    words: str
    colour: str
    lane: int

    def __contains__(self, strength: float) -> bool:
        return self.low - _EPSILON <= strength <= self.high + _EPSILON


BANDS = (
    Band(0.7, 0.9, "0.7–0.9 everyday", "#2b8a68", 0),
    Band(1.0, 1.2, "1.0–1.2 strong", "#c9731b", 0),
    Band(0.5, 0.7, "0.5–0.7 each, when several are combined", "#7a68d0", 1),
)


@dataclass(frozen=True)
class GridRow:
    """One row: its prompt, what tells it from its neighbours (seed, epoch, base), and its picture files by strength."""

    prompt: str
    details: tuple[str, ...]
    pictures: Mapping[float, Path]


def strength_label(strength: float) -> str:
    """Return how a column is called: "no LoRA" for 0.0, else the number."""
    if strength == 0:
        return "no LoRA"
    return f"{strength:g}" if strength % 1 else f"{strength:.1f}"


def check_fits(rows: int, strengths: Sequence[float], size: tuple[int, int]) -> None:
    """Refuse, before anything is drawn, a grid that would be too large even with the smallest cells.

    Raises:
        GenerationError: there are too many rows or columns for one picture.
    """
    _lay_out(rows, strengths, size)


def draw_grid(
    strengths: Sequence[float], rows: Sequence[GridRow], size: tuple[int, int], *, title: str = "", footnote: str = ""
) -> Image.Image:
    """Draw the labelled grid.

    Small cells are enlarged by a whole factor without smoothing; large ones are made smaller where the whole would
    be too big to look at. A picture that is missing leaves an empty cell.

    Args:
        strengths: The columns, from left to right.
        rows: At least one.
        size: Width and height of one picture in pixels.
        title: One line at the top.
        footnote: What all cells share: sampler, steps, negative prompt; below the grid, at most two lines.

    Raises:
        GenerationError: there are too many rows or columns for one picture.
    """
    layout = _lay_out(len(rows), strengths, size)
    grid = Image.new("RGB", layout.size, _PAPER)
    pen = ImageDraw.Draw(grid)
    large, medium, small = (Lettering(layout.scaled(height)) for height in (20, 14, 13))
    for line in large.wrap(title, layout.size[0] - 2 * layout.margin, 1):
        large.draw(pen, (layout.margin, layout.scaled(18)), line, _INK)
    _draw_bands(pen, layout, strengths, small)
    _draw_column_names(pen, layout, strengths, large, medium)
    for index, row in enumerate(rows):
        _draw_label(pen, layout, index, row, medium, small)
        for column, strength in enumerate(strengths):
            _place(grid, pen, layout.corner(index, column), layout.cell, row.pictures.get(strength))
    below = layout.corner(len(rows), 0)[1] + layout.scaled(8)
    for number, line in enumerate(small.wrap(footnote, layout.size[0] - 2 * layout.margin, 2)):
        small.draw(pen, (layout.margin, below + number * small.line_height), line, _FAINT)
    return grid


@dataclass(frozen=True)
class _Layout:
    """Where everything lies, in pixels; lettering and margins grow with the cells."""

    columns: int
    rows: int
    cell: tuple[int, int]
    lanes: int

    def scaled(self, length: float) -> int:
        return round(length * min(2.0, max(1.0, min(self.cell) / 320)))

    @property
    def margin(self) -> int:
        return self.scaled(24)

    @property
    def space(self) -> int:
        return self.scaled(8)

    @property
    def label_width(self) -> int:
        return self.scaled(250)

    @property
    def row_height(self) -> int:
        return max(self.cell[1], self.scaled(96 if self.rows < _MANY_ROWS else 56))

    @property
    def header(self) -> int:
        return self.scaled(92) + self.lanes * self.lane_height

    @property
    def lane_height(self) -> int:
        return self.scaled(30)

    @property
    def size(self) -> tuple[int, int]:
        right, bottom = self.corner(self.rows, self.columns)
        return right - self.space + self.margin, bottom - self.space + self.scaled(72)

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Top left corner of a cell."""
        left = self.margin + self.label_width + 2 * self.space
        return left + column * (self.cell[0] + self.space), self.header + row * (self.row_height + self.space)


def _lay_out(rows: int, strengths: Sequence[float], size: tuple[int, int]) -> _Layout:
    lanes = len({band.lane for band in BANDS if any(strength in band for strength in strengths)})
    scale: float = max(1, math.ceil(_COMFORTABLE / max(size)))
    while True:
        cell = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        layout = _Layout(len(strengths), rows, cell, lanes)
        width, height = layout.size
        if width <= _LONGEST_EDGE and height <= _LONGEST_EDGE and width * height <= _MOST_PIXELS:
            return layout
        if max(cell) <= _SMALLEST:
            raise GenerationError(
                f"A grid of {rows} rows and {len(strengths)} columns is too large for one picture.",
                "Ask for fewer prompts, seeds, epochs, bases or strengths.",
            )
        scale = scale - 1 if scale > 1 else scale * 0.9


def _draw_bands(pen: ImageDraw.ImageDraw, layout: _Layout, strengths: Sequence[float], lettering: Lettering) -> None:
    ends: dict[int, float] = {}
    lanes: dict[int, int] = {}
    for band in BANDS:
        inside = [column for column, strength in enumerate(strengths) if strength in band]
        if not inside:
            continue
        lane = lanes.setdefault(band.lane, len(lanes))
        left, right = layout.corner(0, inside[0])[0], layout.corner(0, inside[-1])[0] + layout.cell[0] - 1
        top = layout.header - layout.scaled(42) - lane * layout.lane_height
        pen.rounded_rectangle((left, top, right, top + layout.scaled(5)), layout.scaled(2), fill=band.colour)
        # Words may be wider than their bar: then they begin with it, after the words before, inside the picture.
        width = lettering.width(band.words)
        start = max(left + max(0.0, (right - left - width) / 2), ends.get(lane, 0.0))
        start = max(layout.margin, min(start, layout.size[0] - layout.margin - width))
        lettering.draw(pen, (start, top - lettering.line_height), band.words, band.colour)
        ends[lane] = start + width + layout.space


def _draw_column_names(
    pen: ImageDraw.ImageDraw, layout: _Layout, strengths: Sequence[float], large: Lettering, medium: Lettering
) -> None:
    for column, strength in enumerate(strengths):
        name = strength_label(strength)
        lettering = large if large.width(name) <= layout.cell[0] else medium
        x, y = layout.corner(0, column)
        at = (x + (layout.cell[0] - lettering.width(name)) / 2, y - large.line_height - layout.scaled(6))
        lettering.draw(pen, at, name, _INK if strength else _FAINT)
    x, y = layout.corner(0, 0)
    words = "LoRA strength"
    at = (x - 2 * layout.space - medium.width(words), y - large.line_height - layout.scaled(1))
    medium.draw(pen, at, words, _FAINT)


def _draw_label(
    pen: ImageDraw.ImageDraw, layout: _Layout, index: int, row: GridRow, medium: Lettering, small: Lettering
) -> None:
    top = layout.corner(index, 0)[1]
    if index:
        rule = top - layout.space // 2
        pen.line((layout.margin, rule, layout.margin + layout.label_width, rule), fill=_LINE)
    details = [line for detail in row.details for line in small.wrap(detail, layout.label_width, 2)]
    details = details[: max(1, layout.row_height // small.line_height - 2)]
    room = layout.row_height - layout.scaled(5) - len(details) * small.line_height
    y = top + layout.scaled(1)
    prompt = row.prompt.strip() or "(empty prompt)"
    for line in medium.wrap(prompt, layout.label_width, max(1, room // medium.line_height)):
        medium.draw(pen, (layout.margin, y), line, _INK)
        y += medium.line_height
    y += layout.scaled(3)
    for line in details:
        small.draw(pen, (layout.margin, y), line, _FAINT)
        y += small.line_height


def _place(
    grid: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], cell: tuple[int, int], path: Path | None
) -> None:
    x, y = corner
    if path is None:
        pen.rectangle((x, y, x + cell[0] - 1, y + cell[1] - 1), fill=_EMPTY, outline=_LINE)
        return
    with Image.open(path) as picture:
        whole = cell[0] % picture.width == 0 and cell[1] % picture.height == 0
        resampling = Image.Resampling.NEAREST if whole else Image.Resampling.LANCZOS
        grid.paste(picture.convert("RGB").resize(cell, resampling), corner)
