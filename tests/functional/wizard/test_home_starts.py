"""Runs that Home starts and goes on with, in real processes; a stand-in takes the worker's place."""

import asyncio
from pathlib import Path

import pytest

from loratui.paths import runs_directory
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import load_profile
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.lock import is_busy
from tests.functional.wizard.home_rows import a_run, home, save
from tests.small_project import wait_until
from tests.stand_in_worker import put_in_place
from tests.wizard import at_mode, line_with, read, session_of


@pytest.fixture
def stand_in(tmp_path: Path, loratui_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that lets the workers go on which hold after their second step."""
    put_in_place("train(8, hold_at=2)\nfinish()", tmp_path / "stand-in", monkeypatch)
    return loratui_home / "go"


def over(run: RunDirectory) -> None:
    """Wait until nobody works on the run any more."""
    wait_until(lambda: not is_busy(run))


async def test_run_again_starts_the_saved_profile(unsaved: Profile, stand_in: Path) -> None:
    save(unsaved)
    async with home("6 in IMG") as pilot:
        await pilot.press("A")
        await at_mode(pilot, "train")
        session = session_of(pilot)
        [run] = list_runs(runs_directory())
        assert (session.name, session.run.path) == ("emi", run.path)
        assert is_busy(run)
        await pilot.press("h")
        await read(pilot, "2/8  25 %")
        stand_in.touch()
        await asyncio.to_thread(over, run)
        lines = await read(pilot, "8/8")
        assert "finished" in line_with(lines, "6 in IMG")


async def test_run_again_of_bad_pictures_leads_to_the_pictures(unsaved: Profile, stand_in: Path) -> None:
    unsaved.dataset.path = str(Path(unsaved.dataset.path) / "gone")
    save(unsaved)
    async with home("0 in gone") as pilot:
        await pilot.press("A")
        await at_mode(pilot, "pictures")
    assert list_runs(runs_directory()) == ()


async def test_run_again_without_the_base_leads_to_training(unsaved: Profile, stand_in: Path) -> None:
    unsaved.model.base = "somebody/a-base"
    save(unsaved)
    async with home("6 in IMG") as pilot:
        await pilot.press("A")
        await at_mode(pilot, "train")
        await read(pilot, "is not on this computer yet")
    assert list_runs(runs_directory()) == ()


async def test_the_demo_is_saved_as_a_profile_and_started(stand_in: Path) -> None:
    async with home("Try the demo") as pilot:
        await pilot.press("enter")
        await at_mode(pilot, "train")
        assert session_of(pilot).name == "demo"
        # A second time it is not started again while it is at work.
        await pilot.press("h")
        await read(pilot, "▸ demo")
        await pilot.press("D")
        await at_mode(pilot, "train")
    [run] = list_runs(runs_directory())
    saved, packaged = load_profile("demo"), demo_profile()
    assert (saved.model, saved.training) == (packaged.model, packaged.training)
    # Captions can be edited: the packaged ones stay as they are.
    copied, original = (Path(one.dataset.path) / "5_emi_person" / "1.txt" for one in (saved, packaged))
    assert copied != original
    assert copied.read_bytes() == original.read_bytes()
    stand_in.touch()
    over(run)


async def test_enter_goes_on_with_what_was_cut_short(unsaved: Profile, stand_in: Path) -> None:
    save(unsaved)
    run = a_run(unsaved, step=3)
    stand_in.parent.mkdir(parents=True, exist_ok=True)
    stand_in.touch()
    async with home("3/8") as pilot:
        await pilot.press("end", "enter")
        await read(pilot, "emi was interrupted at step 3 of 8")
        await pilot.press("enter")
        await at_mode(pilot, "train")
        await asyncio.to_thread(over, run)
        await pilot.press("h")
        await read(pilot, "8/8")


async def test_what_waits_is_taken_out_of_the_queue_on_request(unsaved: Profile, stand_in: Path) -> None:
    save(unsaved)
    async with home("6 in IMG") as pilot:
        await pilot.press("A")
        await at_mode(pilot, "train")
        await pilot.press("h")
        await read(pilot, "running")
        await pilot.press("A")
        await read(pilot, "emi is being trained. Queue another?")
        await pilot.press("enter")  # the harmless answer
        await at_mode(pilot, "train")
        assert len(list_runs(runs_directory())) == 1
        await pilot.press("h")
        await read(pilot, "running")
        await pilot.press("A")
        await read(pilot, "Queue another?")
        await pilot.press("down", "enter")
        await at_mode(pilot, "train")
        await pilot.press("h")
        await read(pilot, "1st in queue")
        await pilot.press("end", "delete")
        await read(pilot, "out of the queue?")
        await pilot.press("down", "enter")
        await read(pilot, "was taken out")
    waited, worked = list_runs(runs_directory())
    over(waited)
    assert is_busy(worked)
    stand_in.touch()
    over(worked)
