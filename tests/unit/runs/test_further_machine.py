"""A machine's part of a training whose first machine is another one, with a stand-in for its workers."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loratui.locks import take_lock
from loratui.profile.schema import Profile
from loratui.profile.store import write_profile
from loratui.runs.commands import STOP, send
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, read_events
from loratui.runs.history import fold
from loratui.runs.lock import is_alive, worker_pid
from loratui.runs.notify import notice
from loratui.runs.queue import add_ticket, ticket_of
from loratui.runs.slots import Wish
from loratui.runs.state import run_state
from loratui.runs.waiter import attend

HEAD = """
import json, signal, sys, time
from pathlib import Path
run = Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
(run / "ready").touch()
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "20260101-120000-emi")
    run.path.mkdir()
    profile = Profile()
    part = {"processes": 2, "machines": 2, "machine_rank": 1, "main_address": "127.0.0.1"}
    profile.accelerate = profile.accelerate.model_copy(update=part)
    write_profile(profile, run.profile_path)
    return run


def see_to(run: RunDirectory, tmp_path: Path, body: str, meanwhile: Callable[[], None] = lambda: None) -> list[Event]:
    (tmp_path / "worker.py").write_text(HEAD + body)
    lock = take_lock(run.waiter_lock_path)
    assert lock is not None
    add_ticket(run, "train", Wish(("cpu",)))

    def act() -> None:
        while not (run.path / "ready").exists():
            time.sleep(0.02)
        meanwhile()

    other = threading.Thread(target=act)
    other.start()
    assert attend(run, lock, command=[sys.executable, str(tmp_path / "worker.py")])
    other.join()
    return read_events(run.events_path)


def test_it_is_seen_at_work_and_says_where_the_result_is(run: RunDirectory, tmp_path: Path) -> None:
    seen: list[object] = []

    def look() -> None:
        while ticket_of(run) is not None:
            time.sleep(0.02)
        seen.extend([run_state(run), worker_pid(run)])
        (run.path / "go").touch()

    body = "while not (run / 'go').exists():\n    time.sleep(0.02)\n"
    started, finished = see_to(run, tmp_path, body, look)
    assert seen == ["running", os.getpid()]
    assert (started["event"], started["task"], started["attempt"]) == ("started", "train", 1)
    assert (finished["event"], finished["lora"]) == ("finished", None)
    assert "Machine 0 holds the result" in finished["what"]
    assert run_state(run) == "finished"
    assert not is_alive(run)
    assert "Machine 0" in notice(run, fold([started, finished]))["LORATUI_MESSAGE"]


def test_a_process_that_fails_tells_why(run: RunDirectory, tmp_path: Path) -> None:
    (run.path / "failure-7.json").write_text('{"what": "an old story"}')
    report = "(run / 'failure-1.json').write_text(json.dumps({'what': 'No GPU.', 'todo': 'Add one.'}))\nsys.exit(1)"
    failed = see_to(run, tmp_path, report)[-1]
    assert failed["event"] == "failed"
    assert failed["what"].startswith("Process 1 failed: No GPU.")
    assert failed["todo"] == "Add one."
    (run.path / "ready").unlink()
    failed = see_to(run, tmp_path, "sys.exit('no torch')")[-1]
    assert (failed["attempt"], run_state(run)) == (2, "failed")
    assert "exit code 1: no torch" in failed["what"]


@pytest.mark.parametrize("by_command", [True, False])
def test_a_wish_to_stop_is_passed_on(run: RunDirectory, tmp_path: Path, by_command: bool) -> None:
    def stop() -> None:
        if by_command:
            send(run, STOP)
        else:
            subprocess.run(["kill", "-TERM", str(worker_pid(run))], check=True)

    stopped = see_to(run, tmp_path, "time.sleep(60)", stop)[-1]
    assert (stopped["event"], stopped["signal"]) == ("stopped", 0 if by_command else signal.SIGTERM)
    assert run_state(run) == "stopped"
