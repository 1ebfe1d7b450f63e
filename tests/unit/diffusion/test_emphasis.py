"""Brackets weigh what A1111 weighs; the tables hold what its own functions answered (1.10, run apart from this tree).

`a1111_emphasis.json`: prompt and `parse_prompt_attention` of it, null where that fails. `a1111_editing.json`: prompt,
and whether `schedule_parser` found words that change while the picture is drawn.
"""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.dataset.captions import as_prompt
from loratui.diffusion.emphasis import LARGEST_WEIGHT, Part, parse_emphasis
from loratui.errors import GenerationError

EMPHASIS = json.loads((Path(__file__).parent / "a1111_emphasis.json").read_text(encoding="utf-8"))
EDITING = json.loads((Path(__file__).parent / "a1111_editing.json").read_text(encoding="utf-8"))

# What A1111 answers where BREAK, a marker of weight −1, was multiplied: it is a word then.
is_torn_break = [
    any("BREAK" in text and weight < 1 and weight != -1 for text, weight in parts or []) for _, parts in EMPHASIS
]
READ = [row for row, torn in zip(EMPHASIS, is_torn_break, strict=True) if row[1] is not None and not torn]
TORN = [row[0] for row, torn in zip(EMPHASIS, is_torn_break, strict=True) if torn]
FAILING = [prompt for prompt, parts in EMPHASIS if parts is None]

PIECES = [
    "(",
    ")",
    "[",
    "]",
    ":",
    ":1.2)",
    ":-.5)",
    "\\",
    "|",
    "a",
    "long hair",
    " ",
    "\n",
    ",",
    "1.5",
    "BREAK",
    "AND",
    "é",
]
prompts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


def in_sections(parts: list[tuple[str, float]]) -> tuple[tuple[Part, ...], ...]:
    sections: list[list[Part]] = [[]]
    for text, weight in parts:
        if (text, weight) == ("BREAK", -1):
            sections.append([])
        else:
            sections[-1].append(Part(text, weight))
    return tuple(tuple(section) for section in sections)


def test_the_tables_hold_every_kind() -> None:
    assert (len(READ), len(TORN), len(FAILING)) == (89, 5, 3)
    assert len(EDITING) == 49


@pytest.mark.parametrize(("prompt", "parts"), READ, ids=[repr(row[0]) for row in READ])
def test_weights_are_a1111s_to_the_last_bit(prompt: str, parts: list[tuple[str, float]]) -> None:
    assert parse_emphasis(prompt) == in_sections(parts)


@pytest.mark.parametrize("prompt", TORN)
def test_a_break_that_a1111_would_take_for_a_word_is_refused(prompt: str) -> None:
    with pytest.raises(GenerationError, match="BREAK stands within brackets") as caught:
        parse_emphasis(prompt)
    assert caught.value.todo


@pytest.mark.parametrize("prompt", FAILING)
def test_a_weight_on_which_a1111_fails_is_refused(prompt: str) -> None:
    with pytest.raises(GenerationError, match="is not a number") as caught:
        parse_emphasis(prompt)
    assert "(word:1.2)" in caught.value.todo


@pytest.mark.parametrize(("prompt", "is_edited"), EDITING, ids=[repr(row[0]) for row in EDITING])
def test_what_a1111_edits_while_drawing_is_refused_and_nothing_else(prompt: str, is_edited: bool) -> None:
    if is_edited:
        with pytest.raises(GenerationError, match="switches words while the picture is drawn"):
            parse_emphasis(prompt)
    else:
        assert parse_emphasis(prompt)


@pytest.mark.parametrize(
    "prompt", ["(a:" + "9" * 400 + ")", "((a:0):" + "9" * 400 + ")", "(a:1000001)", "(" * 200 + "a", "(a:-2000000)"]
)
def test_a_weight_that_no_state_could_bear_is_refused(prompt: str) -> None:
    with pytest.raises(GenerationError, match="beyond 1,000,000"):
        parse_emphasis(prompt)
    assert parse_emphasis("(a:1000000)") == ((Part("a", LARGEST_WEIGHT),),)


def test_a_refusal_is_short_and_holds_no_control_characters() -> None:
    with pytest.raises(GenerationError) as caught:
        parse_emphasis("[\x1b[31m" + "x" * 5000 + "]:0.5]")
    assert "\x1b" not in str(caught.value)
    assert len(caught.value.what) < 200


@given(prompts)
def test_no_prompt_fails_but_with_a_sentence(prompt: str) -> None:
    try:
        sections = parse_emphasis(prompt)
    except GenerationError:
        return
    parts = [part for section in sections for part in section]
    assert all(section for section in sections)
    assert all(abs(part.weight) <= LARGEST_WEIGHT for part in parts)
    for section in sections:
        assert all(one.weight != next_.weight for one, next_ in itertools.pairwise(section))


@given(st.text(st.characters(exclude_characters="\\()[]"), max_size=60).filter(lambda text: "BREAK" not in text))
def test_text_without_brackets_stays_one_part_as_it_is(text: str) -> None:
    assert parse_emphasis(text) == ((Part(text),),)


@given(st.text("ab, ()[]", max_size=30))
def test_the_parts_joined_are_the_text_without_its_brackets(text: str) -> None:
    """Of brackets only closing ones without a partner are text."""
    joined = "".join(part.text for section in parse_emphasis(text) for part in section)
    unopened, depth = [], {"(": 0, "[": 0}
    for character in text:
        if character in "([":
            depth[character] += 1
        elif character in ")]":
            opening = "(" if character == ")" else "["
            if depth[opening] == 0:
                unopened.append(character)
            depth[opening] = max(0, depth[opening] - 1)
        else:
            unopened.append(character)
    assert joined == "".join(unopened)


@given(st.text(max_size=60).filter(lambda text: "BREAK" not in text))
def test_a_caption_as_a_prompt_means_its_very_words(caption: str) -> None:
    assert parse_emphasis(as_prompt(caption)) == ((Part(caption),),)
