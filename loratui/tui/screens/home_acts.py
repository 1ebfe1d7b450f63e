"""What Home does to profiles and runs, without a widget: called in a thread, each raises what a person should hear.

Imported when the first of them is asked for.
"""

import os
import shutil
from pathlib import Path

from loratui.dataset.examining import examine_elsewhere
from loratui.dataset.naming import name_for
from loratui.errors import BaseModelError, LoratuiError, ProfileError
from loratui.hub.presence import presence
from loratui.orders.preparing import DatasetRefused, bases_of, create_all, order_of, prepare
from loratui.paths import data_directory, runs_directory
from loratui.profile.changes import resolve_paths
from loratui.profile.demo import demo_profile
from loratui.profile.files import free_name
from loratui.profile.schema import Profile
from loratui.profile.store import load_profile, new_profile, profile_path, validated
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.finding import made_from_and_living
from loratui.runs.history import fold
from loratui.runs.launch import start_run
from loratui.runs.queue import ticket_of
from loratui.runs.state import run_state
from loratui.runs.try_stopping import make_room
from loratui.safe_text import printable
from loratui.settings import read_settings

__all__ = [
    "BaseNotHere",
    "DatasetRefused",
    "at_work",
    "begin_profile",
    "demo_name",
    "go_on",
    "train",
    "what_it_wrote",
]

_DEMO = "demo"


class BaseNotHere(BaseModelError):
    """The base would have to be downloaded first."""


def begin_profile(folder: str) -> str:
    """Save a new profile for the pictures in a folder and return its name, made from the folder's; "": no folder yet.

    Paths are written whole: the wizard may be started elsewhere the next time.

    Raises:
        ProfileError: it cannot be saved, as of a folder whose name is not text.
    """
    values = Profile().model_dump(by_alias=True)
    values["dataset"]["path"] = folder
    profile = resolve_paths(validated(values, ""), Path.cwd())
    name = free_name(name_for(Path(profile.dataset.path)) if profile.dataset.path else "lora")
    new_profile(name, profile)
    return name


def at_work(name: str) -> tuple[RunDirectory, bool] | None:
    """The run by which a saved profile is being trained, and whether it works already; None where there is none."""
    runs = [run for run in made_from_and_living(name, runs_directory()) if _trains(run)]
    working = next((run for run in runs if run_state(run) == "running"), None)
    return (working or runs[0], working is not None) if runs else None


def _trains(run: RunDirectory) -> bool:
    """Whether a run that works or waits does so to train, rather than to draw."""
    ticket = ticket_of(run)
    return (ticket.task if ticket is not None else fold(read_landmarks(run.events_path)).task) == "train"


def train(name: str) -> RunDirectory:
    """Start a training by a saved profile as it stands.

    Raises:
        DatasetRefused: its pictures cannot be trained as they are.
        BaseNotHere: a base has to be downloaded first.
        LoratuiError: it cannot be trained for another reason.
    """
    order = order_of(name)
    for base in bases_of(resolve_paths(order.profile, Path.cwd())):
        if not presence(base).here:
            raise BaseNotHere(
                f"The base {printable(base)} is not on this computer yet.", "Step 5 fetches it and starts."
            )
    prepared = prepare([order], examiner=examine_elsewhere)
    read_settings()
    [run] = create_all(prepared)
    make_room(run)
    start_run(run)
    return run


def demo_name() -> str:
    """The name of the demo's profile, which is saved where it is not there yet, with pictures of a person's own.

    The packaged ones stay as they are, whatever becomes of the captions.

    Raises:
        ProfileError: it cannot be saved.
    """
    if os.path.lexists(profile_path(_DEMO)):
        try:
            if load_profile(_DEMO).model.base == _DEMO:
                return _DEMO
        except ProfileError:
            pass  # a person's own file of that name stays as it is
    name = free_name(_DEMO)
    profile = demo_profile()
    profile.dataset.path = str(_copied(Path(profile.dataset.path), data_directory() / _DEMO))
    new_profile(name, resolve_paths(profile, Path.cwd()))
    return name


def _copied(folder: Path, target: Path) -> Path:
    """A copy of a folder, made unless it is there."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if not target.is_dir():
            shutil.copytree(folder, draft, copy_function=shutil.copyfile)
            draft.rename(target)
    except OSError as error:
        raise ProfileError(
            f"The sample pictures cannot be copied to {printable(target)}: {printable(error.strerror or error)}.",
            "Make room there, or set LORATUI_HOME to a directory that can be written.",
        ) from error
    return target


def go_on(run: RunDirectory) -> None:
    """Go on with a run that was stopped, interrupted, or failed.

    Raises:
        LoratuiError: it is at work already, or cannot be started.
    """
    make_room(run)
    start_run(run)


def what_it_wrote(run: RunDirectory) -> str:
    """The folder where a run's LoRA files are, to be told before it is removed; "" when it cannot be known."""
    try:
        return run.read_profile().output.directory
    except LoratuiError:
        return ""
