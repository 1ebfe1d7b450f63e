"""Whether a worker lives: it holds a flock on its run's `lock` file, which the kernel drops at any kind of death.

A process number would not do, since numbers are given out again.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from loratui.errors import RunError
from loratui.runs.directory import RunDirectory

# A watcher that asks `is_alive` holds the lock shared for an instant; the worker that comes meets it and tries again.
_PATIENCE = 2.0


@contextlib.contextmanager
def hold_lock(run: RunDirectory) -> Iterator[None]:
    """Hold the run's lock for the length of a with statement; the worker takes it before anything slow.

    Raises:
        RunError: another worker holds it.
    """
    descriptor = os.open(run.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise RunError(f"Another worker is at work on the run {run.path}.", "Wait until it ends, or stop it.")
            time.sleep(0.02)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_alive(run: RunDirectory) -> bool:
    """Say whether a worker holds the run's lock."""
    try:
        descriptor = os.open(run.lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def worker_pid(run: RunDirectory) -> int | None:
    """The process number that the living worker wrote down; None when no worker lives."""
    if not is_alive(run):
        return None
    try:
        return int(run.lock_path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
