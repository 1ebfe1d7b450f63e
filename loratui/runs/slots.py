"""Slots: one for each GPU, or one for the CPU. A job holds the locks of its slots for as long as it lives.

The locks are handed on to the worker, so that the kernel keeps them until both the waiter and the worker are gone.
"""

import contextlib
import importlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from loratui.paths import data_directory
from loratui.profile.schema import Profile
from loratui.runs.lock import is_held, take_lock

CPU = "cpu"


def queue_directory() -> Path:
    """Where tickets and the slots' locks are."""
    return data_directory() / "queue"


def slots_of(profile: Profile) -> tuple[str, ...]:
    """The slots that a run by `profile` needs, in the order in which they are taken: `gpu-0`, `gpu-1`, … or `cpu`."""
    settings = profile.accelerate
    gpus = () if settings.device == "cpu" else visible_gpus()
    if gpus and settings.gpu_ids != "all":
        gpus = tuple(settings.gpu_ids.split(","))
    return tuple(sorted({f"gpu-{gpu}" for gpu in gpus})) or (CPU,)


def visible_gpus() -> tuple[str, ...]:
    """Numbers of the GPUs that a worker would see, as nvidia-smi counts them; none without a driver."""
    uuids = _gpu_uuids()
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None or not uuids:
        return tuple(map(str, range(len(uuids))))
    gpus = []
    for word in filter(None, (word.strip() for word in wanted.split(","))):
        if re.fullmatch(r"\d+", word) and int(word) < len(uuids):
            gpus.append(word)
        elif matching := [str(number) for number, uuid in enumerate(uuids) if uuid.startswith(word)]:
            gpus.append(matching[0])
        elif word.startswith("MIG-"):
            gpus.append(re.sub(r"[^A-Za-z0-9-]", "-", word))
        else:
            break  # CUDA too sees none of those behind one that is not there, as in "-1"
    return tuple(dict.fromkeys(gpus))


def try_slots(slots: Sequence[str], note: str) -> list[int] | None:
    """Lock all `slots`, or none: the descriptors that hold the locks, None when one of them is held.

    Args:
        note: Written into the lock files, for `slot_holders`.
    """
    queue_directory().mkdir(parents=True, exist_ok=True)
    descriptors: list[int] = []
    for slot in slots:
        descriptor = take_lock(_lock_path(slot), patience=0)
        if descriptor is None:
            release(descriptors)
            return None
        descriptors.append(descriptor)
    for descriptor in descriptors:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, note.encode(errors="surrogateescape"), 0)
    return descriptors


def release(descriptors: Sequence[int]) -> None:
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


def _gpu_uuids() -> list[str]:
    """The UUIDs of this machine's GPUs in nvidia-smi's order, asked without torch; without NVML, blanks by number."""
    try:
        pynvml = importlib.import_module("pynvml")
        pynvml.nvmlInit()
    except Exception:  # nvidia-ml-py is not there, or it finds no driver
        return ["" for path in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        uuids = [pynvml.nvmlDeviceGetUUID(handle) for handle in handles]
        return [uuid.decode() if isinstance(uuid, bytes) else str(uuid) for uuid in uuids]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
