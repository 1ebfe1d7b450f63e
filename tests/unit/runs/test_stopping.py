import signal
import time
from pathlib import Path

import pytest

from loratui.runs.commands import STOP, CommandReader
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event
from loratui.runs.history import History, fold
from loratui.runs.lock import hold_lock
from loratui.runs.queue import add_ticket, ticket_of
from loratui.runs.slots import Wish
from loratui.runs.stopping import Stopping


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that would have been sent to the worker, which is this very process."""
    sent: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, number: sent.append(number))
    return sent


def test_a_run_that_waits_is_taken_out_of_the_queue(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    add_ticket(run, "train", Wish(("cpu",)))
    stopping = Stopping(run)
    stopping.pursue(History())
    assert stopping.taken_back
    assert ticket_of(run) is None
    assert not run.commands_path.exists()


def test_a_worker_is_asked_by_a_command_once_it_lives(tmp_path: Path, signals: list[int]) -> None:
    run = RunDirectory(tmp_path)
    stopping = Stopping(run, patience=0.1)
    stopping.pursue(History())
    assert not run.commands_path.exists()
    with hold_lock(run):
        stopping.pursue(History())
        stopping.pursue(History())
        assert CommandReader(run.commands_path).read() == [STOP]
        time.sleep(0.15)
        stopping.pursue(History(told=[STOP]))
        assert signals == []


def test_a_worker_that_does_not_answer_gets_a_signal_once(tmp_path: Path, signals: list[int]) -> None:
    run = RunDirectory(tmp_path)
    stopping = Stopping(run, patience=0.1)
    with hold_lock(run):
        stopping.pursue(History())
        time.sleep(0.15)
        stopping.pursue(History())
        stopping.pursue(History())
        assert signals == [signal.SIGTERM]


def test_a_worker_in_a_long_step_is_waited_for_and_one_that_loads_is_not(tmp_path: Path, signals: list[int]) -> None:
    run = RunDirectory(tmp_path)
    step: Event = {"event": "step", "step": 4, "seconds": 0.2}
    history = fold([{"event": "training", "steps": 9}, step])
    stopping = Stopping(run, patience=0.1)
    with hold_lock(run):
        stopping.pursue(history)
        time.sleep(0.3)
        stopping.pursue(history)
        assert signals == []
        for number in (5, 6):  # the command may have come when the next step was under way
            history.take({**step, "step": number})
            stopping.pursue(history)
        assert signals == []
        history.take({"event": "drawing"})
        stopping.pursue(history)
        assert signals == [signal.SIGTERM]


def test_a_step_that_never_ends_gets_a_signal_and_so_does_a_worker_that_reads_no_commands(
    tmp_path: Path, signals: list[int]
) -> None:
    run = RunDirectory(tmp_path)
    with hold_lock(run):
        history = fold([{"event": "preflight", "seconds_per_step": 0.1}, {"event": "training", "steps": 9}])
        stopping = Stopping(run, patience=0.1)
        stopping.pursue(history)
        time.sleep(0.35)
        stopping.pursue(history)
        assert signals == [signal.SIGTERM]
        stopping = Stopping(run, patience=0.1)
        stopping.pursue(history)
        time.sleep(0.15)
        for number in (1, 2, 3):
            assert signals == [signal.SIGTERM]
            history.take({"event": "step", "step": number, "seconds": 9.0})
            stopping.pursue(history)
        assert signals == [signal.SIGTERM] * 2


def test_where_no_command_can_be_written_a_signal_goes_at_once(tmp_path: Path, signals: list[int]) -> None:
    run = RunDirectory(tmp_path)
    run.commands_path.mkdir()
    with hold_lock(run):
        Stopping(run, patience=60).pursue(fold([{"event": "training", "steps": 9}]))
    assert signals == [signal.SIGTERM]


def test_a_signal_can_be_asked_for(tmp_path: Path, signals: list[int]) -> None:
    run = RunDirectory(tmp_path)
    with hold_lock(run):
        Stopping(run, by_signal=True).pursue(History())
    assert signals == [signal.SIGTERM]
    assert not run.commands_path.exists()
