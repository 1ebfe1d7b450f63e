"""Slots: one for each GPU, or one for the CPU. A job holds the locks of its slots for as long as it lives.

The locks are handed on to the worker, so that the kernel keeps them until both the waiter and the worker are gone.
"""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loratui.environment.gpu import visible_gpus
from loratui.locks import is_held, take_lock
from loratui.paths import data_directory
from loratui.profile.schema import Accelerate

CPU = "cpu"


def queue_directory() -> Path:
    """Where tickets and the slots' locks are."""
    return data_directory() / "queue"


@dataclass(frozen=True)
class Wish:
    """Slots that would do for a run, and how many of them it needs."""

    slots: tuple[str, ...]
    count: int = 1


def slots_of(settings: Accelerate) -> Wish:
    """What a run with these settings needs: a slot for each of its processes here, `gpu-0`, `gpu-1`, … or the `cpu`.

    The slots are in the order in which they are preferred.
    """
    gpus = () if settings.device == "cpu" else tuple(visible_gpus())
    if gpus and settings.gpu_ids != "all":
        gpus = tuple(dict.fromkeys(settings.gpu_ids.split(",")))
    if not gpus:
        return Wish((CPU,))
    return Wish(tuple(f"gpu-{gpu}" for gpu in gpus), min(settings.processes // settings.machines or 1, len(gpus)))


def cuda_names(slots: Iterable[str]) -> tuple[str, ...]:
    """What CUDA_VISIBLE_DEVICES has to hold for a worker on these slots; nothing for the CPU."""
    gpus = [slot.removeprefix("gpu-") for slot in slots if slot != CPU]
    names = visible_gpus()
    # CUDA takes numbers or names, not both: where one of them has no name, all are told by number.
    return tuple(names[gpu] for gpu in gpus) if names.keys() >= set(gpus) else tuple(gpus)


def try_slots(wish: Wish, note: str) -> dict[str, int] | None:
    """Lock as many of the slots as are wished for, or none.

    Args:
        note: Written into the lock files, for `slot_holders`.

    Returns:
        The descriptors that hold the locks, by slot; None when too many of the slots are held.
    """
    queue_directory().mkdir(parents=True, exist_ok=True)
    taken: dict[str, int] = {}
    for slot in wish.slots:
        descriptor = take_lock(_lock_path(slot), patience=0) if len(taken) < wish.count else None
        if descriptor is not None:
            taken[slot] = descriptor
    if len(taken) < wish.count:
        release(taken.values())
        return None
    for descriptor in taken.values():
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, note.encode(errors="surrogateescape"), 0)
    return taken


def release(descriptors: Iterable[int]) -> None:
    """Close descriptors; a lock is free when the worker has closed its copy too."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def slot_holders() -> dict[str, str]:
    """The slots that are held, with the note of who holds them."""
    holders = {}
    for path in sorted(queue_directory().glob("*.lock")):
        with contextlib.suppress(OSError):
            if is_held(path):
                holders[path.stem] = path.read_bytes().decode(errors="surrogateescape")
    return holders


def _lock_path(slot: str) -> Path:
    return queue_directory() / f"{slot}.lock"
