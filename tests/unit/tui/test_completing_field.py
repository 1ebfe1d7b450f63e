"""What Tab does in a text field: it types what is common, and tells what there is."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import ComposeResult

from loratui.tui.path_completion import complete_folder
from loratui.tui.type_ahead import TypeAhead
from loratui.tui.widgets import completing_field
from loratui.tui.widgets.completing_field import CompletingField, common_beginning, names_of
from tests.patient_pilot import driven


class Field(TypeAhead):
    """One field, and what it told."""

    def __init__(self, text: str, complete: Callable[[str], list[str]] | None) -> None:
        super().__init__()
        self._begun, self._becomes = text, complete
        self.told: list[tuple[str, bool]] = []

    def compose(self) -> ComposeResult:
        self.field = CompletingField(self._begun, self._becomes)
        yield self.field
        yield CompletingField("another")

    def on_completing_field_completed(self, event: CompletingField.Completed) -> None:
        self.told.append((event.told, event.is_complaint))


async def pressed(text: str, found: list[str] | None, *keys: str) -> Field:
    """The program after keys in a field that may become what is `found`."""
    app = Field(text, None if found is None else lambda typed: [one for one in found if one.startswith(typed)])
    async with driven(app) as pilot:
        app.field.focus()
        await pilot.press(*keys)
        for _ in range(100):
            if app.told or found is None:
                break
            await pilot.pause(0.01)
    return app


async def test_the_only_completion_is_typed() -> None:
    app = await pressed("~/e", ["~/emi/"], "tab")
    assert app.field.value == "~/emi/"
    assert app.field.cursor_position == len("~/emi/")
    assert app.told == [("", False)]


async def test_of_several_what_is_common_is_typed_and_the_names_are_told() -> None:
    app = await pressed("~/e", ["~/emi_day/", "~/emi_night/"], "tab")
    assert app.field.value == "~/emi_"
    assert app.told == [("emi_day/   emi_night/", False)]


async def test_nothing_of_what_is_typed_is_taken_away() -> None:
    app = Field("~/EMI", lambda _: ["~/Emi day/", "~/emi night/"])
    async with driven(app) as pilot:
        await pilot.press("tab", "x")
        while not app.field.value.endswith("x"):
            await pilot.pause(0.02)
    assert app.field.value == "~/EMIx"
    assert app.told == [("Emi day/   emi night/", False)]


async def test_only_what_all_completions_have_in_common_is_typed(tmp_path: Path) -> None:
    for name in [*(f"sd_{number}" for number in range(250)), *(f"xl_{number}" for number in range(50))]:
        (tmp_path / name).mkdir()
    app = Field(f"{tmp_path}/", complete_folder)
    async with driven(app) as pilot:
        await pilot.press("tab")
        while not app.told:
            await pilot.pause(0.01)
    assert app.field.value == f"{tmp_path}/"
    assert app.told[0][0].endswith("sd_5/   and 294 more")


async def test_where_nothing_begins_like_that_it_is_said() -> None:
    app = await pressed("xyz", ["~/emi/"], "tab")
    assert app.field.value == "xyz"
    assert app.told == [("Nothing begins like that.", True)]


async def test_what_is_typed_at_once_behind_tab_comes_behind_what_tab_types() -> None:
    app = Field("e", lambda _: time.sleep(0.2) or ["emi/"])  # type: ignore[func-returns-value]
    async with driven(app) as pilot:
        app.field.focus()
        await pilot.press("tab", "5", "_")
        while not app.field.value.endswith("_"):
            await pilot.pause(0.02)
        assert app.field.value == "emi/5_"


async def test_without_completion_tab_stays_in_the_field() -> None:
    app = await pressed("abc", None, "tab", "d")
    assert app.field.value == "abcd"
    assert app.told == []


async def test_a_disk_that_does_not_answer_gives_the_keys_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing_field, "_SECONDS_OF_PATIENCE", 0.1)
    answers = threading.Event()
    app = Field("e", lambda _: ["emi/"] if answers.wait(20) else [])
    async with driven(app) as pilot:
        app.field.focus()
        await pilot.press("tab", "x")
        while not app.field.value.endswith("x"):
            await pilot.pause(0.02)
        answers.set()
        await pilot.pause(0.1)
        assert app.field.value == "ex"
        assert app.told == [("The disk does not answer.", True)]


def test_what_is_common() -> None:
    assert common_beginning([]) == ""
    assert common_beginning(["~/emi"]) == "~/emi"
    assert common_beginning(["~/emi", "~/em", "~/emilia"]) == "~/em"
    assert common_beginning(["a", "b"]) == ""


def test_names_are_told_without_the_folder_that_they_share_and_not_too_many() -> None:
    assert names_of(["~/loras/a/", "~/loras/b.safetensors"]) == "a/   b.safetensors"
    assert names_of(["demo", "owner/model"]) == "demo   owner/model"
    assert names_of([f"p/{number}" for number in range(9)]) == "0   1   2   3   4   5   and 3 more"
    assert names_of([f"p/{number}" for number in range(6)]) == "0   1   2   3   4   5"
    assert names_of(["a\x1b[31m", "ab"]) == "a\\x1b[31m   ab"
