"""No text from a file can drive the terminal."""

import unicodedata
from collections.abc import Callable

import pytest

from loratui.safe_text import masked, printable


@pytest.mark.parametrize(
    "text", ["", "Emi", "Émi, smiling", "エミ 猫", "a-b_c.png", "tab-free  spaces", "½ × ÷ – …", "👧", "\u00a0"]
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\x00\x07\x7f", "\\x00\\x07\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066\u2069\u200f", "\\u2066\\u2069\\u200f"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ufeff", "\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("caf\udce9.png", "caf\\udce9.png"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("safe", [printable, masked])
def test_nothing_dangerous_is_left_of_the_first_planes(safe: Callable[[str], str]) -> None:
    everything = safe("".join(map(chr, range(0x20000))))
    assert {unicodedata.category(character) for character in everything}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    everything.encode("utf-8")


def test_masked_text_keeps_the_place_of_every_character() -> None:
    assert masked("Emi\x1b[31m, 写真\u202e 👧 \udce9.") == "Emi\ufffd[31m, 写真\ufffd 👧 \ufffd."


def test_other_things_are_shown_as_text() -> None:
    assert printable(3) == "3"
    assert printable(ValueError("a\x1bb")) == "a\\x1bb"
