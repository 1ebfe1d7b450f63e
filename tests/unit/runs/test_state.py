from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, EventWriter
from loratui.runs.history import fold
from loratui.runs.lock import hold_lock
from loratui.runs.state import run_state, state_of


def attempt(number: int, *kinds: str, task: str = "train") -> list[Event]:
    return [{"event": "started", "attempt": number, "task": task}] + [
        {"event": kind, "attempt": number} for kind in kinds
    ]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "interrupted"),
        (attempt(1), "interrupted"),
        (attempt(1, "step", "step"), "interrupted"),
        (attempt(1, "step", "finished"), "finished"),
        (attempt(1, "finished", "warning"), "finished"),
        (attempt(1, "step", "failed"), "failed"),
        (attempt(1, "step", "stopped"), "stopped"),
        (attempt(1, "stopped") + attempt(2, "step"), "interrupted"),
        (attempt(1, "stopped") + attempt(2, "step", "finished"), "finished"),
        (attempt(1, "finished") + attempt(2, "drawing", "failed", task="compare"), "finished"),
        (attempt(1, "finished") + attempt(2, "drawing", task="compare"), "finished"),
        (attempt(1, "failed") + attempt(2, "finished", task="compare"), "failed"),
        ([{"event": "step", "attempt": 2}], "interrupted"),
        ([*attempt(1, "stopped"), {"event": "step", "attempt": 2}], "interrupted"),
    ],
)
def test_how_a_run_ended_is_read_from_its_latest_training(events: list[Event], state: str) -> None:
    assert state_of(fold(events)) == state


def test_a_run_is_running_while_its_lock_is_held(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run_state(run) == "interrupted"
    with hold_lock(run), EventWriter(run.events_path) as events:
        events.write("started", task="train")
        events.write("finished")
        assert run_state(run) == "running"
    assert run_state(run) == "finished"
