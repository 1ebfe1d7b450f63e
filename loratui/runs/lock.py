"""Whether a worker lives: it holds a flock on its run's `lock` file, which the kernel drops at any kind of death.

A process number would not do, since numbers are given out again. The process that waits for the run's turn holds a
second file in the same way.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from loratui.errors import RunError
from loratui.runs.directory import RunDirectory

# Whoever asks `is_held` holds the lock shared for an instant; the one that comes meets it and tries again.
_PATIENCE = 2.0


@contextlib.contextmanager
def hold_lock(run: RunDirectory) -> Iterator[None]:
    """Hold the run's lock for the length of a with statement; the worker takes it before anything slow.

    Raises:
        RunError: another worker holds it.
    """
    descriptor = take_lock(run.lock_path)
    if descriptor is None:
        raise RunError(f"Another worker is at work on the run {run.path}.", "Wait until it ends, or stop it.")
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def take_lock(path: Path, patience: float | None = None) -> int | None:
    """Lock the file at `path`, made where it is missing; returns the descriptor that holds it, None when it is held.

    The lock lasts until the last copy of the descriptor is closed, those that children inherit included.

    Args:
        patience: Seconds for which to go on trying.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + (_PATIENCE if patience is None else patience)
    while not _lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(0.02)
    return descriptor


def is_held(path: Path) -> bool:
    """Say whether somebody holds the lock of the file at `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def is_alive(run: RunDirectory) -> bool:
    """Say whether a worker holds the run's lock."""
    return is_held(run.lock_path)


def is_attended(run: RunDirectory) -> bool:
    """Say whether a process lives that waits for the run's turn, or for its worker."""
    return is_held(run.waiter_lock_path)


def is_busy(run: RunDirectory) -> bool:
    """Say whether anybody may still write events: a worker, or the process that waits for one."""
    # In this order: the waiter is there before the worker comes, and a worker may outlive its waiter.
    return is_attended(run) or is_alive(run)


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
