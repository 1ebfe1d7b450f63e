"""Brings a base model from the Hugging Face hub, or from its cache when the hub cannot be reached.

huggingface_hub does the work; here is decided which files are needed and whether what is cached is complete. Tokens
are its matter alone: this module never sees one. Nothing is printed.
"""

import glob
import io
import shutil
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download, try_to_load_from_cache
from tqdm.std import tqdm  # type: ignore[import-untyped]

from loratui.errors import BaseModelError
from loratui.hub.location import BaseLocation, Report
from loratui.hub.refusals import base_model_error, is_hub_failure, no_room, no_such_file
from loratui.hub.repository import is_complete, wanted_files

_SPARE_BYTES = 200_000_000
_SECONDS_TO_ANSWER = 15


def fetch_from_hub(location: BaseLocation, report: Report | None, others: Iterable[tuple[Path, int]] = ()) -> Path:
    """Download what is lacking and return the snapshot's directory, or the single file; `others` as in `fetch`.

    Raises:
        BaseModelError: nothing complete is cached, and the hub does not give it.
    """
    try:
        return _download(location, report, others)
    except Exception as failure:
        if isinstance(failure, BaseModelError) or not is_hub_failure(failure):
            raise
        cached = _cached(location)
        if cached is not None:
            return cached
        raise base_model_error(failure, location) from None


def _download(location: BaseLocation, report: Report | None, others: Iterable[tuple[Path, int]]) -> Path:
    sizes = _listing(location)
    chosen = [location.filename] if location.filename else wanted_files(sizes, location.repo_id)
    if location.filename and location.filename not in sizes:
        raise no_such_file(location, sizes)
    lacking = _lacking_bytes(location, {name: sizes[name] for name in chosen})
    check_room(location, lacking, others)
    bars = _reporting_bars(report, lacking)
    if location.filename:
        found = hf_hub_download(location.repo_id, location.filename, revision=location.revision, tqdm_class=bars)
    else:
        patterns = [glob.escape(name) for name in chosen]
        found = snapshot_download(
            location.repo_id, revision=location.revision, allow_patterns=patterns, tqdm_class=bars
        )
    if report is not None and lacking:
        report(lacking, lacking)  # files of the same content are fetched once
    return Path(found)


def _listing(location: BaseLocation) -> dict[str, int]:
    """Names and sizes of the repository's files. Asked first because, of all requests, this one fails at once."""
    info = HfApi().model_info(
        location.repo_id, revision=location.revision, files_metadata=True, timeout=_SECONDS_TO_ANSWER
    )
    return {file.rfilename: file.size or 0 for file in info.siblings or ()}


def _lacking_bytes(location: BaseLocation, sizes: dict[str, int]) -> int:
    def is_here(name: str) -> bool:
        return isinstance(try_to_load_from_cache(location.repo_id, name, revision=location.revision), str)

    return sum(size for name, size in sizes.items() if not is_here(name))


def check_room(location: BaseLocation, lacking: int, others: Iterable[tuple[Path, int]] = ()) -> None:
    """Refuse a download for which the cache's disk has no room beside what `others` will write to the same disk.

    Raises:
        BaseModelError: says what is needed and what is free.
    """
    cache = _nearest_existing(Path(constants.HF_HUB_CACHE))
    with suppress(OSError):
        disk = cache.stat().st_dev
        later = sum(size for directory, size in others if _nearest_existing(directory).stat().st_dev == disk)
        free = shutil.disk_usage(cache).free
        if lacking and lacking + later + _SPARE_BYTES > free:
            raise no_room(location.repo_id, lacking + later + _SPARE_BYTES, free)


def _nearest_existing(path: Path) -> Path:
    place = path.expanduser().absolute()
    while not place.exists():
        place = place.parent
    return place


def _cached(location: BaseLocation) -> Path | None:
    """The complete copy in the cache, if there is one."""
    wanted = location.filename or "model_index.json"
    for name in (wanted, "config.json"):
        found = try_to_load_from_cache(location.repo_id, name, revision=location.revision)
        if not isinstance(found, str):
            continue
        if location.filename:
            return Path(found)
        folder = Path(found).parent
        return folder if is_complete(folder) else None
    return None


def _reporting_bars(report: Report | None, total: int) -> type[Any]:
    """A progress bar class that draws nothing and passes the bytes on to `report`."""
    lock = threading.Lock()

    class Bars(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            # Transfers are counted a second time by a bar of their own; files by one without a unit.
            self._counts = options.get("unit") == "B" and options.get("desc") != "Downloading bytes"
            options.update(file=io.StringIO(), disable=False)
            options.pop("name", None)
            super().__init__(*arguments, **options)

        def display(self, *arguments: Any, **options: Any) -> None:
            """Draw nothing."""

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            if report is not None and self._counts:
                with lock:
                    report(min(int(self.n), total), total)
            return drawn

    return Bars
