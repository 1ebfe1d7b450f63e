"""Pictures of step 5, in the smallest terminal and in a large one: before, while and after it trains."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from textual.pilot import Pilot

from loratui.profile.store import new_profile
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import hold_lock
from loratui.tui.app import Wizard
from loratui.tui.screens import train, train_plan
from tests.patient_pilot import patient
from tests.recorded_run import Recording, recorded_run
from tests.small_dataset import small_profile, write_pictures
from tests.stand_in_nvml import GIB, Card, stand_in_nvml
from tests.wizard import TEN_FORTY_TWO, make_wizard, see

SIZES = [(80, 24), (120, 40)]


@pytest.fixture(autouse=True)
def _a_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One card, one reading of the gauges, and a home that has the same name everywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(Card(used=int(5.4 * GIB))))
    memory = SimpleNamespace(total=31 * GIB, available=int(24.9 * GIB), percent=20.0)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(psutil, "cpu_percent", lambda: 31.0)
    monkeypatch.setattr(train, "_GAUGES_EVERY", 3600.0)
    usage = SimpleNamespace(total=100_000_000_000, free=51_000_000_000, used=0)
    monkeypatch.setattr(train_plan.shutil, "disk_usage", lambda _: usage)


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A saved profile with six pictures."""
    pictures = write_pictures(tmp_path / "5_emi_person")
    new_profile("emi", small_profile(Path("demo"), pictures, tmp_path / "output", output={"name": "emi_lora"}))
    return "emi"


@pytest.fixture
def run(tmp_path: Path, loratui_home: Path) -> RunDirectory:
    """A run that nobody has begun, of a name that is the same each time."""
    made = recorded_run(tmp_path, loratui_home)
    return RunDirectory(made.path.rename(made.path.with_name("20261122-103800-emi")))


def showing(profile: str, run: RunDirectory, **options: object) -> Wizard:
    """The app on Train, with a run."""
    app = make_wizard(profile, "train", **options)
    app.session.run = run
    return app


def after(*texts: str, keys: tuple[str, ...] = (), then: str = "") -> Callable[[Pilot[int]], Awaitable[None]]:
    """Wait for texts, press keys, and wait for another text."""

    async def run(pilot: Pilot[int]) -> None:
        await see(pilot, *texts)
        await pilot.press(*keys)
        await see(pilot, then)

    return patient(run)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_before_it_starts(profile: str, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(
        make_wizard(profile, "train"), terminal_size=size, run_before=after("Enter starts the training")
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("ascii", [False, True], ids=["unicode", "ascii"])
def test_while_it_trains(
    profile: str, run: RunDirectory, size: tuple[int, int], ascii: bool, snap_compare: Any
) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(138)
    recording.event("preview", 1.0, file=str(run.previews / "step-00000138.png"), prompt="Emi, reading", step=138)
    recording.event("recovered", 1.0, what="out of memory: now 2 × 1 picture a step, same effective batch", step=138)
    recording.write(TEN_FORTY_TWO)
    with hold_lock(run):
        app = showing(profile, run, ascii=ascii)
        assert snap_compare(app, terminal_size=size, run_before=after("step 138/360", "VRAM", "out of memory"))


def test_the_question_whether_to_stop(profile: str, run: RunDirectory, snap_compare: Any) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(138)
    recording.write(TEN_FORTY_TWO)
    with hold_lock(run):
        asked = after("step 138/360", "VRAM", keys=("x",), then="Stop emi?")
        assert snap_compare(showing(profile, run), terminal_size=(80, 24), run_before=asked)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_after_it_has_finished(profile: str, run: RunDirectory, size: tuple[int, int], snap_compare: Any) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(360)
    recording.finish()
    recording.write(TEN_FORTY_TWO)
    finished = after("finished at 10:42", "6 tries strengths")
    assert snap_compare(showing(profile, run), terminal_size=size, run_before=finished)


def test_after_it_has_failed(profile: str, run: RunDirectory, snap_compare: Any) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(40)
    recording.event(
        "failed",
        what="The training came apart 4 times (the loss is not a number), although the learning rate was halved each "
        "time.",
        todo="Lower training.unet_lr, or train in bf16 or without mixed precision.",
        exit_code=1,
    )
    recording.write(TEN_FORTY_TWO)
    failed = after("failed at 10:42", "worker.log")
    assert snap_compare(showing(profile, run), terminal_size=(80, 24), run_before=failed)
