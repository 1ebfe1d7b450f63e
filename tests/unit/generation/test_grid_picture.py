import functools
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from loratui.errors import GenerationError
from loratui.generation.grid_picture import BANDS, GridRow, check_fits, draw_grid, strength_label
from loratui.generation.lettering import Lettering

STRENGTHS = [0.0, 0.4, 0.7, 0.8, 0.9, 1.0, 1.2]
PROMPT = "Emi, cute girl, sleeping, smiling, closed eyes, lying in bed, long hair, brown hair, wavy hair"


def colours(count: int) -> list[tuple[int, int, int]]:
    return [(255 - 30 * index % 256, 40, 30 * index % 256) for index in range(count)]


def rows(
    tmp_path: Path, count: int, size: tuple[int, int], strengths: list[float], prompt: str = PROMPT
) -> list[GridRow]:
    found = []
    for row in range(count):
        pictures = {}
        for column, colour in enumerate(colours(len(strengths))):
            path = tmp_path / f"{row}-{column}.png"
            Image.new("RGB", size, colour).save(path)
            pictures[strengths[column]] = path
        found.append(GridRow(prompt, (f"seed {row}",), pictures))
    return found


def box(grid: Image.Image, colour: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Box around all pixels of exactly one colour."""
    difference = ImageChops.difference(grid, Image.new("RGB", grid.size, colour))
    most = functools.reduce(ImageChops.lighter, difference.split())
    return most.point(lambda value: 255 * (value == 0)).getbbox()


def cells(grid: Image.Image, count: int) -> list[tuple[int, int, int, int]]:
    found = [box(grid, colour) for colour in colours(count)]
    assert all(found)
    return [cell for cell in found if cell]


def test_columns_rise_from_left_to_right_and_small_cells_are_enlarged_whole(tmp_path: Path) -> None:
    grid = draw_grid(STRENGTHS, rows(tmp_path, 1, (64, 64), STRENGTHS), (64, 64), title="emi")
    found = cells(grid, len(STRENGTHS))
    assert [(right - left, bottom - top) for left, top, right, bottom in found] == [(192, 192)] * 7
    assert [left for left, *_ in found] == sorted(left for left, *_ in found)
    assert len({top for _, top, *_ in found}) == 1


def test_enlarging_keeps_pixels_sharp(tmp_path: Path) -> None:
    path = tmp_path / "checks.png"
    picture = Image.new("RGB", (64, 64), "#ff0000")
    picture.paste("#0000ff", (0, 0, 1, 1))
    picture.save(path)
    grid = draw_grid([0.0], [GridRow("", (), {0.0: path})], (64, 64))
    left, top, right, bottom = box(grid, (0, 0, 255)) or (0, 0, 0, 0)
    assert (right - left, bottom - top) == (3, 3)


def test_pictures_of_usual_size_are_not_resized(tmp_path: Path) -> None:
    grid = draw_grid([0.0, 0.8], rows(tmp_path, 2, (512, 384), [0.0, 0.8]), (512, 384))
    (left, top, right, bottom), _ = cells(grid, 2)
    assert right - left == 512
    assert bottom - top > 2 * 384


def test_the_bars_span_the_recommended_columns(tmp_path: Path) -> None:
    grid = draw_grid(STRENGTHS, rows(tmp_path, 1, (64, 64), STRENGTHS), (64, 64))
    found = dict(zip(STRENGTHS, cells(grid, 7), strict=True))
    for band, first, last in zip(BANDS, (0.7, 1.0, 0.7), (0.9, 1.2, 0.7), strict=True):
        colour = tuple(int(band.colour[index : index + 2], 16) for index in (1, 3, 5))
        # The words above may be wider than the bar; the bar's own rows are those just above the column names.
        left, _, right, bottom = box(grid, colour) or (0, 0, 0, 0)
        assert left == found[first][0]
        assert right >= found[last][2]
        assert bottom < found[first][1]
        assert grid.getpixel((found[last][2] - 4, bottom - 3)) == colour


def test_without_a_recommended_column_there_is_no_bar_and_less_header(tmp_path: Path) -> None:
    plain = draw_grid([0.0, 0.3], rows(tmp_path, 1, (64, 64), [0.0, 0.3]), (64, 64))
    marked = draw_grid([0.0, 0.8], rows(tmp_path, 1, (64, 64), [0.0, 0.8]), (64, 64))
    assert plain.height < marked.height
    assert cells(plain, 2)


@pytest.mark.parametrize(
    ("strength", "label"),
    [(0.0, "no LoRA"), (-0.0, "no LoRA"), (1.0, "1.0"), (0.7, "0.7"), (0.75, "0.75"), (-0.5, "-0.5")],
)
def test_a_column_is_called_by_its_strength(strength: float, label: str) -> None:
    assert strength_label(strength) == label


def test_every_word_has_its_place(tmp_path: Path) -> None:
    row = rows(tmp_path, 1, (64, 64), [0.8])[0]

    def draw(strength: float = 0.8, title: str = "emi", footnote: str = "Euler a", **other: object) -> Image.Image:
        changed = replace(row, pictures={strength: row.pictures[0.8]}, **other)
        return draw_grid([strength], [changed], (64, 64), title=title, footnote=footnote)

    usual = draw()
    left, top, right, bottom = cells(usual, 1)[0]
    places = {
        "title": (draw(title="other"), (0, 0, usual.width, 50)),
        "column": (draw(strength=0.9), (left, top - 40, right, top)),
        "prompt": (draw(prompt="something else"), (0, top, left, bottom)),
        "details": (draw(details=("seed 8",)), (0, top, left, bottom)),
        "footnote": (draw(footnote="DDIM"), (0, bottom, usual.width, usual.height)),
    }
    for name, (changed, place) in places.items():
        difference = ImageChops.difference(usual, changed).getbbox()
        assert difference, name
        assert place[0] <= difference[0] < difference[2] <= place[2], name
        assert place[1] <= difference[1] < difference[3] <= place[3], name


@pytest.mark.parametrize("prompt", ["", "x" * 4000, "\x1b[31mred\u202e", "猫耳の少女、笑顔" * 20, "a\n\n\tb", "🙂 é Ж"])
def test_any_prompt_can_be_a_label(tmp_path: Path, prompt: str) -> None:
    grid = draw_grid([0.0], rows(tmp_path, 1, (64, 64), [0.0], prompt), (64, 64))
    assert cells(grid, 1)
    # Nothing of the label reaches into the pictures' columns.
    (left, top, right, bottom) = cells(grid, 1)[0]
    assert (right - left, bottom - top) == (192, 192)


def test_a_missing_picture_leaves_a_gap() -> None:
    grid = draw_grid([0.0], [GridRow("", (), {})], (64, 64))
    assert grid.width > 192


def test_many_columns_make_the_cells_smaller_not_the_picture_endless() -> None:
    strengths = [index / 20 for index in range(60)]
    grid = draw_grid(strengths, [GridRow("Emi", ("seed 7",), {})] * 40, (512, 512))
    assert grid.width * grid.height <= 64_000_000
    assert max(grid.size) <= 16_000
    check_fits(150, STRENGTHS, (64, 64))


def test_a_grid_beyond_all_bounds_is_refused_before_drawing() -> None:
    with pytest.raises(GenerationError, match="5000 rows and 7 columns is too large"):
        check_fits(5000, STRENGTHS, (64, 64))


def test_wrapped_lines_fit_and_lose_nothing() -> None:
    lettering = Lettering(14)
    lines = lettering.wrap(PROMPT, 200, 20)
    assert " ".join(lines) == PROMPT
    assert all(lettering.width(line) <= 200 for line in lines)


def test_a_cut_label_ends_with_an_ellipsis() -> None:
    lettering = Lettering(14)
    lines = lettering.wrap(PROMPT, 120, 2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert lettering.width(lines[-1]) <= 120


def test_without_system_fonts_relatives_and_boxes_stand_in() -> None:
    alone = Lettering(14, fonts=())
    assert alone.width("café – ×") == alone.width("cafe - x")
    assert alone.width("猫") > 0
