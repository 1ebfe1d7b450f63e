"""Train with real processes: a training is started, watched, stopped and resumed by keys alone."""

import os
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.launch import start_run
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.queue import add_ticket
from loratui.runs.slots import Wish
from loratui.runs.state import run_state
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.small_project import events_of, processes_of, wait_until
from tests.stand_in_worker import environment
from tests.wizard import screen_text, wizard

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


def on_cpu(pictures: Path, output: Path, name: str) -> Profile:
    """A profile that trains on the CPU, for which every run here has to wait."""
    profile = small_profile(Path("demo"), pictures, output, output={"name": name})
    profile.accelerate.device = "cpu"
    return profile


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A saved profile with six pictures, to be trained on the CPU."""
    pictures = write_pictures(tmp_path / "5_emi_person")
    new_profile("emi", on_cpu(pictures, tmp_path / "output", "emi"))
    return "emi"


@pytest.fixture(autouse=True)
def _end_everything(loratui_home: Path):  # type: ignore[no-untyped-def]
    yield
    for pid in processes_of(str(loratui_home)):
        os.kill(pid, 9)


def put_in_place(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every worker that is started do `body`."""
    for name, value in environment(tmp_path / "stand-in", body).items():
        monkeypatch.setenv(name, value)


def only_run() -> RunDirectory:
    """The run that was begun."""
    [run] = list_runs(runs_directory())
    return run


async def until(pilot: Pilot[int], *texts: str) -> list[str]:
    """The screen once all texts are on it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        lines = screen_text(pilot)
        if all(any(text in line for line in lines) for text in texts):
            return lines
        await pilot.pause(0.05)
    raise AssertionError(f"{texts} never came:\n" + "\n".join(screen_text(pilot)))


async def test_enter_starts_a_training_and_shows_it_to_its_end(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loratui_home: Path
) -> None:
    put_in_place(HOLDS, tmp_path, monkeypatch)
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "step 10/20", "50 %")
        (loratui_home / "go").touch()
        await until(pilot, "finished at", "20 steps", "emi.safetensors", "emi is trained: 6 tries it.")

    assert only_run().read_origin().endswith("emi.toml")


async def test_leaving_does_not_touch_the_run_and_coming_back_shows_it(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loratui_home: Path
) -> None:
    put_in_place(HOLDS, tmp_path, monkeypatch)
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "step 10/20")
        await pilot.press("d")
    run = only_run()
    assert is_alive(run)

    async with wizard(profile=profile, mode="home") as pilot:
        pilot.app.session.show_run(run)  # type: ignore[attr-defined]
        await pilot.press("5")
        await until(pilot, "step 10/20")
        (loratui_home / "go").touch()
        await until(pilot, "finished at")


async def test_x_stops_and_saves_and_enter_resumes(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loratui_home: Path
) -> None:
    put_in_place(HOLDS, tmp_path, monkeypatch)
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "step 10/20")
        await pilot.press("x")
        await until(pilot, "Stop emi?")
        await pilot.press("down", "down", "enter")
        lines = await until(pilot, "stopped at", "step 10 of 20", "Enter Resume")
        assert not any("failed" in line for line in lines)
        assert pilot.app.session.unmet("train")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, "steps/s")
        assert pilot.app.session.unmet("train") is None  # type: ignore[attr-defined]
        (loratui_home / "go").touch()
        await until(pilot, "finished at")
        assert pilot.app.session.unmet("train") == ()  # type: ignore[attr-defined]

    assert [event["command"] for event in events_of(only_run(), "stopped")] == ["stop"]


async def test_a_run_that_has_to_wait_says_so_and_can_be_taken_out_and_queued_again(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loratui_home: Path
) -> None:
    put_in_place(HOLDS, tmp_path, monkeypatch)
    pictures = write_pictures(tmp_path / "others")
    other = new_run(on_cpu(pictures, tmp_path / "o", "aki"), runs_directory())
    start_run(other)
    wait_until(lambda: is_alive(other))
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "Waiting for the CPU", "-aki")
        await pilot.press("x")
        await until(pilot, "Take emi out of the queue?")
        await pilot.press("down", "enter")
        await until(pilot, "Enter Resume")
        await pilot.press("enter")
        await until(pilot, "Waiting for the CPU")
        (loratui_home / "go").touch()
        await until(pilot, "finished at")

    assert not is_busy(other)


async def test_too_little_memory_is_asked_about_and_the_run_goes_on_in_smaller_pieces(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(FAILS_FIRST, tmp_path, monkeypatch)
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "A step does not fit into memory", "2 × 1 picture a step")
        await pilot.press("enter")
        await until(pilot, "finished at")

    assert len(events_of(only_run(), "failed")) == 1


async def test_a_worker_that_is_killed_leaves_a_run_that_can_be_resumed(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loratui_home: Path
) -> None:
    put_in_place(HOLDS, tmp_path, monkeypatch)
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "step 10/20")
        os.kill(events_of(only_run(), "started")[-1]["pid"], 9)
        await until(pilot, "interrupted", "SIGKILL", "Enter Resume")
        (loratui_home / "go").touch()
        await pilot.press("enter")
        await until(pilot, "finished at")


async def test_a_run_that_waits_for_nobody_goes_on_by_enter(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loratui_home: Path
) -> None:
    put_in_place(HOLDS, tmp_path, monkeypatch)
    (loratui_home / "go").touch()
    run = new_run(on_cpu(tmp_path / "5_emi_person", tmp_path / "output", "emi"), runs_directory())
    add_ticket(run, "train", Wish(("cpu",)))
    async with wizard(profile=profile, mode="home") as pilot:
        pilot.app.session.show_run(run)  # type: ignore[attr-defined]
        await pilot.press("5")
        await until(pilot, "nobody attends to it", "Enter Go on")
        await pilot.press("enter")
        await until(pilot, "finished at")
    assert run_state(run) == "finished"


async def test_the_terminal_going_away_does_not_reach_the_worker(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(HOLDS, tmp_path, monkeypatch)
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "step 10/20")
        pid = events_of(only_run(), "started")[-1]["pid"]

    assert os.getsid(pid) != os.getsid(0)
    assert is_alive(only_run())
