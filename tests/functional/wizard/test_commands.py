"""The command palette: our own commands, found by a part of their name."""

import asyncio
import time
from pathlib import Path

import pytest
from textual.command import Command, CommandList, CommandPalette
from textual.pilot import Pilot

from loratui.paths import profiles_directory, runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile
from loratui.runs.directory import RunDirectory
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.wizard import at_mode, see, session_of, until, wizard


def can_be_taken(pilot: Pilot[int], name: str) -> bool:
    """Whether Enter takes a command, which the palette shows before that."""
    found = pilot.app.screen.query_one(CommandList)
    hit = found.get_option_at_index(found.highlighted) if found.highlighted is not None else None
    return isinstance(hit, Command) and str(hit.hit.text).startswith(name)


async def choose(pilot: Pilot[int], letters: str, expected: str) -> None:
    """Open the palette, type, and take the first hit."""
    await pilot.press("colon")
    await see(pilot, "Search for commands")
    assert isinstance(pilot.app.screen, CommandPalette)
    await pilot.press(*("space" if letter == " " else letter for letter in letters))
    await see(pilot, expected)
    await until(pilot, lambda: can_be_taken(pilot, expected), what=expected)
    await pilot.press("enter")
    await pilot.pause()


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A saved profile "emi" and a run of it that was cut short."""
    profile = small_profile(tmp_path / "base", write_pictures(tmp_path / "pictures"), tmp_path / "out")
    new_profile("emi", profile)
    return new_run(profile, runs_directory())


async def test_every_key_that_works_here_is_a_command_with_its_sentence(run: RunDirectory) -> None:
    async with wizard((120, 60)) as pilot:
        await see(pilot, "6 in pictures")
        await pilot.press("colon")
        lines = await see(pilot, "Duplicate  (c)")
        text = "\n".join(lines)
        for label in ("New  (n)", "Remove  (Del)", "Rename  (m)", "Help  (?)"):
            assert label in text
        assert "Begin a new profile from a folder of pictures." in text
        # What another step's keys do is no command here.
        assert "Gauges" not in text
        assert "Trigger  (t)" not in text


async def test_a_command_acts_on_the_screen_behind_the_palette(run: RunDirectory) -> None:
    async with wizard() as pilot:
        await see(pilot, "6 in pictures")
        await choose(pilot, "dupl", "Duplicate  (c)")
        await see(pilot, "The name of the copy of emi.")


async def test_a_step_is_a_command(run: RunDirectory) -> None:
    async with wizard(profile="emi") as pilot:
        await see(pilot, "6 in pictures")
        await choose(pilot, "settings", "Settings  (4)")
        await at_mode(pilot, "settings")


async def test_quit_is_a_command(run: RunDirectory) -> None:
    async with wizard() as pilot:
        await see(pilot, "6 in pictures")
        await choose(pilot, "quit", "Quit  (q)")
        deadline = time.monotonic() + 60
        while pilot.app.return_code is None and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
    assert pilot.app.return_code == 0


async def test_profiles_and_runs_are_found_by_name(run: RunDirectory) -> None:
    new_profile("cat", Profile())
    async with wizard() as pilot:
        await see(pilot, "6 in pictures")
        await choose(pilot, "open profile cat", "Open profile cat")
        await at_mode(pilot, "pictures")
        assert session_of(pilot).name == "cat"
        await choose(pilot, "attach run 2", f"Attach run {run.name}")
        await at_mode(pilot, "train")
        assert session_of(pilot).run.path == run.path


async def test_what_no_command_is_called_is_searched_in_what_they_do(run: RunDirectory) -> None:
    async with wizard(mode="system") as pilot:
        await choose(pilot, "default_config", "Write  (W)")
        await see(pilot, "default_config.yaml")


async def test_the_look_is_a_command_and_stays(run: RunDirectory) -> None:
    async with wizard() as pilot:
        await see(pilot, "6 in pictures")
        await choose(pilot, "theme light", "Theme light")
        await until(pilot, lambda: pilot.app.theme == "light")
    async with wizard() as pilot:
        assert pilot.app.theme == "light"


@pytest.mark.parametrize("pause", [0.0, 0.005, 0.02, 0.05])
async def test_it_may_be_closed_before_it_has_found_anything(run: RunDirectory, pause: float) -> None:
    async with wizard() as pilot:
        await see(pilot, "6 in pictures")
        for _ in range(5):
            await pilot.press("colon")
            for key in ("enter", "x", "escape", "escape"):
                await asyncio.sleep(pause)
                await pilot.press(key)
        await see(pilot, "? Help")


async def test_a_name_is_never_markup(run: RunDirectory) -> None:
    (profiles_directory() / "[blink]x[-].toml").write_text("schema = 1\n")
    (profiles_directory() / "y\x1b[31m.toml").write_text("schema = 1\n")
    async with wizard() as pilot:
        await see(pilot, "6 in pictures")
        await pilot.press("colon")
        await see(pilot, "Search for commands")
        await pilot.press(*"profile")
        lines = await see(pilot, "Open profile [blink]x[-]")
        assert any(r"Open profile y\x1b[31m" in line for line in lines)
