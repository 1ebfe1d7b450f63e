"""Disks and the hub's cache on them: where, how much room is left, and whether it can be written. Changes nothing."""

import contextlib
import os
import shutil
from pathlib import Path

from loratui.environment.finding import Finding
from loratui.quantities import disk_size
from loratui.safe_text import printable
from loratui.shown_paths import shown_path

# A base of Stable Diffusion 1.5 has 2 to 4 GB, a run's states and saved epochs some hundred megabytes.
_ROOM_FOR_A_BASE = 10_000_000_000
_ROOM_FOR_A_RUN = 1_000_000_000


def nearest_existing(path: Path) -> Path:
    """`path` itself, or the nearest directory above it that exists."""
    path = path.expanduser().absolute()
    for place in (path, *path.parents):
        if os.path.lexists(place):
            return place
    return path


def can_be_written(directory: Path) -> bool:
    """Whether files can be created in a directory that exists.

    The kernel's own file systems, such as /proc, let root write by their permissions, but have no room for files.
    """
    try:
        has_room_for_files = shutil.disk_usage(directory).total > 0
    except OSError:
        return False
    return has_room_for_files and directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)


def find_disk(name: str, directory: Path, choose_another: str) -> Finding:
    """Room on the disk of a directory that will be written, which need not exist yet.

    Args:
        name: What the finding is called.
        choose_another: What a person would change to have another disk, such as `output.directory`.
    """
    shown = shown_path(directory.absolute())
    try:
        place = nearest_existing(directory)
        usage = shutil.disk_usage(place)
    except OSError as error:
        reason = printable(error.strerror or error)
        return Finding(name, f"{shown} cannot be reached: {reason}", "bad", f"Choose another one: {choose_another}.")
    value = f"{disk_size(usage.free)} free of {disk_size(usage.total)}  {shown}"
    if not can_be_written(place):
        return Finding(name, f"{shown} cannot be written", "bad", f"Choose another one: {choose_another}.")
    if usage.free < _ROOM_FOR_A_RUN:
        return Finding(name, value, "bad", f"Make room, or choose another disk: {choose_another}.")
    if usage.free < _ROOM_FOR_A_BASE:
        return Finding(name, value, "warning", f"Make room for a base of some gigabytes, or change {choose_another}.")
    return Finding(name, value)


def find_hub_cache() -> Finding:
    """Where downloaded bases are kept, how many there are and how large."""
    from huggingface_hub import constants

    name, cache = "Hub cache", Path(constants.HF_HUB_CACHE)
    shown = shown_path(cache.absolute())
    place = nearest_existing(cache)
    if not can_be_written(place):
        return Finding(name, f"{shown} cannot be written", "bad", "Set HF_HOME to a directory that you can write.")
    models, size = _cached_models(cache)
    counted = "no models yet" if not models else f"{models} model{'' if models == 1 else 's'}, {disk_size(size)}"
    value = f"{counted}  {shown}"
    if constants.HF_HUB_OFFLINE:
        return Finding(name, value, "warning", "Nothing is downloaded while HF_HUB_OFFLINE is set: unset it.")
    with contextlib.suppress(OSError):
        if shutil.disk_usage(place).free < _ROOM_FOR_A_BASE:
            todo = "There is little room for another base: see hf cache ls, or set HF_HOME to a larger disk."
            return Finding(name, value, "warning", todo)
    return Finding(name, value)


def _cached_models(cache: Path) -> tuple[int, int]:
    """How many models the cache holds, and their bytes. Only `blobs` is read: everything else are links to it."""
    models = size = 0
    for model in cache.glob("models--*"):
        models += 1
        try:
            with os.scandir(model / "blobs") as blobs:
                size += sum(blob.stat(follow_symlinks=False).st_size for blob in blobs)
        except OSError:  # removed meanwhile, or never finished
            continue
    return models, size
