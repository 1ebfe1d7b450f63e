"""Locks on files, which the kernel drops at any kind of death: whoever holds one lives.

A process number would not do, since numbers are given out again; the one that a holder writes down counts only while
the lock is held. Does not know what the locks are for.
"""

import fcntl
import os
import time
from pathlib import Path

# Whoever asks `is_held` holds the lock shared for an instant; the one that comes meets it and tries again.
_PATIENCE = 2.0


def take_lock(path: Path, patience: float = _PATIENCE) -> int | None:
    """Lock the file at `path`, made where it is missing; returns the descriptor that holds it, None when it is held.

    The lock lasts until the last copy of the descriptor is closed, those that children inherit included.

    Args:
        path: Stays there when the lock is gone.
        patience: Seconds for which to go on trying.

    Raises:
        OSError: The file cannot be opened, or its disk has no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + patience
    try:
        while not _lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)
    except OSError:  # some network disks have no locks
        os.close(descriptor)
        raise
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


def write_holder(descriptor: int) -> None:
    """Write this process's number into the file whose lock `descriptor` holds."""
    forget_holder(descriptor)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def forget_holder(descriptor: int) -> None:
    """Remove the number that an earlier holder wrote."""
    os.ftruncate(descriptor, 0)


def holder(path: Path) -> int | None:
    """The process number that the holder of the lock wrote down; None while nobody holds it, or has not written yet."""
    if not is_held(path):
        return None
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
