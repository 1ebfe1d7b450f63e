"""Leaving the program: when it asks, what it leaves alone, and what a fault leaves behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.profile.schema import Profile
from loratui.profile.store import new_profile
from loratui.runs.commands import STOP, CommandReader, send
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.launch import start_run
from loratui.runs.lock import hold_lock, is_alive
from loratui.runs.queue import ticket_of
from loratui.tui.app import Wizard
from loratui.tui.dialogs import Ask
from loratui.tui.messages import OpenProfile
from loratui.tui.widgets.form import RowsForm
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.small_project import wait_until
from tests.stand_in_worker import put_in_place
from tests.wizard import screen_text, session_of, until, wizard

ALIVE = "train(100000, 0.02)"


@pytest.fixture
def living_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loratui_home: Path) -> Iterator[RunDirectory]:
    """A run at work, in processes of its own; stopped after the test."""
    put_in_place(ALIVE, tmp_path / "stand-in", monkeypatch)
    small = small_profile(Path("demo"), write_pictures(tmp_path / "pictures"), tmp_path / "output")
    run = new_run(small, loratui_home / "data" / "runs")
    start_run(run)
    wait_until(lambda: is_alive(run))
    yield run
    send(run, STOP)
    wait_until(lambda: not is_alive(run) and ticket_of(run) is None)


async def question(pilot: Pilot[int]) -> str:
    """The question whether to leave, once it can be answered."""
    await until(pilot, lambda: isinstance(pilot.app.screen, Ask) and pilot.app.focused is not None)
    return "\n".join(screen_text(pilot))


async def test_leaving_without_a_run_alive_asks_nothing(profile: str) -> None:
    async with wizard(profile=profile) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)
        assert pilot.app.return_code == 0


async def test_leaving_tells_once_of_values_that_were_not_taken(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form = pilot.app.screen.query_one(RowsForm)
        for row in ("dataset.resolution", "training.epochs"):
            form.go_to(row)
            await pilot.press("enter", "ctrl+u", "minus", "7", "x", "enter")
        await pilot.press("q")
        asked = " ".join((await question(pilot)).split())
        assert "2 values are not taken: Resolution, Epochs." in asked
        await pilot.press("enter")  # the harmless answer
        await until(pilot, lambda: pilot.app.screen is pilot.app.step_screen)
        await pilot.press("q")
        await question(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.return_code == 0)


async def test_what_was_not_taken_stays_with_its_profile_and_is_told_when_leaving(profile: str) -> None:
    new_profile("ken", Profile())
    async with wizard(profile=profile, mode="settings") as pilot:
        pilot.app.screen.query_one(RowsForm).go_to("training.epochs")
        await pilot.press("enter", "ctrl+u", "x", "enter")
        for name, refused in (("ken", {}), (profile, {"training.epochs"})):
            pilot.app.post_message(OpenProfile(name, "settings"))
            await until(pilot, lambda name=name: session_of(pilot).name == name)
            form = pilot.app.screen.query_one(RowsForm)
            await until(pilot, lambda form=form, refused=refused: set(form.refused) == set(refused))
        pilot.app.post_message(OpenProfile("ken", "pictures"))
        await until(pilot, lambda: pilot.app.current_mode == "pictures")
        await pilot.press("q")
        assert "1 value is not taken: Epochs of emi." in " ".join((await question(pilot)).split())


async def test_ctrl_c_asks_since_it_may_have_been_meant_to_copy(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await pilot.press("ctrl+c")
        assert "Leave loratui?" in await question(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.step_screen)
        await pilot.press("ctrl+c", "ctrl+c")
        await question(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.return_code == 0)


async def test_leaving_with_a_run_alive_asks_and_escape_stays(profile: str, living_run: RunDirectory) -> None:
    async with wizard(profile=profile) as pilot:
        await pilot.press("ctrl+q")
        assert living_run.name in await question(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.step_screen)
        assert pilot.app.is_running
        await pilot.press("q")
        await question(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: not pilot.app.is_running)
    assert is_alive(living_run)


async def test_a_worker_that_has_said_its_last_word_is_no_reason_to_ask(
    profile: str, tmp_path: Path, loratui_home: Path
) -> None:
    small = small_profile(Path("demo"), write_pictures(tmp_path / "pictures"), tmp_path / "output")
    run = new_run(small, loratui_home / "data" / "runs")
    with hold_lock(run), EventWriter(run.events_path) as events:
        events.write("started", pid=1, task="train")
        events.write("finished", lora=None, grid=None, steps=1)
        async with wizard(profile=profile, mode="settings") as pilot:
            await pilot.press("q")
            await until(pilot, lambda: not pilot.app.is_running)


async def test_stopping_when_leaving_tells_the_worker(profile: str, living_run: RunDirectory) -> None:
    reader = CommandReader(living_run.commands_path)
    async with wizard(profile=profile) as pilot:
        await pilot.press("q")
        await question(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not pilot.app.is_running)
    assert reader.read() == ["stop"]


async def test_a_fault_leaves_a_log_and_an_exit_code(profile: str, loratui_home: Path) -> None:
    apps: list[Wizard] = []
    with pytest.raises(RuntimeError, match="the cat"):
        await _run_into_a_fault(profile, apps)
    assert apps[0].return_code == 1
    [log] = (loratui_home / "data").glob("crash-*.log")
    assert "the cat" in log.read_text()


async def test_a_person_can_leave_even_where_runs_cannot_be_looked_for(profile: str, loratui_home: Path) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        # A queue that is a file: whoever lists it gets an error that nobody expects.
        queue = loratui_home / "data" / "queue"
        queue.parent.mkdir(parents=True, exist_ok=True)
        queue.write_text("not a directory")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask) or not pilot.app.is_running)
        if pilot.app.is_running:
            assert "Leave loratui?" in "\n".join(screen_text(pilot))
            await pilot.press("enter")
        await until(pilot, lambda: not pilot.app.is_running)


async def _run_into_a_fault(profile: str, apps: list[Wizard]) -> None:
    async with wizard(profile=profile) as pilot:
        apps.append(pilot.app)
        pilot.app.call_later(_fail)
        await pilot.pause(0.3)


def _fail() -> None:
    raise RuntimeError("the cat sat on the keyboard")
