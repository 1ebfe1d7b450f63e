"""Real worker processes killed at random moments, again and again: the end is the same as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
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
        training={"epochs": 60, "save_every": 10},
        comparison={"enabled": False},
    )


def start(run: RunDirectory) -> subprocess.Popen[bytes]:
    with open(run.log_path, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "loratui.worker", str(run.path), "train"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def finished_hash(run: RunDirectory) -> str:
    return str([event for event in read_events(run.events_path) if event["event"] == "saved"][-1]["model_hash"])


def wait_for_news(run: RunDirectory, process: subprocess.Popen[bytes], attempt: int) -> bool:
    """Wait until this attempt has taken a step; False when it ended before."""
    deadline = time.monotonic() + 120
    while process.poll() is None:
        assert time.monotonic() < deadline
        if any(event["event"] == "step" and event["attempt"] == attempt for event in read_events(run.events_path)):
            return True
        time.sleep(0.02)
    return False


def test_twenty_kills_change_nothing(profile: Profile, tmp_path: Path) -> None:
    whole = new_run(profile, tmp_path / "runs")
    assert start(whole).wait(timeout=300) == 0
    expected = finished_hash(whole)

    run = new_run(profile, tmp_path / "runs")
    moments = random.Random(20261122)
    kills = 0
    for attempt in range(1, 200):
        process = start(run)
        if kills < KILLS and wait_for_news(run, process, attempt):
            time.sleep(moments.uniform(0, 0.35))
            process.send_signal(signal.SIGKILL)
            kills += 1
        code = process.wait(timeout=300)
        assert not is_alive(run)
        if code == 0:
            break
        assert code == -signal.SIGKILL

    assert kills == KILLS
    assert finished_hash(run) == expected
    events = read_events(run.events_path)
    latest: dict[int, Event] = {event["step"]: event for event in events if event["event"] == "step"}
    straight = [event for event in read_events(whole.events_path) if event["event"] == "step"]
    assert sorted(latest) == list(range(1, 241))
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
