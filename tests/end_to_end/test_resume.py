"""Real worker processes killed at random moments, again and again: the end is the same as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loratui.profile.schema import Profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, read_events
from loratui.runs.lock import is_alive
from tests.small_dataset import new_run, small_profile, write_pictures

KILLS = 20


@pytest.fixture
def profile(tiny_base_directory: Path, tmp_path: Path) -> Profile:
    return small_profile(
        tiny_base_directory,
        write_pictures(tmp_path / "2_disc"),
        tmp_path / "out",
        training={"epochs": 80, "save_every": 10},
        comparison={"enabled": False},
    )


@pytest.fixture
def start() -> Iterator[Callable[[RunDirectory], subprocess.Popen[bytes]]]:
    """Starts workers with one thread each, and leaves none behind."""
    workers: list[subprocess.Popen[bytes]] = []

    def start_worker(run: RunDirectory) -> subprocess.Popen[bytes]:
        with open(run.log_path, "ab") as log:
            workers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "loratui.worker", str(run.path), "train"],
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        return workers[-1]

    yield start_worker
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
            worker.wait()


def finished_hash(run: RunDirectory) -> str:
    return str([event for event in read_events(run.events_path) if event["event"] == "saved"][-1]["model_hash"])


def wait_for_moment(run: RunDirectory, process: subprocess.Popen[bytes], attempt: int, moment: int) -> None:
    """Wait for the moment to kill: after `moment` new steps, or with every third attempt while a state is written."""
    deadline = time.monotonic() + 240
    while process.poll() is None:
        assert time.monotonic() < deadline
        steps = [e for e in read_events(run.events_path) if e["event"] == "step" and e["attempt"] == attempt]
        if attempt % 3 == 0 and steps and any(run.state.glob(".draft-*")):
            return
        if len(steps) >= (60 if attempt % 3 == 0 else moment):
            return
        time.sleep(0.002 if attempt % 3 == 0 else 0.02)


def test_twenty_kills_change_nothing(
    profile: Profile, tmp_path: Path, start: Callable[[RunDirectory], subprocess.Popen[bytes]]
) -> None:
    whole = new_run(profile, tmp_path / "runs")
    assert start(whole).wait(timeout=300) == 0
    expected = finished_hash(whole)

    run = new_run(profile, tmp_path / "runs")
    moments = random.Random(20261122)
    for attempt in range(1, KILLS + 1):
        process = start(run)
        wait_for_moment(run, process, attempt, moments.randint(1, 12))
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL, "the run must be long enough for every kill"
        assert not is_alive(run)
    assert start(run).wait(timeout=300) == 0

    assert finished_hash(run) == expected
    steps = [event for event in read_events(run.events_path) if event["event"] == "step"]
    assert len({(event["attempt"], event["step"]) for event in steps}) == len(steps)
    latest: dict[int, Event] = {event["step"]: event for event in steps}
    straight = [event for event in read_events(whole.events_path) if event["event"] == "step"]
    assert sorted(latest) == [event["step"] for event in straight]
    assert [latest[step]["loss"] for step in sorted(latest)] == [event["loss"] for event in straight]
    assert _processes_of(run) == []


def _processes_of(run: RunDirectory) -> list[int]:
    """Processes that still have the run's path in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(run.path) in command:
                found.append(int(entry.name))
    return found
