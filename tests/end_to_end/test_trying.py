"""Strengths tried by the real worker on the tiny base: pictures, newer wishes, mistakes, the grid, and leaving."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pytest
from PIL import Image

from loratui.paths import runs_directory
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_events
from loratui.runs.launch import start_run
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.slots import release, slots_of, try_slots
from loratui.runs.tried_files import files_to_try
from loratui.runs.try_session import TrySession
from loratui.runs.try_stopping import stop_session
from loratui.runs.trying import Wish
from tests.tried_run import finished_run


@pytest.fixture
def run(tiny_base_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunDirectory]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = finished_run(tiny_base_directory, tmp_path, runs_directory())
    yield made
    stop_session(made)


def wish_of(run: RunDirectory, prompt: str = "Emi, red disc", seed: int = 1, label: str = "last", **how: int) -> Wish:
    settings = run.read_profile().comparison.model_copy(update=how)
    return Wish.of(settings, (32, 32), prompt=prompt, seed=seed, label=label)


def wait_for(session: TrySession, condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (session.standing, session.refusal, session.trying.log_path.read_text())
        time.sleep(0.02)
        session.poll()


def kinds(run: RunDirectory, kind: str) -> list[dict]:
    return [event for event in read_events(run.trying.events_path) if event["event"] == kind]


def pixels(path: Path) -> numpy.ndarray:
    with Image.open(path) as picture:
        return numpy.asarray(picture.convert("RGB")).astype(int)


def test_a_person_tries_strengths(run: RunDirectory) -> None:
    last, first = files_to_try(run)
    assert (last.label, first.label, first.is_best) == ("last", "epoch 1", True)
    session = TrySession(run, idle_seconds=2.0)
    assert (session.standing, session.cells) == ("away", {})

    # Without and with, in this order; a mistake in the prompt ends nothing.
    wish = wish_of(run)
    session.draw(wish, [0.8], last.path)
    wait_for(session, lambda: not session.pending)
    assert session.refusal is None
    assert [event["strength"] for event in kinds(run, "cell")] == [0.0, 0.8]
    without, usual = session.picture(wish, 0.0), session.picture(wish, 0.8)
    assert without is not None
    assert usual is not None
    assert numpy.abs(pixels(without) - pixels(usual)).max() > 10
    session.draw(wish_of(run, "Emi <lora:nobody:1>"), [0.8], last.path)
    wait_for(session, lambda: not session.pending)
    assert session.refusal is not None
    assert "nobody" in session.refusal.what
    assert is_alive(session.trying)

    # What is there is not drawn again, and another epoch is another picture.
    written = usual.stat().st_mtime_ns
    session.draw(wish, [0.8], last.path)
    wait_for(session, lambda: not session.pending)
    assert session.picture(wish, 0.8) == usual
    assert usual.stat().st_mtime_ns == written
    early = wish_of(run, label="epoch 1")
    session.draw(early, [0.8], first.path)
    wait_for(session, lambda: not session.pending)
    assert numpy.abs(pixels(session.picture(early, 0.8)) - pixels(usual)).max() > 10

    # A newer wish ends an older one between two steps, and comes before a grid, which is taken up again.
    settings = run.read_profile().comparison
    slow = wish_of(run, seed=2, steps=400)
    session.draw(slow, [0.8], last.path)
    grid = session.fill(settings, [last], "", (32, 32), last.path)
    newer = session.draw(wish_of(run, seed=3), [1.0], last.path)
    wait_for(session, lambda: not session.pending)
    assert session.picture(slow, 0.8) is None
    assert session.picture(wish_of(run, seed=3), 1.0) is not None
    assert [event["request"] for event in kinds(run, "done")][-2:] == [newer, grid]
    assert session.grid == last.path.with_name("disc-grid.png")
    assert session.grid.is_file()
    assert all(session.picture(wish, strength) for strength in settings.strengths)

    # Somebody else who looks later sees the same, and the worker leaves by itself.
    assert TrySession(run).cells == session.cells
    wait_for(session, lambda: session.standing == "away")
    assert kinds(run, "finished")[-1]["why"] == "idle"

    # The same settings give the same pictures as the run's own comparison, which is shown without any worker.
    start_run(run, "compare")
    wait_for(session, lambda: not is_busy(run))
    fresh = TrySession(run)
    assert fresh.standing == "away"
    told = json.loads((run.comparison / "comparison.json").read_text())
    assert len(told["cells"]) == 4
    for strength in settings.strengths:
        compared = next(cell["file"] for cell in told["cells"] if cell["strength"] == strength)
        tried = session.picture(wish, strength)
        assert tried is not None
        assert numpy.abs(pixels(run.comparison / compared) - pixels(tried)).max() <= 1


def test_it_leaves_when_told_and_when_somebody_waits(run: RunDirectory, tmp_path: Path) -> None:
    last = files_to_try(run)[0]
    session = TrySession(run)
    session.draw(wish_of(run, seed=4, steps=900), [0.8], last.path)
    wait_for(session, lambda: session.standing == "drawing")
    assert stop_session(run)
    session.poll()
    assert (session.standing, session.pending) == ("away", {})
    assert session.refusal is not None
    assert not stop_session(run)

    session.draw(wish_of(run), [0.8], last.path)
    wait_for(session, lambda: not session.pending)
    assert session.standing == "ready"
    other = finished_run(Path(run.read_profile().model.base), tmp_path / "other", runs_directory(), random_loras=False)
    start_run(other, "compare")
    wait_for(session, lambda: session.standing == "away")
    assert kinds(run, "finished")[-1]["why"] == "wanted"
    # What is wanted afterwards waits for its turn, and comes.
    session.draw(wish_of(run, seed=5), [0.8], last.path)
    wait_for(session, lambda: not session.pending)
    assert session.picture(wish_of(run, seed=5), 0.8) is not None


def test_a_lora_that_is_gone_is_told_and_whoever_waits_can_give_up(run: RunDirectory) -> None:
    last = files_to_try(run)[0]
    slots = try_slots(slots_of(run.read_profile().accelerate), "/runs/somebody")
    assert slots is not None
    session = TrySession(run)
    session.draw(wish_of(run), [0.8], last.path)
    wait_for(session, lambda: session.place == "Waiting for the CPU, where somebody is at work.")
    assert session.standing == "waiting"
    session.cancel()
    wait_for(session, lambda: session.standing == "away")
    assert not session.trying.events_path.exists()
    release(slots.values())

    last.path.unlink()
    session.draw(wish_of(run), [0.8], last.path)
    wait_for(session, lambda: not session.pending)
    assert session.refusal is not None
    assert "disc.safetensors" in session.refusal.what
