"""A loss curve as lines of text: raw, smoothed and validation, with axes, in braille or in ASCII.

A function of the curve and the room for it. Every column stands for its share of the steps, so that a hundred thousand
of them cost little more than a hundred.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from loratui.tui.glyphs import Glyphs
from loratui.tui.loss_curve import Curve
from loratui.tui.widgets.changing_lines import Line, Role

# Bits of a braille cell by column and row, from the top.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE = 0x2800
# The vertical axis spans this share of the raw losses; what lies beyond it is drawn at the rim.
_SHOWN = 0.96
_SAMPLED = 2000
# So many raw losses in a column are drawn one by one; of more, a sample tells the band.
_FEW = 6
_SAMPLED_IN_COLUMN = 25
_LABELS = 3
_STEP_LABEL_EVERY = 10
_ROUND = (1, 1.2, 1.5, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8)
_VALIDATION = "o"


def chart_lines(curve: Curve, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Draw `curve` into `width` × `height` cells, axes included; nothing where there is no room or no curve."""
    low_high = _range(curve)
    labels = _value_labels(*low_high) if low_high else []
    margin = max((len(text) for _, text in labels), default=0) + 2
    plot = Plot(width - margin, height - 2, braille=glyphs.braille)
    if not labels or plot.width < 4 or plot.height < 3:
        return []
    last = max(curve.last, curve.steps[-1] if curve.steps else 0, 1)
    plot.draw(curve, last, labels[0][0], labels[-1][0])
    by_row = {plot.row_of(value, labels[0][0], labels[-1][0]): text for value, text in labels}
    lines: list[Line] = []
    for row, cells in enumerate(plot.rows()):
        axis = glyphs.tick if row in by_row else glyphs.vertical
        lines.append(((f"{by_row.get(row, ''):>{margin - 2}} ", "faint"), (axis, "rule"), *cells))
    return [*lines, *_step_axis(plot.width, margin, last, glyphs)]


