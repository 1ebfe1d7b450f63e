"""Workers that try strengths are ended where they are in the way, and whoever waits for them hears why."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loratui.environment import gpu
from loratui.paths import runs_directory
from loratui.runs.commands import STOP, send
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.slots import release, slots_of, try_slots
from loratui.runs.tried_files import files_to_try
from loratui.runs.try_session import TrySession
from loratui.runs.try_stopping import LEFT, make_room, stop_session, stop_sessions
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.stand_in_worker import TRIES, environment
from tests.tried_run import compared_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunDirectory]:
    for name, value in environment(tmp_path / "stand-in", TRIES).items():
        monkeypatch.setenv(name, value)
    made = compared_run(tmp_path / "p", runs_directory())
    yield made
    stop_session(made)


def asked(run: RunDirectory) -> TrySession:
    """A session that waits for a picture, which its worker holds back."""
    run.trying.path.mkdir(exist_ok=True)
    (run.trying.path / "hold").touch()
    session = TrySession(run)
    wish = next(iter(session.cells))[0]
    session.draw(wish, [0.9], files_to_try(run)[0].path)
    return session


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def training(tmp_path: Path, device: str) -> RunDirectory:
    profile = small_profile(tmp_path / "base", write_pictures(tmp_path / "pictures"), tmp_path / "out")
    profile.accelerate.device = device  # type: ignore[assignment]
    return new_run(profile, runs_directory())


def test_a_training_ends_what_holds_its_device_and_says_so(run: RunDirectory, tmp_path: Path) -> None:
    session = asked(run)
    wait_for(lambda: is_alive(run.trying))
    make_room(training(tmp_path, "cpu"))
    assert not is_busy(run.trying)
    session.poll()
    assert session.pending == {}
    assert session.refusal is not None
    assert session.refusal.what == "It was stopped for a training."


def test_a_training_on_another_device_leaves_it_alone(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = asked(run)
    wait_for(lambda: is_alive(run.trying))
    monkeypatch.setattr(gpu, "_gpu_uuids", lambda: {"0": "GPU-aa"})
    make_room(training(tmp_path, "cuda"))
    assert is_alive(run.trying)
    session.poll()
    assert len(session.pending) == 1
    assert session.refusal is None


def test_whoever_still_waits_for_a_turn_hears_that_another_was_left(run: RunDirectory) -> None:
    slots = try_slots(slots_of(run.read_profile().accelerate), "/runs/somebody")
    assert slots is not None
    session = asked(run)
    stop_sessions({run})
    release(slots.values())
    session.poll()
    assert session.refusal is not None
    assert session.refusal.what == LEFT
    assert session.refusal.todo


def test_what_another_one_takes_back_does_not_go_silently(run: RunDirectory) -> None:
    session, other = asked(run), TrySession(run)
    other.cancel()
    session.poll()
    assert session.refusal is not None
    assert "taken back elsewhere" in session.refusal.what
    assert other.refusal is None
    # The next wish is answered by itself.
    session.draw(next(iter(session.cells))[0], [0.9], files_to_try(run)[0].path)
    assert session.refusal is None


def test_a_worker_that_stopped_without_another_word_is_told(run: RunDirectory) -> None:
    session = asked(run)
    wait_for(lambda: is_alive(run.trying))
    send(run.trying, STOP)
    wait_for(lambda: not is_busy(run.trying))
    session.poll()
    assert session.refusal is not None
    assert session.refusal.what == "The drawing was stopped."
