"""Keys that come quicker than the program answers, as from an impatient person or over a slow link."""

import asyncio
import importlib
import pkgutil

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import ModalScreen

import loratui.tui
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile, profile_path
from loratui.tui.commands import Palette
from loratui.tui.dialogs import Ask, Entry, Pages, PlainText
from loratui.tui.dialogs.dialog import Dialog
from tests.wizard import see, until, wizard

TWO = [("first", "First"), ("second", "Second")]


async def burst(pilot: Pilot[int], *keys: str) -> None:
    """Keys that are all there before the first is looked at."""
    for key in keys:
        pilot.app.post_message(Key(key, key if len(key) == 1 else None))
    await pilot.pause(0.3)


@pytest.mark.parametrize(
    "dialog",
    [
        lambda: Ask("Which?", "", TWO),
        lambda: Entry("Name", "", "emi"),
        lambda: Pages("Title", "Text"),
        lambda: PlainText("Title", "Text"),
    ],
)
async def test_a_dialog_is_answered_once(dialog: "type[Dialog[object]]") -> None:
    answers: list[object] = []
    async with wizard() as pilot:
        await pilot.pause(0.3)
        lower = Ask("Stays?", "", TWO)
        await pilot.app.push_screen(lower)
        await pilot.app.push_screen(dialog(), answers.append)
        await pilot.pause()
        await burst(pilot, "escape", "escape", "escape")
        assert len(answers) == 1
        assert pilot.app.is_running


async def test_two_quick_enters_answer_once_and_do_not_end_the_program() -> None:
    new_profile("emi", Profile())
    async with wizard() as pilot:
        await see(pilot, "▸ emi")
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await burst(pilot, "enter", "enter", "enter", "enter")
        assert pilot.app.is_running
    assert profile_path("emi").exists()


async def test_one_key_after_the_other_opens_the_palette_as_often_as_it_is_closed() -> None:
    async with wizard() as pilot:
        await pilot.pause(0.3)
        for _ in range(8):
            await burst(pilot, "colon", "escape", "colon", "enter", "enter", "escape")
            await asyncio.sleep(0.01)
        assert pilot.app.is_running


def test_every_dialog_of_the_wizard_is_answered_once() -> None:
    for module in pkgutil.walk_packages(loratui.tui.__path__, "loratui.tui."):
        importlib.import_module(module.name)

    def below(kind: type) -> set[type]:
        return {one for direct in kind.__subclasses__() for one in {direct, *below(direct)}}

    ours = {kind for kind in below(ModalScreen) if kind.__module__.startswith("loratui.")}
    assert {Ask, Entry} < ours
    assert all(issubclass(kind, Dialog | Palette) for kind in ours)
