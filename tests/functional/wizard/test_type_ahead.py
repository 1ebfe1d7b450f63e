"""A text that is typed before the program is ready for it goes where it was meant to go, and is no command."""

from pathlib import Path

import pytest
from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import load_profile, new_profile
from loratui.tui.commands import Palette
from loratui.tui.frame import StepScreen
from tests.functional.wizard.picture_folders import good_folder, looking_at, seen
from tests.functional.wizard.tried_runs import saved, trying
from tests.tried_run import compared_run
from tests.wizard import at_mode, see, session_of, until, wizard


def burst(pilot: Pilot[int], *keys: str) -> None:
    """Keys that are all there before the first is looked at: names, texts, and `paste:` with what is pasted."""
    for key in keys:
        if key.startswith("paste:"):
            pilot.app.post_message(Paste(key.removeprefix("paste:")))
        elif key in ("enter", "escape", "tab", "down"):
            pilot.app.post_message(Key(key, None))
        else:
            for letter in key:
                pilot.app.post_message(Key(_character_to_key(letter), letter))


def typed(pilot: Pilot[int]) -> str:
    """What stands in the text field that has the keys."""
    field = pilot.app.focused
    return field.value if isinstance(field, Input) else ""


async def test_a_value_is_typed_into_the_row_that_enter_opens() -> None:
    new_profile("emi", Profile())
    async with wizard(profile="emi", mode="settings") as pilot:
        await see(pilot, "Output folder")
        session_of(pilot).change("output.name", "before")
        screen = pilot.app.screen
        assert isinstance(screen, StepScreen)
        screen.query_one("RowsForm").go_to("output.name")  # type: ignore[attr-defined]
        burst(pilot, "enter", "4q", "enter")
        await until(pilot, lambda: load_profile("emi").output.name == "4q")
        assert pilot.app.is_running
        assert pilot.app.current_mode == "settings"


async def test_a_caption_is_typed_into_the_line_that_enter_opens(tmp_path: Path) -> None:
    folder = good_folder(tmp_path) / "5_emi_person"
    (folder / "1.txt").write_text("Emi,")
    async with looking_at(folder) as pilot:
        burst(pilot, "enter", "4 girls", "enter")
        await until(pilot, lambda: (folder / "1.txt").read_text() == "Emi,4 girls")
        assert pilot.app.current_mode == "pictures"


async def test_tab_in_a_caption_completes_before_what_is_typed_behind_it(tmp_path: Path) -> None:
    folder = good_folder(tmp_path) / "5_emi_person"
    (folder / "1.txt").write_text("Emi,")
    async with looking_at(folder) as pilot:
        burst(pilot, "enter", " cardi", "tab", ", night", "enter")
        await until(pilot, lambda: (folder / "1.txt").read_text() == "Emi, cardigan, night")


async def test_a_folder_is_typed_into_the_dialog_that_home_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    good_folder(tmp_path / "Data")
    async with wizard() as pilot:
        await see(pilot, "Train your own")
        burst(pilot, "n~/Data")
        await until(pilot, lambda: typed(pilot) == "~/Data")
        burst(pilot, "enter", "4")
        await at_mode(pilot, "settings")
        assert load_profile("emi").dataset.path == str(tmp_path / "Data" / "IMG")


async def test_what_is_pasted_behind_a_key_comes_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with wizard() as pilot:
        await see(pilot, "Train your own")
        burst(pilot, "n", "paste:~/Da", "ta")
        await until(pilot, lambda: typed(pilot) == "~/Data")


async def test_words_are_typed_into_the_search_that_a_slash_opens() -> None:
    new_profile("emi", Profile())
    new_profile("chihiro", Profile())
    async with wizard(profile="emi") as pilot:
        await see(pilot, "chihiro")  # Home searches in what it has read
        await pilot.press("4")
        await see(pilot, "Output folder")
        burst(pilot, "/ch")
        await until(pilot, lambda: typed(pilot) == "ch")
        burst(pilot, "enter", "h/ch", "enter")
        await until(pilot, lambda: pilot.app.current_mode == "home" and "chihiro" in seen(pilot))
        await until(pilot, lambda: "emi" not in seen(pilot).partition("\n")[2])


async def test_a_prompt_is_typed_into_the_dialog_that_opens(tmp_path: Path, drawing_worker: object) -> None:
    async with trying(saved(compared_run(tmp_path / "p", runs_directory()))) as pilot:
        await see(pilot, "strength 0.8")
        burst(pilot, "p", ", hq")
        await until(pilot, lambda: typed(pilot).endswith(", hq"))
        assert pilot.app.current_mode == "try"


@pytest.mark.parametrize("number", range(1, 7))
async def test_letters_behind_a_step_are_keys_of_that_step(number: int) -> None:
    new_profile("emi", Profile())
    mode = ("system", "model", "pictures", "settings", "train", "try")[number - 1]
    async with wizard(profile="emi") as pilot:
        await see(pilot, "▸ emi")
        burst(pilot, f"{number}?")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        assert pilot.app.current_mode == mode
        burst(pilot, "escape", "h", "?")
        await until(pilot, lambda: pilot.app.current_mode == "home" and len(pilot.app.screen_stack) == 2)


async def test_esc_leaves_the_dialog_before_the_next_key_is_taken() -> None:
    new_profile("emi", Profile())
    async with wizard() as pilot:
        await see(pilot, "▸ emi")
        burst(pilot, "/emi", "escape", "1")
        await at_mode(pilot, "system")


async def test_a_command_is_found_and_run_as_it_was_typed() -> None:
    async with wizard() as pilot:
        await see(pilot, "Train your own")
        burst(pilot, ":doctor", "enter")
        await at_mode(pilot, "system")
        assert not isinstance(pilot.app.screen, Palette)
