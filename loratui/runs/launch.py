"""Starting a run's worker and following it to its end.

The worker is nobody's child in what matters: it has its own session, nothing to read, and a file to write to, so a
lost terminal does not reach it. Whoever follows reads events and signals, never a pipe.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal

from loratui.errors import RunError
from loratui.runs.directory import RunDirectory, Task
from loratui.runs.events import Event, follow_events
from loratui.runs.state import ENDS
from loratui.safe_text import printable

# After its last event a worker has only its own taking down left to do.
_TIME_TO_LEAVE = 20.0
_LOG_MARK = "--- loratui "
_LOG_TAIL_BYTES = 16_384


class WorkerFailed(RunError):
    """The worker said that the run failed, or died without a word."""

    exit_code = 1


@dataclass(frozen=True)
class Ending:
    """How a followed worker ended, other than by failing.

    Attributes:
        kind: "left" means that the follower went away and the worker goes on.
        fields: The worker's last event; empty when it wrote none.
        signal_number: The signal that ended it, 0 when none did.
    """

    kind: Literal["finished", "stopped", "left"]
    fields: Event = field(default_factory=dict)
    signal_number: int = 0

    @property
    def exit_code(self) -> int:
        """0 when finished or stopped by a command, else 128 + the signal's number."""
        return 128 + self.signal_number if self.kind != "finished" and self.signal_number else 0


def start_worker(
    run: RunDirectory, task: Task = "train", *, command: Sequence[str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker for `task` on `run` in its own session, its output appended to `worker.log`.

    Args:
        command: What to start instead of `python -m loratui.worker`; RUN and TASK are added.

    Raises:
        RunError: it cannot be started.
    """
    program = list(command) if command is not None else [sys.executable, "-m", "loratui.worker"]
    path = run.path.absolute()
    try:
        with open(run.log_path, "ab", buffering=0) as log:
            log.write(f"{_LOG_MARK}{task} {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
            # `-m` would import from the current directory first, where a person may well keep a file such as random.py.
            return subprocess.Popen(
                [*program, str(path), task],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=path,
                env=_environment(),
            )
    except OSError as error:
        raise RunError(f"The worker of the run {path} cannot be started: {error.strerror or error}.") from error


def follow_worker(
    run: RunDirectory,
    process: subprocess.Popen[bytes],
    on_event: Callable[[Event], None],
    *,
    start: int = 0,
    on_stopping: Callable[[int], None] = lambda signal_number: None,
    on_idle: Callable[[], None] = lambda: None,
    interval: float = 0.1,
) -> Ending:
    """Hand every event of the worker to `on_event` until it ends.

    The first Ctrl+C (or SIGTERM) is passed on to the worker as SIGTERM, which then finishes its step; a second one
    leaves at once while the worker goes on.

    Args:
        start: Byte of the events file at which to begin; what a former worker wrote lies before it.
        on_stopping: Called with the signal's number when the worker has been asked to stop.
        on_idle: Called when a look at the file found nothing new.
        interval: Seconds between two looks.

    Raises:
        WorkerFailed: the worker failed or died.
    """
    last: Event | None = None
    with _Interruptions(process) as interruptions:
        for event in follow_events(run.events_path, lambda: process.poll() is not None, start=start, interval=interval):
            if interruptions.take_news():
                on_stopping(interruptions.first)
            if interruptions.count > 1:
                return Ending("left", signal_number=interruptions.first)
            if event is None:
                on_idle()
                continue
            on_event(event)
            if event["event"] in ENDS:
                last = event
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TIME_TO_LEAVE if last is not None else None)
    return _ending(run, process, last, interruptions.first)


def log_tail(path: Path) -> str:
    """The last line that the latest worker wrote to its log, safe to print; "" when it wrote none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "" if last.startswith(_LOG_MARK) else printable(last)[:500]


def _ending(run: RunDirectory, process: subprocess.Popen[bytes], last: Event | None, signal_number: int) -> Ending:
    if last is not None and last["event"] == "finished":
        return Ending("finished", last)
    if last is not None and last["event"] == "stopped":
        told = last.get("signal")
        return Ending("stopped", last, signal_number or (told if isinstance(told, int) else 0))
    if last is not None:
        failure = WorkerFailed(
            printable(last.get("what") or "The run failed."),
            printable(last.get("todo") or f"The worker's own words are in {run.log_path}."),
        )
        # Input that only the worker could look into is still bad input.
        failure.exit_code = 2 if process.poll() == 2 else 1
        raise failure
    if signal_number and process.returncode == -signal.SIGTERM:
        return Ending("stopped", signal_number=signal_number)
    words = log_tail(run.log_path)
    raise WorkerFailed(
        f"The worker ended without a last word, {_cause_of_death(process.returncode)}."
        + (f" The last line of its log: {words}" if words else " Its log is empty."),
        f"Its log is {run.log_path}",
    )


def _cause_of_death(returncode: int) -> str:
    if returncode >= 0:
        return f"with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"killed by {name}" + (" (as happens when memory runs out)" if name == "SIGKILL" else "")


def _environment() -> dict[str, str]:
    """The person's own environment, quiet libraries added."""
    return {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


class _Interruptions:
    """While in force, SIGINT and SIGTERM are counted and the first is passed on to the worker as SIGTERM."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._before: dict[int, object] = {}
        self._is_news = False
        self.first = 0
        self.count = 0

    def __enter__(self) -> "_Interruptions":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # What the shell had us ignore, as for a command in the background, stays ignored.
                if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                    self._before[number] = handler
                    signal.signal(number, self._received)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def take_news(self) -> bool:
        """Say once that a stop has been asked for."""
        news, self._is_news = self._is_news, False
        return news

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            self.first, self._is_news = number, True
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