class Plot:
    """The cells inside of the axes; of each, the dots of the most important series that reaches it are seen."""

    def __init__(self, width: int, height: int, *, braille: bool) -> None:
        self.width = width
        self.height = height
        self._braille = braille
        self._across, self._down = (2, 4) if braille else (1, 1)
        self._raw: dict[tuple[int, int], int] = {}
        self._smoothed: dict[tuple[int, int], int] = {}
        self._validation: set[tuple[int, int]] = set()

    def draw(self, curve: Curve, last: int, low: float, high: float) -> None:
        """Draw the series of `curve`, whose steps go to `last`, between two values."""
        columns = self.width * self._across
        edges = [bisect_left(curve.steps, _first_step(column, columns, last)) for column in range(columns)]
        edges.append(len(curve.steps))
        line: list[tuple[int, int]] = []
        for column in range(columns):
            start, end = edges[column], edges[column + 1]
            if start >= end:
                continue
            for level in self._levels_of(curve.raw[start:end], low, high):
                self._dot(self._raw, column, level)
            smoothed = curve.smoothed[start:end]
            line.append((column, self._level(sum(smoothed) / len(smoothed), low, high)))
        self._join(line)
        for step, value in curve.validation:
            column = min(round(step / last * (columns - 1)), columns - 1)
            self._validation.add((self._level(value, low, high) // self._down, column // self._across))

    def row_of(self, value: float, low: float, high: float) -> int:
        """The row of cells in which a value lies."""
        return self._level(value, low, high) // self._down

    def rows(self) -> Iterable[Line]:
        """The cells, row by row from the top."""
        return [self._row(row) for row in range(self.height)]

    def _row(self, row: int) -> Line:
        pieces: list[tuple[str, Role]] = []
        for column in range(self.width):
            text, role = self._cell((row, column))
            if pieces and pieces[-1][1] == role:
                pieces[-1] = (pieces[-1][0] + text, role)
            else:
                pieces.append((text, role))
        return pieces

    def _cell(self, place: tuple[int, int]) -> tuple[str, Role]:
        if place in self._validation:
            return _VALIDATION, "second"
        if dots := self._smoothed.get(place):
            return (chr(_BRAILLE + dots) if self._braille else "*"), "accent"
        if dots := self._raw.get(place):
            return (chr(_BRAILLE + dots) if self._braille else "."), "faint"
        return " ", "text"

    def _levels_of(self, values: Sequence[float], low: float, high: float) -> Iterable[int]:
        """Where a column's raw losses are drawn: each of a few, of many the band in which most of them lie."""
        if len(values) <= _FEW:
            return [self._level(value, low, high) for value in values]
        sampled = sorted(values[:: len(values) // _SAMPLED_IN_COLUMN + 1])
        cut = len(sampled) // 4
        return range(self._level(sampled[-1 - cut], low, high), self._level(sampled[cut], low, high) + 1)

    def _join(self, line: Sequence[tuple[int, int]]) -> None:
        """Draw a line through points of one column each."""
        for place, (column, level) in enumerate(line):
            self._dot(self._smoothed, column, level)
            if not place:
                continue
            before, was = line[place - 1]
            for between in range(before + 1, column):
                self._dot(self._smoothed, between, round(was + (level - was) * (between - before) / (column - before)))
            if column == before + 1:
                middle = (was + level) // 2
                for other in range(min(was, level) + 1, max(was, level)):
                    near_old = (other <= middle) == (was <= level)
                    self._dot(self._smoothed, before if near_old else column, other)

    def _dot(self, cells: dict[tuple[int, int], int], column: int, level: int) -> None:
        place = (level // self._down, column // self._across)
        bit = _DOTS[column % 2][level % 4] if self._braille else 1
        cells[place] = cells.get(place, 0) | bit

    def _level(self, value: float, low: float, high: float) -> int:
        """The row of dots of a value, counted from the top."""
        levels = self.height * self._down
        level = round((high - value) / (high - low) * (levels - 1))
        return min(max(level, 0), levels - 1)


def _first_step(column: int, columns: int, last: int) -> float:
    """The step from which on a column is meant; steps lie at round(step ÷ last × (columns − 1))."""
    return (column - 0.5) * last / max(1, columns - 1)


def _range(curve: Curve) -> tuple[float, float] | None:
    """Lowest and highest value to be seen; single odd steps do not squeeze the rest."""
    sampled = sorted(curve.raw[:: len(curve.raw) // _SAMPLED + 1])
    cut = int(len(sampled) * (1 - _SHOWN) / 2)
    shown = [*sampled[cut : cut + 1], *sampled[len(sampled) - 1 - cut : len(sampled) - cut]]
    if curve.smoothed:
        shown += [min(curve.smoothed), max(curve.smoothed)]
    shown += [loss for _, loss in curve.validation]
    return (min(shown), max(shown)) if shown else None


def _value_labels(low: float, high: float) -> list[tuple[float, str]]:
    """Three round values, the lowest first, between whose first and last everything lies."""
    # A line that is nearly level shall look so.
    span = max(high - low, abs(high) / 5, 1e-6)
    size = 10.0 ** math.floor(math.log10(span))
    for step in (factor * scale for scale in (size / 10, size) for factor in _ROUND):
        first = math.floor(low / step + 1e-9) * step
        if first + step * (_LABELS - 1) >= max(high, low + span) - step * 1e-9:
            places = next(places for places in range(2, 12) if abs(round(step, places) - step) < step * 1e-6)
            values = [first + step * place for place in range(_LABELS)]
            return [(value, f"{value:.{places}f}") for value in values]
    raise AssertionError("eight times its power of ten is more than half of any range")


def _step_axis(width: int, margin: int, last: int, glyphs: Glyphs) -> list[Line]:
    """The axis with its ticks, and the steps below them."""
    ticks = _ticks(last, max(1, width // _STEP_LABEL_EVERY))
    axis, labels = [glyphs.rule] * width, [" "] * width
    for step in [last, *ticks]:
        text = _short(step)
        column = round(step / last * (width - 1))
        start = min(column, width - len(text))
        free = labels[max(0, start - 1) : start + len(text) + 1]
        if all(character == " " for character in free):
            labels[start : start + len(text)] = text
            axis[column] = glyphs.tee
    return [
        ((" " * (margin - 1), "rule"), (glyphs.corner + "".join(axis), "rule")),
        ((" " * margin + "".join(labels), "faint"),),
    ]


def _ticks(last: int, most: int) -> range:
    """Round steps from 0 on, at most `most` of them beside 0."""
    size = 10 ** max(0, math.floor(math.log10(last / most)))
    for step in (factor * scale for scale in (size, size * 10) for factor in (1, 2, 5)):
        if last / step <= most:
            return range(0, last + 1, step)
    return range(0, last + 1, last)


def _short(step: int) -> str:
    """`360`, `12k`, `1.5M`."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if step >= size * 10 or (step >= size and step % (size // 10) == 0):
            return f"{step / size:.1f}".removesuffix(".0") + unit
    return str(step)
