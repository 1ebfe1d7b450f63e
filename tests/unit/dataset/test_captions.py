"""Captions are read as kohya reads them, and varied without touching what need not change."""

import os
import random
from pathlib import Path

import pytest

from loratui.dataset.captions import MAX_BYTES, read_caption_file, vary_caption, with_trigger
from loratui.errors import DatasetError

TAGS = "Emi, cute girl, smiling, closed eyes"


def vary(caption: str, seed: int = 1, **changes: float) -> str:
    settings = {"shuffle": False, "keep_tokens": 1, "dropout": 0.0, "tag_dropout": 0.0} | changes
    return vary_caption(caption, rng=random.Random(seed), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "caption"),
    [
        (b"Emi, girl", "Emi, girl"),
        (b"  Emi, girl \r\nsecond line\n", "Emi, girl"),
        (b"\xef\xbb\xbfEmi\n", "Emi"),
        ("エミ, 女の子\n".encode(), "エミ, 女の子"),
        (b"one\rtwo", "one"),
        (b"", ""),
        (b"\nEmi", ""),
    ],
)
def test_the_first_line_is_the_caption(tmp_path: Path, content: bytes, caption: str) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(content)
    assert read_caption_file(path).text == caption


def test_further_lines_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.write_text("Emi\n\n")
    assert not read_caption_file(path).further_lines
    path.write_text("Emi\nmore\n")
    assert read_caption_file(path).further_lines


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_latin_1_caption_is_told_by_line_and_byte(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(mark + b"Emi\ncaf\xe9, girl")
    with pytest.raises(DatasetError, match=rf"line 2, byte {8 + len(mark)} of the file is 0xe9") as caught:
        read_caption_file(path)
    assert "UTF-8" in caught.value.todo


def test_utf_16_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes("Emi, girl".encode("utf-16"))
    with pytest.raises(DatasetError, match="it is UTF-16"):
        read_caption_file(path)


def test_a_pipe_named_like_a_caption_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.txt")
    with pytest.raises(DatasetError, match="a pipe"):
        read_caption_file(tmp_path / "1.txt")


def test_a_huge_file_is_no_caption(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(DatasetError, match="larger than"):
        read_caption_file(path)


@pytest.mark.parametrize(
    ("caption", "trigger", "result"),
    [
        ("cute girl", "Emi", "Emi, cute girl"),
        ("Emi, cute girl", "Emi", "Emi, cute girl"),
        ("a photo of emi smiling", "Emi", "a photo of emi smiling"),
        ("Emily, girl", "Emi", "Emi, Emily, girl"),
        ("emi_person", "Emi", "Emi, emi_person"),
        ("", "Emi", "Emi"),
        ("girl", "", "girl"),
        ("girl", " (emi:1) ", "(emi:1), girl"),
    ],
)
def test_the_trigger_comes_in_front_once(caption: str, trigger: str, result: str) -> None:
    assert with_trigger(caption, trigger) == result
    assert with_trigger(result, trigger) == result


def test_without_variation_the_text_is_untouched() -> None:
    assert vary("Emi,girl ,  smiling,,") == "Emi,girl ,  smiling,,"


def test_dropout_gives_an_empty_caption() -> None:
    assert vary(TAGS, dropout=1.0) == ""
    share = sum(vary(TAGS, seed=seed, dropout=0.25) == "" for seed in range(2000)) / 2000
    assert 0.22 < share < 0.28


def test_shuffling_keeps_the_first_tags_and_all_others() -> None:
    results = {vary(TAGS, seed=seed, shuffle=True) for seed in range(100)}
    assert len(results) == 6
    assert all(
        result.startswith("Emi, ") and sorted(result.split(", ")) == sorted(TAGS.split(", ")) for result in results
    )
    assert {result.split(", ")[1] for result in results} == set(TAGS.split(", ")[1:])


def test_tag_dropout_spares_the_first_tags() -> None:
    assert vary(TAGS, tag_dropout=1.0) == "Emi"
    assert vary(TAGS, tag_dropout=1.0, keep_tokens=2) == "Emi, cute girl"
    assert vary(TAGS, tag_dropout=1.0, keep_tokens=0) == ""


def test_the_same_seed_varies_the_same_way() -> None:
    assert vary(TAGS, seed=7, shuffle=True, tag_dropout=0.3) == vary(TAGS, seed=7, shuffle=True, tag_dropout=0.3)
