"""Which run a person means: by its name or the beginning of it, its LoRA's name, a path, or by saying nothing."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from loratui.errors import RunError
from loratui.paths import profiles_directory
from loratui.profile.fields import why_not_a_name
from loratui.profile.store import profile_name_of, profile_path
from loratui.runs.directory import RunDirectory, find_run, list_runs
from loratui.runs.events import EventReader
from loratui.runs.lock import is_busy
from loratui.runs.queue import tickets
from loratui.runs.state import run_state
from loratui.safe_text import printable

_STAMP = re.compile(r"\d{8}-\d{6}-")
_NAMED = 6
_RESUMABLE = ("stopped", "interrupted", "failed")
_Run = TypeVar("_Run")


class AmbiguousRun(RunError):
    """Several runs could be meant."""


def choose_run(name: str, root: Path, suits: Callable[[RunDirectory], bool] = lambda run: True) -> RunDirectory:
    """The run that `name` means among those below `root`.

    Args:
        name: A run's name or path; else the name of a LoRA or profile, of which the newest run is meant; else the
            beginning of one run's name.
        suits: Says whether a run may be meant that is not named in full.

    Raises:
        AmbiguousRun: several begin like this.
        RunError: there is none.
    """
    if exact := find_run(name, root):
        return exact
    runs = list_runs(root)
    for run in runs:
        if name and name in (output_name(run), Path(run.read_origin()).stem) and suits(run):
            return run
    beginning = [run for run in runs if name and run.name.startswith(name) and suits(run)]
    if len(beginning) == 1:
        return beginning[0]
    if beginning:
        what = f"Several runs begin with {printable(name)}: {_names(beginning)}."
        raise AmbiguousRun(what, "Give more of its name.")
    raise RunError(f"There is no run {printable(name)}.", "`loratui runs` lists them.")


def profile_of(origin: str, title: str) -> str:
    """The saved profile that a run was made from; "" where there is none.

    Args:
        origin: What the run says of it: a path, or nothing.
        title: The name of the LoRA that the run makes; says it where the profile was renamed, or nobody wrote it down.
    """
    root = profiles_directory().absolute()
    path = Path(origin)
    if origin and path.parent == root and path.is_file():
        return profile_name_of(path)
    if (not origin or path.parent == root) and why_not_a_name(title) == "" and profile_path(title).is_file():
        return title
    return ""


def newest_made_from(name: str, root: Path) -> RunDirectory | None:
    """The newest run below `root` that was made from a saved profile, as `last_of` counts; None when there is none."""
    waiting = _waiting()
    return last_of(made_from(name, root), has_started, lambda run: run.path.absolute() in waiting or _is_seen_busy(run))


def made_from(name: str, root: Path) -> Iterator[RunDirectory]:
    """The runs of a saved profile, the newest first."""
    readable = filter(_can_be_read, list_runs(root))
    return (run for run in readable if profile_of(run.read_origin(), output_name(run)) == name)


def made_from_and_living(name: str, root: Path) -> list[RunDirectory]:
    """The runs of a saved profile that work or wait, the newest first."""
    return [run for run in living_runs(root) if profile_of(run.read_origin(), output_name(run)) == name]


def last_of(runs: Iterable[_Run], started: Callable[[_Run], bool], busy: Callable[[_Run], bool]) -> _Run | None:
    """The run, of those of a profile, that tells how its training went last: the newest that works or ever did.

    One that waits comes before what is over, and one that was taken out of the queue tells nothing.

    Args:
        runs: The newest first.
        started: Whether a worker ever began with it.
        busy: Whether it works or waits.
    """
    waiting: list[_Run] = []
    for run in runs:
        if started(run):
            newer = [] if busy(run) else [one for one in waiting if busy(one)]
            return next(iter(newer), run)
        waiting.append(run)
    return next((run for run in waiting if busy(run)), waiting[0] if waiting else None)


def has_started(run: RunDirectory) -> bool:
    """Whether a worker ever began with a run."""
    return any(event["event"] == "started" for event in EventReader(run.events_path).read())


def newest_or_living(root: Path) -> RunDirectory:
    """The newest run that works or waits, else the newest of all.

    Raises:
        RunError: there are no runs.
    """
    runs = list_runs(root)
    if not runs:
        raise RunError("There are no runs yet.", "Train something: loratui run PROFILE")
    # What works is nearer to a person's mind than what waits behind it.
    return next(iter([*_working(runs), *living_runs(root)]), runs[0])


def only_living(root: Path) -> RunDirectory:
    """The one run that works or waits.

    Raises:
        RunError: there is none, or there are several.
    """
    living = living_runs(root)
    if not living:
        raise RunError("No run is at work.", "`loratui runs` lists them.")
    if len(living) > 1:
        raise RunError(f"Several runs are at work or wait: {_names(living)}.", "Say which one.")
    return living[0]


def only_resumable(root: Path) -> RunDirectory:
    """The one run that was stopped or interrupted, or failed.

    Raises:
        RunError: there is none, or there are several.
    """
    resumable = [run for run in filter(_can_be_read, list_runs(root)) if run_state(run) in _RESUMABLE]
    if not resumable:
        raise RunError("There is no run to go on with.", "`loratui runs` lists them.")
    if len(resumable) > 1:
        raise RunError(f"Several runs can be gone on with: {_names(resumable)}.", "Say which one.")
    return resumable[0]


def living_runs(root: Path) -> list[RunDirectory]:
    """The runs that work or wait, the newest first."""
    waiting = _waiting()
    return [run for run in list_runs(root) if run.path.absolute() in waiting or _is_seen_busy(run)]


def output_name(run: RunDirectory) -> str:
    """The name of the LoRA that a run makes, as it stands in the run's own name."""
    return _STAMP.sub("", run.name, count=1)


def _working(runs: Sequence[RunDirectory]) -> list[RunDirectory]:
    waiting = _waiting()
    return [run for run in runs if run.path.absolute() not in waiting and _is_seen_busy(run)]


def _is_seen_busy(run: RunDirectory) -> bool:
    """As `is_busy`; a run whose locks may not be opened is somebody else's, and no reason to fail."""
    try:
        return is_busy(run)
    except OSError:
        return False


def _can_be_read(run: RunDirectory) -> bool:
    return os.access(run.events_path, os.R_OK) or not os.path.lexists(run.events_path)


def _waiting() -> set[Path]:
    return {ticket.run.path for ticket in tickets()}


def _names(runs: Sequence[RunDirectory]) -> str:
    named = ", ".join(printable(run.name) for run in runs[:_NAMED])
    return named + (f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else "")
