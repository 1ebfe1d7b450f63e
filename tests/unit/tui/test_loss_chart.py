"""The loss chart: what is where, in braille and in ASCII, at any size, and quickly."""

import math
import time

import pytest
from rich.cells import cell_len

from loratui.tui.glyphs import ASCII, UNICODE, Glyphs
from loratui.tui.loss_curve import Curve, GrowingCurve
from loratui.tui.widgets.changing_lines import Line, plain
from loratui.tui.widgets.loss_chart import chart_lines


def falling(steps: int, last: int, scale: float = 1.0) -> Curve:
    """A falling loss with noise, of which `steps` are taken."""
    curve = GrowingCurve()
    curve.last = last
    for step in range(1, steps + 1):
        level = (0.06 + 0.2 * math.exp(-step / last * 5)) * scale
        curve.add(step, level * (1 + 0.3 * math.sin(step * 2.3)))
        if step % max(1, last // 10) == 0:
            curve.add_validation(step, level)
    return curve.taken()


def cells(lines: list[Line], role: str) -> set[tuple[int, int]]:
    """Row and column of the cells with a role that are not blank."""
    found = set()
    for row, line in enumerate(lines):
        column = 0
        for text, own in line:
            for character in text:
                if own == role and character != " ":
                    found.add((row, column))
                column += 1
    return found


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize(("width", "height"), [(20, 6), (48, 13), (150, 40)])
@pytest.mark.parametrize("steps", [1, 2, 138, 360])
def test_the_chart_fills_exactly_its_room(glyphs: Glyphs, width: int, height: int, steps: int) -> None:
    lines = chart_lines(falling(steps, 360), width, height, glyphs)

    assert len(lines) == height
    assert {cell_len("".join(text for text, _ in line)) for line in lines} == {width}
    if glyphs is ASCII:
        assert plain(lines).isascii()


def test_half_of_the_steps_fill_half_of_the_width() -> None:
    lines = chart_lines(falling(180, 360), 87, 12, UNICODE)
    margin = len("0.36 ┤")
    columns = [column - margin for _, column in cells(lines, "accent") | cells(lines, "faint") if column >= margin]
    drawn = [column for row, column in cells(lines[:-1], "accent")]

    assert min(drawn) == margin
    assert (max(drawn) - margin) / (87 - margin) == pytest.approx(0.5, abs=0.03)
    assert columns


def test_a_falling_loss_falls_on_the_screen() -> None:
    lines = chart_lines(falling(360, 360), 60, 14, UNICODE)
    rows = {column: row for row, column in sorted(cells(lines, "accent"), reverse=True)}

    assert rows[min(rows)] < rows[max(rows)]


def test_the_axes_are_labelled_with_round_numbers() -> None:
    text = plain(chart_lines(falling(138, 360), 48, 13, UNICODE)).splitlines()

    assert text[0].startswith("0.32 ┤")
    assert text[5].startswith("0.16 ┤")
    assert text[10].startswith("0.00 ┤")
    assert text[-1].split() == ["0", "100", "200", "300", "360"]
    assert text[-1].endswith("360")


def test_validation_is_marked_at_its_step() -> None:
    curve = Curve((1, 100), (0.2, 0.1), (0.2, 0.1), ((0, 0.2), (50, 0.15), (100, 0.1)), 100)
    lines = chart_lines(curve, 56, 12, UNICODE)

    columns = sorted(column for _, column in cells(lines, "second"))
    assert columns == [6, 31, 55]


def test_one_outlier_does_not_squeeze_the_rest() -> None:
    curve = falling(360, 360)
    spoilt = Curve(curve.steps, (*curve.raw[:99], 40.0, *curve.raw[100:]), curve.smoothed, curve.validation, 360)

    top = float(plain(chart_lines(spoilt, 48, 13, UNICODE)).split()[0])
    assert top < 1


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e4])
def test_any_size_of_loss_has_labels_that_differ(scale: float) -> None:
    lines = chart_lines(falling(200, 360, scale), 60, 13, UNICODE)
    labels = [text.split()[0] for text in plain(lines).splitlines()[:-2] if "┤" in text]

    assert len(set(labels)) == 3


def test_a_level_loss_is_drawn_too() -> None:
    lines = chart_lines(Curve((1, 2, 3), (0.1, 0.1, 0.1), (0.1, 0.1, 0.1), (), 3), 40, 10, UNICODE)

    assert len(cells(lines, "accent")) > 10


def test_nothing_is_drawn_without_a_curve_or_without_room() -> None:
    assert chart_lines(Curve(), 48, 13, UNICODE) == []
    assert chart_lines(falling(10, 360), 9, 13, UNICODE) == []
    assert chart_lines(falling(10, 360), 48, 4, UNICODE) == []


def test_many_steps_are_shortened_on_the_axis() -> None:
    assert plain(chart_lines(falling(500, 100_000), 60, 13, UNICODE)).endswith("100k")


def test_a_hundred_thousand_steps_are_drawn_in_less_than_30_ms() -> None:
    curve = falling(100_000, 100_000)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        chart_lines(curve, 48, 13, UNICODE)
        took.append(time.perf_counter() - began)

    assert min(took) < 0.03
