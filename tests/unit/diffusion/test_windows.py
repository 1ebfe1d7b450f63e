"""Windows are cut where A1111 cuts them; `a1111_windows.json` holds what its `tokenize_line` (1.10) made of prompts.

Its rows: a name, the prompt, and per window the tiny tokenizer's pieces ("a_" ends a word) and the multipliers of all
77 places as [multiplier, how often].
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.diffusion.windows import WINDOW_TOKENS, Window, comma_of, weighted_windows
from tests.tiny_base import tiny_tokenizer

TABLE = json.loads((Path(__file__).parent / "a1111_windows.json").read_text(encoding="utf-8"))
TOKENIZER = tiny_tokenizer()
COMMA = comma_of(TOKENIZER)


def tokenise(text: str) -> list[int]:
    return list(TOKENIZER(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)


def cut(prompt: str, comma: int | None = COMMA) -> list[Window]:
    return weighted_windows(tokenise, prompt, comma=comma)


@pytest.mark.parametrize(("prompt", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_windows_are_a1111s(prompt: str, expected: list[tuple[str, list[Any]]]) -> None:
    vocabulary = TOKENIZER.get_vocab()
    windows = cut(prompt)
    assert [window.tokens for window in windows] == [
        [vocabulary[piece.replace("_", "</w>")] for piece in pieces.split()] for pieces, _ in expected
    ]
    assert [window.factors() for window in windows] == [
        [weight for weight, count in weights for _ in range(count)] for _, weights in expected
    ]


@pytest.mark.parametrize("text", ["", "Emi, girl", "a: b, 10:30"])
def test_a_prompt_without_syntax_is_what_the_tokenizer_itself_gives(text: str) -> None:
    [window] = cut(text)
    ids = window.ids(bos=TOKENIZER.bos_token_id, eos=TOKENIZER.eos_token_id, pad=TOKENIZER.pad_token_id)
    assert ids == TOKENIZER(text, padding="max_length", max_length=77).input_ids
    assert window.factors() == [1.0] * 77


def test_padding_comes_behind_one_eos() -> None:
    window = Window([5, 6], [1.0, 1.2])
    assert window.ids(bos=1, eos=2, pad=0) == [1, 5, 6, 2, *[0] * 73]
    assert window.ids(bos=1, eos=2, pad=2) == [1, 5, 6, *[2] * 74]
    assert window.factors() == [1.0, 1.0, 1.2, *[1.0] * 74]
    assert Window([7] * 75, [1.0] * 75).ids(bos=1, eos=2, pad=0) == [1, *[7] * 75, 2]


def test_without_a_comma_in_the_vocabulary_windows_are_filled() -> None:
    prompt = " ".join("a" * 60) + ", " + " ".join("b" * 30)
    assert [len(window.tokens) for window in cut(prompt)] == [61, 30]
    assert [len(window.tokens) for window in cut(prompt, comma=None)] == [75, 16]


@given(
    st.lists(st.tuples(st.text("abc, ", min_size=1, max_size=60), st.sampled_from([1.0, 1.2, 0.5, -1.0])), max_size=12)
)
def test_no_token_and_no_weight_is_lost_or_moved(parts: list[tuple[str, float]]) -> None:
    prompt = "".join(text if weight == 1 else f"({text}:{weight})" for text, weight in parts)
    windows = cut(prompt)
    assert all(len(window.tokens) == len(window.weights) <= WINDOW_TOKENS for window in windows)
    merged: list[tuple[str, float]] = []
    for text, weight in parts:
        if merged and merged[-1][1] == weight:
            merged[-1] = (merged[-1][0] + text, weight)
        else:
            merged.append((text, weight))
    expected = [(token, weight) for text, weight in merged for token in tokenise(text)]
    found = [pair for window in windows for pair in zip(window.tokens, window.weights, strict=True)]
    assert found == expected
    for window in windows[:-1]:
        assert window.tokens[-1] == COMMA or len(window.tokens) == WINDOW_TOKENS
