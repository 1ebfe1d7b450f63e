"""Train with real processes: a training is started, watched, stopped and resumed by keys alone."""

import os
from pathlib import Path

import pytest

from loratui.paths import runs_directory
from loratui.profile.store import new_profile
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.launch import start_run
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.queue import add_ticket
from loratui.runs.slots import Wish
from loratui.runs.state import run_state
from tests.functional.wizard.train_on_cpu import on_cpu, started
from tests.small_dataset import new_run, write_pictures
from tests.small_project import events_of, wait_until
from tests.stand_in_worker import put_in_place
from tests.wizard import see, session_of, wizard

HOLDS = "train(20, hold_at=10)\nfinish()"
FAILS_FIRST = """
if "LORATUI_ACCEPT_SMALLER" in os.environ:
    train(20)
    finish()
else:
    events.write("proposed", what="2 × 1 picture a step")
    events.write("failed", what="A step needs more memory than the card has free.", todo="", exit_code=1)
    sys.exit(1)
"""


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A saved profile with six pictures, to be trained on the CPU."""
    pictures = write_pictures(tmp_path / "5_emi_person")
    new_profile("emi", on_cpu(pictures, tmp_path / "output", "emi"))
    return "emi"


@pytest.fixture(autouse=True)
def _holding_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_process_is_left: None) -> None:
    """The stand-in holds after its tenth step, until it is let go."""
    put_in_place(HOLDS, tmp_path / "stand-in", monkeypatch)


def only_run() -> RunDirectory:
    """The run that was begun."""
    [run] = list_runs(runs_directory())
    return run


async def test_enter_starts_a_training_and_shows_it_to_its_end(profile: str, loratui_home: Path) -> None:
    async with started(profile, "step 10/20", "50 %") as pilot:
        (loratui_home / "go").touch()
        await see(pilot, "finished at", "20 steps", "emi.safetensors", "emi is trained: 6 tries it.")

    assert only_run().read_origin().endswith("emi.toml")


async def test_leaving_does_not_touch_the_run_and_coming_back_shows_it(profile: str, loratui_home: Path) -> None:
    async with started(profile, "step 10/20") as pilot:
        await pilot.press("d")
    run = only_run()
    assert is_alive(run)

    async with wizard(profile=profile, mode="home") as pilot:
        session_of(pilot).show_run(run)
        await pilot.press("5")
        await see(pilot, "step 10/20")
        (loratui_home / "go").touch()
        await see(pilot, "finished at")


async def test_x_stops_and_saves_and_enter_resumes(profile: str, loratui_home: Path) -> None:
    async with started(profile, "step 10/20") as pilot:
        await pilot.press("x")
        await see(pilot, "Stop emi?")
        await pilot.press("down", "down", "enter")
        lines = await see(pilot, "stopped at", "step 10 of 20", "Enter Resume")
        assert not any("failed" in line for line in lines)
        assert session_of(pilot).unmet("train")
        await pilot.press("enter")
        await see(pilot, "steps/s")
        assert session_of(pilot).unmet("train") is None
        (loratui_home / "go").touch()
        await see(pilot, "finished at")
        assert session_of(pilot).unmet("train") == ()

    assert [event["command"] for event in events_of(only_run(), "stopped")] == ["stop"]


async def test_a_run_that_has_to_wait_says_so_and_can_be_taken_out_and_queued_again(
    profile: str, tmp_path: Path, loratui_home: Path
) -> None:
    pictures = write_pictures(tmp_path / "others")
    other = new_run(on_cpu(pictures, tmp_path / "o", "aki"), runs_directory())
    start_run(other)
    wait_until(lambda: is_alive(other))
    async with started(profile, "Waiting for the CPU", "-aki") as pilot:
        await pilot.press("x")
        await see(pilot, "Take emi out of the queue?")
        await pilot.press("down", "enter")
        lines = await see(pilot, "never began   Enter starts it", "Enter Start")
        assert not any("stopped at" in line or "goes on where" in line for line in lines)
        await pilot.press("enter")
        await see(pilot, "Waiting for the CPU")
        (loratui_home / "go").touch()
        await see(pilot, "finished at")

    assert not is_busy(other)


async def test_too_little_memory_is_asked_about_and_the_run_goes_on_in_smaller_pieces(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(FAILS_FIRST, tmp_path / "stand-in", monkeypatch)
    async with started(profile, "A step does not fit into memory", "2 × 1 picture a step") as pilot:
        await pilot.press("enter")
        await see(pilot, "finished at")

    assert len(events_of(only_run(), "failed")) == 1


async def test_a_worker_that_is_killed_leaves_a_run_that_can_be_resumed(profile: str, loratui_home: Path) -> None:
    async with started(profile, "step 10/20") as pilot:
        os.kill(events_of(only_run(), "started")[-1]["pid"], 9)
        await see(pilot, "interrupted", "SIGKILL", "Enter Resume")
        (loratui_home / "go").touch()
        await pilot.press("enter")
        await see(pilot, "finished at")


async def test_a_run_that_waits_for_nobody_goes_on_by_enter(profile: str, tmp_path: Path, loratui_home: Path) -> None:
    (loratui_home / "go").touch()
    run = new_run(on_cpu(tmp_path / "5_emi_person", tmp_path / "output", "emi"), runs_directory())
    add_ticket(run, "train", Wish(("cpu",)))
    async with wizard(profile=profile, mode="home") as pilot:
        session_of(pilot).show_run(run)
        await pilot.press("5")
        await see(pilot, "nobody attends to it", "Enter Go on")
        await pilot.press("enter")
        await see(pilot, "finished at")
    assert run_state(run) == "finished"


async def test_the_terminal_going_away_does_not_reach_the_worker(profile: str) -> None:
    async with started(profile, "step 10/20"):
        pid = events_of(only_run(), "started")[-1]["pid"]

    assert os.getsid(pid) != os.getsid(0)
    assert is_alive(only_run())
