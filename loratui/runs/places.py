"""Where a run writes: directories that can be created and written, and room on the disks.

Nothing here creates or changes anything; a refusal therefore leaves no trace.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loratui.environment.disks import can_be_written, nearest_existing
from loratui.errors import RunError
from loratui.quantities import disk_size
from loratui.safe_text import printable


@dataclass(frozen=True)
class DiskNeed:
    """About how many bytes a run will write into a directory, which need not exist yet."""

    directory: Path
    bytes: int


def check_writable(directory: Path, setting: str) -> None:
    """Refuse a directory that could not be created or written.

    Args:
        directory: It need not exist yet.
        setting: What a person would change to choose another one, such as `output.directory`.

    Raises:
        RunError: says what is in the way.
    """
    existing = nearest_existing(directory)
    todo = f"Set {setting} to a directory that you can write."
    if not existing.is_dir():
        raise RunError(f"{printable(directory)} cannot be a directory: {printable(existing)} is not one.", todo)
    if not can_be_written(existing):
        raise RunError(f"Nothing can be written into {printable(existing)}.", todo)


def check_room(needs: Iterable[DiskNeed]) -> None:
    """Refuse when a disk has less room than all that would be written to it.

    Raises:
        RunError: names the directory, what is needed and what is free.
    """
    by_disk: dict[int, list[DiskNeed]] = {}
    for need in needs:
        by_disk.setdefault(nearest_existing(need.directory).stat().st_dev, []).append(need)
    for sharing in by_disk.values():
        needed, directory = sum(need.bytes for need in sharing), sharing[0].directory
        free = shutil.disk_usage(nearest_existing(directory)).free
        if needed > free:
            raise RunError(
                f"There is no room on the disk of {printable(directory)}: "
                f"about {disk_size(needed)} are needed and {disk_size(free)} are free.",
                "Make room, save less often (training.save_every, training.keep_last), or choose another disk "
                "(output.directory, LORATUI_HOME).",
            )
