"""The lines of the pictures' screen fit their width, whatever letters they are made of."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from loratui.tui.glyphs import ASCII, UNICODE, Glyphs
from loratui.tui.screens.pictures_album import PictureRow, State
from loratui.tui.screens.pictures_lines import heading, row_line, seen_lines
from loratui.tui.widgets.changing_lines import Line

LETTERS = st.text(alphabet="ab ,é女の子🙂-", max_size=80)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="abc女の子.png", min_size=1, max_size=40),
    st.integers(min_value=36, max_value=120),
    st.sampled_from(["unknown", "good", "odd", "bad"]),
    st.sampled_from([None, (448, 576), (1024, 1024)]),
)
def test_rows_fit(name: str, width: int, state: State, bucket: tuple[int, int] | None) -> None:
    reason = "cut off or damaged" if state in ("odd", "bad") else ""
    row = PictureRow(Path(name), name, (16384, 16384), bucket, state, reason)
    for glyphs in (UNICODE, ASCII):
        line = row_line(row, width, cell_len(name), glyphs, at_cursor=True, focused=True)
        assert cell_len(text_of(line)) <= width


def test_sizes_and_marks_stand_in_columns() -> None:
    rows = [
        PictureRow(Path("1.png"), "1.png", (512, 512), None, "good"),
        PictureRow(Path("2.png"), "a-long-name-of-a-picture.png", (768, 1024), (448, 576), "good"),
        PictureRow(Path("写真の一枚目です.png"), "写真の一枚目です.png", (512, 512), None, "odd", "no caption"),
    ]
    lines = [row_line(row, 40, 28, UNICODE, at_cursor=False, focused=False) for row in rows]
    assert {cell_len(text_of(line[:4])) for line in lines} == {cell_len(text_of(lines[0][:4]))}
    assert text_of(lines[1][:2]).strip() == "…picture.png"


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_what_is_not_learnt_is_marked_without_colours_too(glyphs: Glyphs) -> None:
    lines = seen_lines("Emi, smiling, night", label="sees:", cut_at=13, width=80, rows=4, glyphs=glyphs)
    assert "".join(map(text_of, lines)) == f" sees: Emi, smiling, {glyphs.vertical}not learnt: night"
    roles = {role for line in lines for text, role in line if "night" in text or "learnt" in text}
    assert roles == {"warning"}


def test_a_text_that_is_too_long_ends_with_a_sign() -> None:
    lines = seen_lines("word " * 100, label="sees:", cut_at=500, width=40, rows=3, glyphs=UNICODE)
    assert len(lines) == 3
    assert text_of(lines[2]).endswith("…")
    assert all(cell_len(text_of(line)) <= 40 for line in lines)


@given(LETTERS, st.integers(min_value=60, max_value=120))
def test_the_heading_fits(folder: str, width: int) -> None:
    line = heading(folder, "15 files, 14 readable × 5 ÷ batch 2 = 9 steps", width, UNICODE)
    assert cell_len(text_of(line)) <= width
