"""What Home lists, read from the disk: profiles with their pictures and newest run, and all runs.

Slow at first, and asked again every second: it runs in a thread, one look at a time, and reads only what has changed.
A look opens no folder but loratui's own; what lies elsewhere is found out by questions, each in a thread. Knows no
widgets.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from loratui.dataset.folders import find_folders
from loratui.dataset.problems import DatasetFault
from loratui.errors import ProfileError
from loratui.paths import profiles_directory, runs_directory
from loratui.profile.complaints import in_one_line
from loratui.profile.store import profile_name_of, read_profile
from loratui.runs.finding import last_of, profile_of
from loratui.runs.glance import Glance, Glances
from loratui.safe_text import printable
from loratui.tui.screens.home_rows import ProfileEntry

_NONE_THERE = -1


@dataclass(frozen=True)
class Contents:
    """Everything that Home lists: profiles by name, runs with those at work first, then the newest first.

    Attributes:
        profile_of: The saved profile that a run was made from, by the run's name.
    """

    profiles: tuple[ProfileEntry, ...]
    runs: tuple[Glance, ...]
    profile_of: dict[str, str]

    def last_run(self, name: str) -> Glance | None:
        """The newest run of a profile."""
        return next((entry.last for entry in self.profiles if entry.name == name), None)

    def profile_named(self, run: Glance) -> str:
        """The name of the saved profile that a run was made from; "" where there is none."""
        return self.profile_of.get(run.run.name, "")


class HomeFacts:
    """Looks at the disk for Home."""

    def __init__(self) -> None:
        self._glances = Glances(runs_directory(), self._may_be_there)
        self._profiles: dict[Path, tuple[tuple[int, int], ProfileEntry]] = {}
        self._pictures: dict[str, int] = {}
        self._files: dict[str, bool | None] = {}

    def look(self) -> Contents:
        """What there is now, with what is known of pictures and LoRA files."""
        read = list(self._read_profiles())
        runs = self._glances.look()
        names = {run.run.name: name for run in runs if (name := profile_of(run.origin, run.title))}
        of_profile: dict[str, list[Glance]] = {}
        for run in runs:
            of_profile.setdefault(names.get(run.run.name, ""), []).append(run)
        profiles = (
            replace(entry, last=_last(of_profile.get(entry.name, ())), pictures=self._pictures.get(entry.folder))
            for entry in read
        )
        # What works comes before what waits behind it.
        order = {"running": 0, "queued": 1}
        runs.sort(key=lambda run: (order.get(run.state, 0 if run.draws else 2), run.place))
        return Contents(tuple(profiles), tuple(runs), names)

    def questions(self, contents: Contents, *, anew: bool) -> Mapping[str, Callable[[], None]]:
        """By folder and file what finds out about it: whatever nothing is known of, or everything."""
        folders = sorted({entry.folder for entry in contents.profiles if entry.folder})
        pictures = {one: partial(self._count, one) for one in folders if anew or one not in self._pictures}
        return pictures | {
            file: partial(self._look_for, file)
            for file, is_there in sorted(self._files.items())
            if anew or is_there is None
        }

    def _count(self, folder: str) -> None:
        self._pictures[folder] = _count(folder)

    def _look_for(self, file: str) -> None:
        self._files[file] = os.path.isfile(file)

    def _may_be_there(self, file: str) -> bool:
        return self._files.setdefault(file, None) is not False

    def _read_profiles(self) -> Iterable[ProfileEntry]:
        known, self._profiles = self._profiles, {}
        for path in _files():
            try:
                stat = path.stat()
                signature = (stat.st_mtime_ns, stat.st_size)
            except OSError:
                signature = (0, 0)
            if path in known and known[path][0] == signature:
                self._profiles[path] = known[path]
            else:
                self._profiles[path] = (signature, _entry(path))
            yield self._profiles[path][1]


def _last(runs: Iterable[Glance]) -> Glance | None:
    return last_of(runs, lambda run: run.began, lambda run: run.is_busy)


def _files() -> list[Path]:
    try:
        names = os.listdir(profiles_directory())
    except OSError:
        return []
    return [profiles_directory() / name for name in sorted(names) if name.endswith(".toml") and name[0] != "."]


def _entry(path: Path) -> ProfileEntry:
    name = profile_name_of(path)
    try:
        profile = read_profile(path)
    except ProfileError as error:
        told = in_one_line(error.what)
        return ProfileEntry(name, error=told.removeprefix(f"{printable(path)}: ").removeprefix(f"{printable(path)} "))
    return ProfileEntry(name, profile.model.base, profile.dataset.path)


def _count(folder: str) -> int:
    try:
        _, listings, _ = find_folders(Path(folder).expanduser(), 1)
    except (DatasetFault, RuntimeError, ValueError, OSError):
        return _NONE_THERE
    return sum(name in listing.files for listing in listings for name in listing.pictures) or _NONE_THERE
