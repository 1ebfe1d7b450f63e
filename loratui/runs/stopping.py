"""Asking a run to stop and save: out of the queue, by a command, or by a signal where no command is read."""

import contextlib
import os
import signal
import time

from loratui.runs.commands import STOP, send
from loratui.runs.directory import RunDirectory
from loratui.runs.history import History
from loratui.runs.lock import is_alive, worker_pid
from loratui.runs.queue import take_back

# A worker reads commands between two steps, and not at all while it loads or caches.
_PATIENCE = 5.0


class Stopping:
    """One wish to stop a run; call `pursue` until the run is over.

    Args:
        by_signal: Send SIGTERM at once instead of the command `stop`.
        patience: Seconds within which the command has to be answered before SIGTERM is sent.
    """

    def __init__(self, run: RunDirectory, *, by_signal: bool = False, patience: float = _PATIENCE) -> None:
        self._run = run
        self._patience = 0.0 if by_signal else patience
        self._sent_at: float | None = None
        self._signalled = False
        self.by_signal = by_signal
        self.taken_back = False

    def pursue(self, history: History) -> None:
        """Do what is to be done next.

        Args:
            history: What has been heard from the run so far: its answer, and how long its steps take.
        """
        if self._signalled or self.taken_back:
            return
        if self._sent_at is None:
            self.taken_back = take_back(self._run)
            # A worker that is just being started is asked as soon as it lives.
            if self.taken_back or not is_alive(self._run):
                return
            self._sent_at = time.monotonic()
            if not self.by_signal:
                send(self._run, STOP)
        patience = max(self._patience, 2 * history.seconds_per_step) if self._patience else 0.0
        if STOP not in history.told and time.monotonic() - self._sent_at >= patience:
            self._signalled = True
            if pid := worker_pid(self._run):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGTERM)
