import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.environment.terminal import Answers
from loratui.tui.terminal_probe import AnswerFilter, question
from tests.answering_terminal import FOOT, KITTY, SILENT, WIDE_PUTTY, XTERM

KEYS = [
    "a",
    "[",
    "?",
    "絵",
    "\x1b[A",
    "\x1b[1;2R",
    "\x1b[6~",
    "\x1b[6;5~",
    "\x1b[2~",
    "\x1bOP",
    "\x1b[27u",
    "\x1b[2;2~",
]
KEYS += ["\x1b[<35;10;20M", "\x1b[?2026;2$y", "\x1b[200~pasted\x1b[201~", "\x1b[I", "\x1b[97;;97u", "\t", "\r", "\x03"]


def answered(*replies: str) -> Answers:
    taken = AnswerFilter()
    taken.asked(0.0)
    assert taken.feed("".join(replies), 0.1) == ""
    return taken.answers


def test_kitty_is_understood() -> None:
    assert answered(*KITTY.values()) == Answers("kitty(0.36.4)", True, False, (9, 18), 3, True)


def test_a_terminal_with_sixel_is_understood() -> None:
    assert answered(*FOOT.values()) == Answers("foot(1.16.2)", False, True, (10, 20), 3, True)


def test_xterm_without_sixel_and_a_wide_putty_are_understood() -> None:
    assert answered(*XTERM.values()) == Answers(sign_columns=3, complete=True)
    assert answered(*WIDE_PUTTY.values()).doubles_signs


def test_a_silent_terminal_has_said_nothing() -> None:
    assert answered(*SILENT.values()) == Answers()


@pytest.mark.parametrize("reply", ["\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\", "\x1b_Gi=31;EINVAL\x1b\\"])
def test_a_refusal_of_kittys_protocol_is_none(reply: str) -> None:
    assert not answered(reply).kitty


def test_a_cell_of_no_size_is_unknown() -> None:
    assert answered("\x1b[6;0;0t").cell is None


@given(st.data())
def test_answers_are_never_keys_and_keys_never_lost_however_split(data: st.DataObject) -> None:
    replies = [("reply", reply) for terminal in (KITTY, FOOT) for reply in list(terminal.values())[:-1]]
    keys = [("key", key) for key in KEYS]
    items = data.draw(st.lists(st.sampled_from(replies + keys), max_size=12))
    items += [("reply", FOOT["attributes"]), *data.draw(st.lists(st.sampled_from(keys), max_size=3))]
    text = "".join(sent for _, sent in items)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=len(text))))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    taken, typed, now = AnswerFilter(), "", 100.0
    taken.asked(now)
    for piece in pieces:
        now += data.draw(st.sampled_from([0.0, 0.05, 0.1]))
        typed += taken.release(now) + taken.feed(piece, now)
    typed += taken.release(now + 60)
    assert typed == "".join(sent for kind, sent in items if kind == "key")


@given(st.text(alphabet="\x1b[?6;2t_GP>|cRi=\\0a", max_size=60), st.integers(0, 60))
def test_whatever_arrives_is_passed_on_in_the_end_unless_it_is_an_answer(text: str, cut: int) -> None:
    taken = AnswerFilter()
    typed = taken.feed(text[:cut], 0.0) + taken.feed(text[cut:], 0.1) + taken.release(60.0)
    position = 0
    for character in typed:
        position = text.index(character, position) + 1
    if "\x1b" not in text:
        assert typed == text


def test_escape_alone_is_quick_once_the_terminal_has_answered() -> None:
    taken = AnswerFilter()
    taken.asked(0.0)
    taken.feed(KITTY["attributes"], 0.1)
    assert taken.feed("\x1b", 1.2) == "\x1b"


def test_escape_alone_comes_through_while_answers_are_awaited() -> None:
    taken = AnswerFilter()
    taken.asked(0.0)
    assert taken.feed("\x1b", 1.0) == ""
    assert taken.release(1.1) == ""
    assert taken.release(1.2) == "\x1b"


def test_escape_alone_is_quick_again_when_nobody_answers() -> None:
    taken = AnswerFilter()
    taken.asked(0.0)
    assert taken.feed("\x1b", 32.0) == "\x1b"


def test_an_answer_after_minutes_is_no_key() -> None:
    taken = AnswerFilter()
    taken.asked(0.0)
    taken.release(200.0)
    assert taken.feed("a\x1b[?62", 200.0) == "a"
    assert taken.release(201.0) == ""
    assert taken.feed(";4cb", 202.0) == "b"
    assert taken.answers.sixel


def test_an_answer_without_an_end_is_dropped() -> None:
    taken = AnswerFilter()
    assert taken.feed("\x1b_Gi=31;O", 0.0) == ""
    assert taken.release(6.0) == ""
    assert taken.feed("x", 6.1) == "x"


def test_the_question_wipes_what_it_has_drawn_and_ends_with_what_all_terminals_know() -> None:
    asked = question()
    assert asked.startswith("\x1b[2;1H")
    assert asked.endswith("\x1b[c\x1b[2;1H\x1b[J")


def test_tmux_is_asked_to_pass_kittys_question_on() -> None:
    (passed,) = re.findall("\x1bPtmux;(.*?[^\x1b])\x1b\\\\", question(tmux=True))
    assert passed.replace("\x1b\x1b", "\x1b") in question()
