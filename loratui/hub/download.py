"""Brings a base model from the Hugging Face hub, or from its cache when the hub cannot be reached.

huggingface_hub does the work (`large_files.py` what it does not: to go on after a cut); here is decided which files are
needed and whether what is cached is complete. Tokens are its matter alone: this module never sees one. Nothing is
printed.
"""

import glob
import io
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download, snapshot_download
from tqdm.std import tqdm  # type: ignore[import-untyped]

from loratui.errors import BaseModelError
from loratui.hub.cache import cached, partial_bytes, snapshot
from loratui.hub.large_files import LARGE_BYTES, bring_large_files
from loratui.hub.listing import lacking_sizes, list_repository, wanted_sizes
from loratui.hub.location import BaseLocation, Report
from loratui.hub.refusals import base_model_error, is_hub_failure
from loratui.hub.repository import is_complete
from loratui.hub.room import check_room


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
        copy = cached(location)
        if copy is not None:
            return copy
        raise base_model_error(failure, location) from None


def _download(location: BaseLocation, report: Report | None, others: Iterable[tuple[Path, int]]) -> Path:
    listing = list_repository(location)
    here = snapshot(location.repo_id, listing.commit)
    if not location.filename and here is not None and is_complete(here):
        return here  # perhaps in the other precision than the one that would be fetched
    lacking = lacking_sizes(location, listing)
    total = sum(lacking.values())
    check_room(location, max(0, total - partial_bytes(location.repo_id)), others)
    progress = _Progress(report, total)
    bring_large_files(location, [name for name, size in lacking.items() if size >= LARGE_BYTES], progress.add)
    bars = _reporting_bars(progress)
    if location.filename:
        found = hf_hub_download(location.repo_id, location.filename, revision=location.revision, tqdm_class=bars)
    else:
        patterns = [glob.escape(name) for name in wanted_sizes(location, listing)]
        found = snapshot_download(
            location.repo_id, revision=location.revision, allow_patterns=patterns, tqdm_class=bars
        )
    if total:
        progress.finish()  # files of the same content are fetched once
    return Path(found)


class _Progress:
    """Adds up what several threads bring, and reports it."""

    def __init__(self, report: Report | None, total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._report is not None and self._total:
                self._report(min(max(self._done, 0), self._total), self._total)

    def finish(self) -> None:
        self.add(self._total - self._done)


def _reporting_bars(progress: _Progress) -> type[Any]:
    """A progress bar class that draws nothing and passes the bytes on to `progress`."""

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
            if self._counts:
                progress.add(int(n or 0))
            return drawn

    return Bars
