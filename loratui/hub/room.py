"""Whether the disk of the hub's cache has room for a base; asks the disk and nobody else."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from loratui.environment.disks import nearest_existing
from loratui.errors import BaseModelError
from loratui.hub.cache import cache_directory
from loratui.hub.location import BaseLocation
from loratui.quantities import disk_size

_SPARE_BYTES = 200_000_000


def check_room(location: BaseLocation, lacking: int, others: Iterable[tuple[Path, int]] = ()) -> None:
    """Refuse a download for which the cache's disk has no room beside what `others` will write to the same disk.

    Raises:
        BaseModelError: says what is needed and what is free.
    """
    cache = nearest_existing(cache_directory())
    with suppress(OSError):
        disk = cache.stat().st_dev
        later = sum(size for directory, size in others if nearest_existing(directory).stat().st_dev == disk)
        free = shutil.disk_usage(cache).free
        if lacking and lacking + later + _SPARE_BYTES > free:
            raise no_room(location.repo_id, lacking + later + _SPARE_BYTES, free)


def no_room(name: str, needed: int = 0, free: int = 0) -> BaseModelError:
    """Say that the disk of the hub's cache is full."""
    figures = f" It needs {disk_size(needed)} and {disk_size(free)} are free." if needed else ""
    return BaseModelError(
        f"There is not enough disk space for {name}.{figures}",
        "Make room (`hf cache ls` shows what is stored), or set HF_HOME to a larger disk.",
    )
