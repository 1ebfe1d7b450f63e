"""Noticing that somebody else has changed a folder or a file, by times and sizes; what this program writes is no news.

Opens no files; when to look is the screen's matter.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from loratui.dataset.folder_choice import absolute

_MOST_FOLDERS_WATCHED = 200

Trace = tuple[int, int]


def traces(root: str, files: Iterable[Path]) -> dict[str, Trace]:
    """What changes when files come, go or are renamed in the folders below `root`, or when one of `files` changes."""
    if not root.strip():
        return {}
    top = absolute(root)
    folders = [str(top)]
    with suppress(OSError), os.scandir(top) as entries:
        folders += [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    return traces_of([*sorted(folders)[:_MOST_FOLDERS_WATCHED], *files])


def traces_of(paths: Iterable[Path | str]) -> dict[str, Trace]:
    """The traces of single files and folders."""
    return {str(path): _trace(path) for path in paths}


class KnownTraces:
    """The traces as they were when the files were read; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Trace] = {}
        self._writes = 0

    @property
    def moment(self) -> int:
        """Changes when this program begins or ends to write; traces taken across that say nothing."""
        return self._writes

    def begin(self, found: Mapping[str, Trace]) -> None:
        """Forget all others: everything is read from now on."""
        with self._lock:
            self._known = dict(found)

    def add(self, found: Mapping[str, Trace]) -> None:
        """These have been read just now."""
        with self._lock:
            self._known.update(found)

    def take(self, found: Mapping[str, Trace], moment: int) -> bool:
        """Say whether something else has changed since, and know that from now on; `moment` is when it was found."""
        with self._lock:
            if moment != self._writes or moment % 2:
                return False
            is_news = any(self._known.get(path, trace) != trace for path, trace in found.items())
            self._known.update(found)
            return is_news

    @contextmanager
    def own_write(self, files: Iterable[Path]) -> Iterator[None]:
        """Within, this program writes `files` and nothing else: what comes of that is known already."""
        files = list(files)
        with self._lock:
            self._writes += 1
            known = dict(self._known)
        names = {os.path.basename(one) for path in files for one in (str(path), os.path.realpath(path))}
        folders = {os.path.dirname(one) for path in files for one in (str(path), os.path.realpath(path))}
        # A folder in which something is going on just now is looked at again in any case.
        calm = {path: _names(path) - names for path in folders if known.get(path) == _trace(path)}
        try:
            yield
        finally:
            calm = {path: others for path, others in calm.items() if _names(path) - names == others}
            found = traces_of([*calm, *files])
            with self._lock:
                self._known.update(found)
                self._writes += 1


def _trace(path: Path | str) -> Trace:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()
