"""Keys are given one at a time: what one begins is there before the next is taken, and nothing holds them for ever."""

import asyncio
import time
from typing import Any, ClassVar

import pytest
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Key
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from loratui.tui import type_ahead
from loratui.tui.dialogs import Entry
from loratui.tui.type_ahead import TypeAhead


class Place(Widget, can_focus=True):
    """What has the keys at first."""


class Asking(TypeAhead):
    """`n` notes; `b` asks one question after the other; `l` thinks a while first, `e` for ever; `f` goes to a field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        (key, name, "") for key, name in zip("nblef", ("note", "both", "later", "ever", "field"), strict=True)
    ]

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Any] = []
        self.field = Input(id="field")

    def compose(self) -> ComposeResult:
        yield Place()
        yield self.field

    def action_note(self) -> None:
        self.noted.append("n")

    def action_field(self) -> None:
        self.call_after_refresh(self.field.focus)

    @work
    async def action_both(self) -> None:
        first = await self.push_screen_wait(Entry("First"))
        await asyncio.to_thread(time.sleep, 0.2)
        self.noted.append((first, await self.push_screen_wait(Entry("Second"))))

    @work
    async def action_later(self) -> None:
        await asyncio.to_thread(time.sleep, 0.2)
        self.noted.append(await self.push_screen_wait(Entry("Later")))

    @work
    async def action_ever(self) -> None:
        await asyncio.Event().wait()


def burst(pilot: Pilot[int], *keys: str) -> None:
    """Keys that are all there before the first is looked at."""
    for key in keys:
        pilot.app.post_message(Key(key, key if len(key) == 1 else None))


async def noted(pilot: Pilot[int], wanted: list[Any]) -> float:
    """Wait until this is noted; returns the seconds that it took."""
    app = pilot.app
    assert isinstance(app, Asking)
    begin = time.monotonic()
    while app.noted != wanted:
        assert time.monotonic() - begin < 60, app.noted
        await asyncio.sleep(0.005)
    return time.monotonic() - begin


async def test_answers_go_to_the_questions_that_come_one_after_the_other() -> None:
    async with Asking().run_test() as pilot:
        burst(pilot, "b", "n", "enter", "b", "escape", "n")
        await noted(pilot, [("n", None), "n"])


async def test_a_question_that_takes_a_while_gets_its_answer() -> None:
    async with Asking().run_test() as pilot:
        burst(pilot, "l", "b", "b", "enter", "n")
        await noted(pilot, ["bb", "n"])


async def test_a_field_that_gets_the_keys_only_after_the_next_picture_gets_the_text() -> None:
    app = Asking()
    async with app.run_test() as pilot:
        burst(pilot, "f", "n", "b")
        while app.field.value != "nb":
            await pilot.pause(0.01)
        assert app.noted == []


async def test_what_never_ends_holds_one_key_for_a_while_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_ahead, "_SECONDS_OF_PATIENCE", 3.0)
    async with Asking().run_test() as pilot:
        burst(pilot, "e", "n", "n", "n")
        assert 2.9 < await noted(pilot, ["n"] * 3) < 5.8
        burst(pilot, "n", "n")
        assert await noted(pilot, ["n"] * 5) < 2.9


async def test_many_keys_wait_for_nothing_but_each_other() -> None:
    async with Asking().run_test() as pilot:
        burst(pilot, *"n" * 50)
        assert await noted(pilot, ["n"] * 50) < 30.0
        burst(pilot, "f", *"n" * 500)
        begin = time.monotonic()
        while len(pilot.app.query_one("#field", Input).value) < 500:
            await asyncio.sleep(0.005)
            assert time.monotonic() - begin < 60.0
