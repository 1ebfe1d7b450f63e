"""Asking a run to stop and save: out of the queue, by a command, or by a signal where no command is read."""

import contextlib
import os
import signal
import time

from loratui.errors import RunError
from loratui.runs.commands import STOP, send
from loratui.runs.directory import RunDirectory
from loratui.runs.history import History
from loratui.runs.lock import is_alive, worker_pid
from loratui.runs.queue import take_back

# A worker reads commands between two steps, and not at all while it loads or caches.
_PATIENCE = 5.0
# A step may take this many times as long as the one before it.
_PACES = 3
_STEPS_TO_ANSWER = 2


class Stopping:
    """One wish to stop a run; call `pursue` until the run is over.

    Args:
        by_signal: Send SIGTERM at once instead of the command `stop`.
        patience: Seconds within which the command has to be answered before SIGTERM is sent. A worker in a long step
            gets as long as such a step may take.
    """

    def __init__(self, run: RunDirectory, *, by_signal: bool = False, patience: float = _PATIENCE) -> None:
        self._run = run
        self._patience = 0.0 if by_signal else patience
        self._sent_at: float | None = None
        self._stepped_at = 0.0
        self._step = 0
        self._steps_since = 0
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
            self._sent_at = self._stepped_at = time.monotonic()
            self._step = history.step
            if not self.by_signal and not self._sent():
                self._patience = 0.0
        if STOP not in history.told and self._is_due(history, self._sent_at):
            self._signalled = True
            if pid := worker_pid(self._run):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGTERM)

    def _sent(self) -> bool:
        """Send the command; False where nothing can be written, as on a full disk."""
        try:
            send(self._run, STOP)
        except RunError:
            return False
        return True

    def _is_due(self, history: History, sent_at: float) -> bool:
        """Whether the command has stayed unanswered for so long that a signal has to follow."""
        now = time.monotonic()
        if history.step != self._step:
            # After this step the command should have been read; one more may have been under way already.
            self._step, self._stepped_at = history.step, now
            self._steps_since += 1
        if not self._patience or not history.is_training or self._steps_since > _STEPS_TO_ANSWER:
            return now - sent_at >= self._patience
        return now - self._stepped_at >= max(self._patience, _PACES * history.pace)
