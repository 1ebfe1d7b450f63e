"""Whether a worker lives: it holds the lock of its run's `lock` file.

The process that waits for the run's turn holds a second file in the same way.
"""

import contextlib
import os
from collections.abc import Iterator

from loratui.errors import RunError
from loratui.locks import holder, is_held, take_lock, write_holder
from loratui.runs.directory import RunDirectory

_PATIENCE = 2.0


@contextlib.contextmanager
def hold_lock(run: RunDirectory) -> Iterator[None]:
    """Hold the run's lock for the length of a with statement; the worker takes it before anything slow.

    Raises:
        RunError: another worker holds it.
    """
    descriptor = take_lock(run.lock_path, _PATIENCE)
    if descriptor is None:
        raise RunError(f"Another worker is at work on the run {run.path}.", "Wait until it ends, or stop it.")
    try:
        write_holder(descriptor)
        yield
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
    return holder(run.lock_path)
