"""Text is cut and broken by cells, whatever letters it is made of."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from loratui.tui.fitting import cut, cut_middle, cut_start, wrapped, wrapped_parts
from loratui.tui.glyphs import ASCII, UNICODE, Glyphs

# Narrow and wide letters, a letter with an accent of its own, and what a terminal would obey.
LETTERS = st.text(alphabet="ab ,é女の子🙂-か\u3099e\u0301\x1b\u202e", max_size=80)
PLAIN = st.text(alphabet="ab ,é女の子🙂-", max_size=80)
WIDTHS = st.integers(min_value=-1, max_value=40)


def test_the_beginning_the_end_or_both_stay() -> None:
    assert cut("Emi, smiling", 6, UNICODE) == "Emi,…"
    assert cut_start("/home/emi/pictures", 10, UNICODE) == "…/pictures"
    assert cut_middle("scp emi@host:grid.png .", 11, UNICODE) == "scp e…png ."
    assert cut_middle("stable-diffusion-v1-5", 17, UNICODE, start=10) == "stable-dif…n-v1-5"


def test_what_fits_stays_whole() -> None:
    for function in (cut, cut_start, cut_middle):
        assert function("読書 emi", 8, UNICODE) == "読書 emi"
        assert function("", 0, UNICODE) == ""


def test_an_ideograph_takes_two_cells() -> None:
    assert cut("読書読書", 4, UNICODE) == "読…"
    assert cut_start("読書読書", 4, UNICODE) == "…書"
    assert cut_middle("読書読書読書", 6, UNICODE) == "読…書"
    assert cut("読書読書", 4, UNICODE, pad=True) == "読… "
    assert cut_middle("基本モデル第一版", 9, UNICODE, start=4, pad=True) == "基本…一版"


def test_a_letter_keeps_its_accent() -> None:
    decomposed = "か\u3099" * 6
    assert cut(decomposed, 5, UNICODE) == "か\u3099か\u3099…"
    assert cut_start(decomposed, 5, UNICODE) == "…か\u3099か\u3099"
    assert cut_start("cafe\u0301s", 2, UNICODE) == "…s"
    assert wrapped(decomposed, 4) == ["か\u3099か\u3099"] * 3
    assert wrapped("Emi か\u3099か\u3099", 6) == ["Emi か\u3099", "か\u3099"]


@pytest.mark.parametrize("function", [cut, cut_start, cut_middle])
def test_in_hardly_any_room_only_the_sign_is_left(function) -> None:
    for glyphs in (UNICODE, ASCII):
        assert function("読書", 1, glyphs) == glyphs.ellipsis
        assert function("読書", 0, glyphs) == function("読書", -3, glyphs) == ""
    assert function("読書", 0, UNICODE, pad=True) == function("", -3, UNICODE, pad=True) == ""
    assert function("a", 3, UNICODE, pad=True) == "a  "


@pytest.mark.parametrize("function", [cut, cut_start, cut_middle])
def test_ascii_is_cut_with_ascii(function) -> None:
    assert function("a long name of a base", 9, ASCII).isascii()
    assert function("a long name of a base", 9, ASCII).count("~") == 1


def test_escape_codes_become_letters_before_they_are_measured() -> None:
    assert cut("\x1b[31mEmi", 20, UNICODE) == "\\x1b[31mEmi"
    assert cut("\x1b[31mEmi", 5, UNICODE) == "\\x1b…"
    assert cut_start("Emi\u202e", 7, UNICODE) == "…\\u202e"
    assert wrapped("Emi\x1b reads", 20) == ["Emi\\x1b reads"]


@settings(max_examples=300, deadline=None)
@given(LETTERS, WIDTHS, st.sampled_from([UNICODE, ASCII]), st.one_of(st.none(), st.integers(-2, 45)))
def test_nothing_is_wider_than_its_room(text: str, width: int, glyphs: Glyphs, start: int | None) -> None:
    for made in (
        cut(text, width, glyphs),
        cut_start(text, width, glyphs),
        cut_middle(text, width, glyphs, start=start),
    ):
        assert cell_len(made) <= max(0, width)
        assert made.isprintable()
    assert cell_len(cut(text, width, glyphs, pad=True)) == max(0, width)
    assert cell_len(cut_start(text, width, glyphs, pad=True)) == max(0, width)
    assert cell_len(cut_middle(text, width, glyphs, start=start, pad=True)) == max(0, width)


def test_text_is_broken_at_spaces_and_long_words_anywhere() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("one twothreefour", 8) == ["one", "twothree", "four"]
    assert wrapped("of min-snr", 8) == ["of", "min-snr"]
    assert wrapped("a.png   b.png   c.png", 14) == ["a.png   b.png", "c.png"]
    assert wrapped("Emi 読書が好き", 8) == ["Emi 読書", "が好き"]


def test_line_ends_stay_and_no_text_has_no_lines() -> None:
    assert wrapped("one\n\ntwo\n", 8) == ["one", "", "two"]
    assert wrapped("  one", 8) == ["  one"]
    assert wrapped("", 8) == []


@settings(max_examples=300, deadline=None)
@given(LETTERS, st.integers(min_value=2, max_value=40))
def test_lines_fit_and_keep_every_letter(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width and line.isprintable() for line in lines)
    assert "".join(lines).replace(" ", "") == cut(text, 999, UNICODE).replace(" ", "")


@pytest.mark.parametrize("width", [-1, 0, 1])
def test_in_hardly_any_room_every_letter_has_a_line(width: int) -> None:
    assert wrapped("ab 読書", width) == ["a", "b", "読", "書"]


@settings(max_examples=300, deadline=None)
@given(st.lists(PLAIN, max_size=4), st.integers(min_value=2, max_value=40))
def test_broken_parts_fit_and_lose_nothing(texts: list[str], width: int) -> None:
    lines = wrapped_parts([(text, str(place)) for place, text in enumerate(texts)], width)
    assert all(cell_len("".join(text for text, _ in line).rstrip()) <= width for line in lines)
    for place, text in enumerate(texts):
        assert "".join(part for line in lines for part, role in line if role == str(place)) == text


def test_a_word_over_two_parts_is_not_broken() -> None:
    assert wrapped_parts([("see Em", "text"), ("i, ", "faint"), ("here", "text")], 7) == [
        [("see ", "text")],
        [("Em", "text"), ("i, ", "faint")],
        [("here", "text")],
    ]


def test_the_first_frame_waits_for_nothing_that_this_imports() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, loratui.tui.fitting; print(*(n for n in sys.modules if 'loratui' in n))"],
        capture_output=True,
        text=True,
        check=True,
    )
    own = {"loratui", "loratui.safe_text", "loratui.tui", "loratui.tui.fitting", "loratui.tui.glyphs"}
    assert set(said.stdout.split()) == own
