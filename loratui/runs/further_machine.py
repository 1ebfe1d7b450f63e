"""A run's part on a machine other than the first: its workers write no events, so whoever waits for them does.

Knows only how the workers here began and ended. Losses, files and the grid are the first machine's.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from loratui.runs.commands import STOP, CommandReader, commands_size
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.launch import log_tail
from loratui.runs.lock import hold_lock

_INTERVAL = 0.5
_FAILURE_REPORTS = "failure-*.json"


def see_through(
    run: RunDirectory,
    machine: int,
    attempt: int,
    start: Callable[[], subprocess.Popen[bytes]],
    begun: Callable[[], None],
) -> None:
    """Hold the run's lock and write its events while the workers of this machine live.

    Args:
        machine: Number of this machine, from 1.
        start: Starts the program that starts the workers here.
        begun: Called once it has been started.

    Raises:
        LoratuiError: it cannot be started, or another worker holds the run's lock.
    """
    commands = CommandReader(run.commands_path, commands_size(run.commands_path))
    with hold_lock(run), EventWriter(run.events_path, attempt) as events, _noted_signals() as signals:
        for report in run.path.glob(_FAILURE_REPORTS):
            report.unlink()
        events.write("started", pid=os.getpid(), task="train", machine=machine)
        worker, passed_on = start(), 0
        begun()
        stopped_by_command = False
        while worker.poll() is None:
            if STOP in commands.read():
                events.write("told", command=STOP)
                stopped_by_command = True
                signals.append(signal.SIGTERM)
            for number in signals[passed_on:]:
                # The workers take it as a wish to stop, and all machines stop after the same step.
                worker.send_signal(number)
            passed_on = len(signals)
            time.sleep(_INTERVAL)
        where = f"Machine 0 holds the result; this was machine {machine}."
        if signals and worker.returncode:
            number = 0 if stopped_by_command else signals[0]
            events.write("stopped", signal=number, step=None, command=STOP if stopped_by_command else None, what=where)
        elif worker.returncode:
            what, todo = _cause(run, worker.returncode)
            events.write("failed", what=f"{what} {where}", todo=todo, log=run.log_path)
        else:
            events.write("finished", lora=None, grid=None, what=f"The processes of this machine are done. {where}")


def _cause(run: RunDirectory, returncode: int) -> tuple[str, str]:
    """What a process here reported, else what the log says."""
    for report in sorted(run.path.glob(_FAILURE_REPORTS)):
        try:
            told = json.loads(report.read_text(encoding="utf-8"))
            return f"Process {report.stem.removeprefix('failure-')} failed: {told['what']}", str(told.get("todo") or "")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    words = log_tail(run.log_path)
    said = f": {words}" if words else "."
    return f"The processes of this machine ended with exit code {returncode}{said}", "See the log of machine 0 too."


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Signals that ask for a stop are noted instead of ending this process."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
