"""What every screen of the wizard has: rail, keys, help, palette, and looks."""

import json
from pathlib import Path

import pytest
from textual.widget import Widget
from textual.widgets import Input

from loratui.profile.store import load_profile, new_profile
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.wizard import at_mode, cut_texts, screen_text, see, until, wizard

MODES = ("home", "system", "model", "pictures", "settings", "train", "try")


async def test_the_steps_are_reached_by_their_numbers_and_brackets(profile: str) -> None:
    async with wizard(profile=profile) as pilot:
        for number, mode in enumerate(MODES[1:], start=1):
            await pilot.press(str(number))
            await at_mode(pilot, mode)
        await pilot.press("left_square_bracket")
        await at_mode(pilot, "train")
        await pilot.press("h")
        await at_mode(pilot, "home")


async def test_without_a_profile_the_steps_ask_for_one() -> None:
    async with wizard() as pilot:
        await pilot.press("3")
        await see(pilot, "Open a profile first")
        assert pilot.app.current_mode == "home"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 12), (20, 5), (220, 60)], ids=str)
async def test_every_screen_stands_at_every_size(profile: str, mode: str, size: tuple[int, int]) -> None:
    async with wizard(size, profile, mode) as pilot:
        await pilot.pause(0.2)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(screen_text(pilot)) == 24 and "? Help" in screen_text(pilot)[-1])
        await until(pilot, lambda: not cut_texts(pilot), what="all texts whole")
        lines = screen_text(pilot)
        assert len(lines) == 24
        assert "emi" in lines[0]
        assert "? Help" in lines[-1]


@pytest.mark.parametrize("mode", MODES)
async def test_no_screen_opens_with_a_text_field_focused(profile: str, mode: str) -> None:
    async with wizard(profile=profile, mode=mode) as pilot:
        await pilot.pause(0.2)
        assert not isinstance(pilot.app.focused, Input)


@pytest.mark.parametrize("mode", MODES)
async def test_help_lists_the_keys_of_the_screen(profile: str, mode: str) -> None:
    async with wizard((100, 60), profile, mode) as pilot:
        await pilot.press("question_mark")
        await see(pilot, "Leave; with a run alive it asks first.")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.step_screen)


@pytest.mark.parametrize("mode", MODES)
async def test_plain_text_can_be_copied_from_every_screen(profile: str, mode: str) -> None:
    async with wizard(profile=profile, mode=mode) as pilot:
        await pilot.pause(0.3)
        await pilot.press("y")
        lines = await see(pilot, "Esc back, y send again")
        assert "Esc back, y send again" in lines[-1]
        assert pilot.app.clipboard


async def test_escape_never_leaves_a_screen(profile: str) -> None:
    async with wizard(profile=profile) as pilot:
        for mode in MODES[1:]:
            pilot.app.show_step(mode)
            await pilot.pause()
            await pilot.press("escape", "escape")
            await pilot.pause()
            assert pilot.app.current_mode == mode


async def test_full_width_letters_are_the_keys_they_stand_for(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await pilot.press("ｈ")
        await at_mode(pilot, "home")
        await pilot.press("４")
        await at_mode(pilot, "settings")


async def test_full_width_letters_stay_what_they_are_in_a_text_field(profile: str) -> None:
    from loratui.tui.dialogs import Entry

    async with wizard(profile=profile) as pilot:
        pilot.app.push_screen(Entry("Prompt"))
        await pilot.pause()
        await pilot.press("ｈ", "４", "字")
        assert pilot.app.screen.query_one(Input).value == "ｈ４字"


async def test_leaving_a_step_that_lacks_something_says_what(profile: str) -> None:
    async with wizard(profile=profile, mode="system") as pilot:
        pilot.app.session.set_unmet("system", ["no GPU was found"])
        await pilot.press("4")
        await see(pilot, "Still to do: no GPU was found")
        assert "1 System!" in screen_text(pilot)[0]


async def test_a_value_is_saved_as_it_is_taken_and_a_wrong_one_changes_nothing(profile: str) -> None:
    async with wizard(profile=profile) as pilot:
        session = pilot.app.session
        assert session.change("training.epochs", 7) == ""
        assert load_profile(profile).training.epochs == 7
        assert "training.epochs must be" in session.change("training.epochs", 0)
        assert "min_bucket_reso" in session.change_many({"dataset.bucketing": True, "dataset.resolution": 2048})
        assert session.profile.training.epochs == 7
        assert load_profile(profile) == session.profile


async def test_the_look_is_remembered(profile: str) -> None:
    async with wizard(profile=profile, theme="light") as pilot:
        assert pilot.app.theme == "light"
    async with wizard(profile=profile) as pilot:
        assert pilot.app.theme == "light"
        pilot.app.theme = "ansi"
        await pilot.pause()
    async with wizard(profile=profile) as pilot:
        assert pilot.app.theme == "ansi"


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_moves_by_itself(profile: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "full")
    async with wizard(profile=profile, mode=mode) as pilot:
        for key in ("down", "pagedown", "end", "question_mark", "pagedown", "escape"):
            await pilot.press(key)
            await pilot.pause()
            assert pilot.app.animation_level == "none"
            assert not pilot.app.animator._animations
            assert not any(widget.auto_refresh for widget in pilot.app.screen.walk_children(Widget))


@pytest.mark.parametrize("mode", MODES)
async def test_ascii_draws_nothing_but_ascii(profile: str, mode: str) -> None:
    async with wizard(profile=profile, mode=mode, ascii=True, images="off") as pilot:
        await pilot.pause(0.3)
        strange = {sign for line in screen_text(pilot) for sign in line if ord(sign) > 126}
        # Letters of another script could stand in a caption; signs of our own must not.
        assert strange == set()


async def test_names_and_captions_reach_the_screen_as_text(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "[b]evil[/b]")
    (pictures / "1.txt").write_text("[red]Emi[/red] \x1b]0;owned\x07 [", encoding="utf-8")
    new_profile("emi", small_profile(Path("demo"), pictures, tmp_path / "output"))
    async with wizard((120, 40), "emi", "pictures") as pilot:
        text = "\n".join(await see(pilot, "[red]Emi[/red]"))
        assert "\x1b" not in text
        assert "\x07" not in text


async def test_facts_of_the_wizard_survive_a_broken_file(profile: str, loratui_home: Path) -> None:
    (loratui_home / "data").mkdir(parents=True, exist_ok=True)
    (loratui_home / "data" / "wizard.json").write_text('["not", "a table"]')
    async with wizard(profile=profile) as pilot:
        pilot.app.session.remember("recent_folders", ["/pictures"])
    assert json.loads((loratui_home / "data" / "wizard.json").read_text())["recent_folders"] == ["/pictures"]


async def test_a_run_without_a_saved_profile_can_be_looked_at_and_tried(tmp_path: Path, loratui_home: Path) -> None:
    small = small_profile(Path("demo"), write_pictures(tmp_path / "pictures"), tmp_path / "output")
    run = new_run(small, loratui_home / "data" / "runs")
    async with wizard() as pilot:
        pilot.app.session.show_run(run)
        for key, mode in (("5", "train"), ("6", "try"), ("4", "try")):
            await pilot.press(key)
            await at_mode(pilot, mode)
