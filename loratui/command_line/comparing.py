"""Which run `compare` means: a profile's newest trained one, or one that is named like anywhere else."""

from pathlib import Path

from loratui.errors import ProfileError, RunError
from loratui.orders.preparing import DEMO
from loratui.paths import runs_directory
from loratui.profile.changes import resolve_paths
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import find_profile, load_profile, profile_path
from loratui.runs.directory import RunDirectory, find_run, list_runs
from loratui.runs.events import read_landmarks
from loratui.runs.finding import AmbiguousRun, choose_run
from loratui.runs.lock import is_busy
from loratui.safe_text import printable


def run_to_compare(target: str) -> tuple[RunDirectory, Profile]:
    """The run that `target` means, and the profile whose comparison is to be drawn.

    Raises:
        ProfileError: the profile that is meant cannot be read.
        RunError: nothing is called like this, several runs are, or none of them has a LoRA.
    """
    root = runs_directory()
    if exact := find_run(target, root):
        return _trained(exact)
    is_demo = target == DEMO and not profile_path(DEMO).is_file()
    origin = DEMO if is_demo else _origin(target)
    if origin:
        for run in list_runs(root):
            if run.read_origin() == origin and not is_busy(run) and trained_lora(run):
                profile = demo_profile() if is_demo else load_profile(target)
                return run, resolve_paths(profile, Path.cwd())
    try:
        run = choose_run(target, root, suits=lambda run: bool(trained_lora(run)))
    except AmbiguousRun:
        raise
    except RunError:
        pass
    else:
        return _trained(run)
    if origin:
        command = "loratui demo" if is_demo else f"loratui run {printable(target)}"
        raise RunError(f"No run of {printable(target)} has finished yet.", f"Train first: {command}")
    try:
        run = choose_run(target, root)
    except RunError as error:
        raise RunError(
            f"There is neither a profile nor a run {printable(target)}.",
            "`loratui profile list` and `loratui runs` list them.",
        ) from error
    return _trained(run)


def trained_lora(run: RunDirectory) -> str:
    """The LoRA of a training that ended, even if the drawing after it failed; "" while there is none."""
    trained = (event for event in reversed(read_landmarks(run.events_path)) if event["event"] == "trained")
    return next((Path(str(event.get("lora") or run.name)).name for event in trained), "")


def _origin(target: str) -> str:
    """How a run says that it was made from the profile `target`; "" when there is no such profile."""
    try:
        path = find_profile(target).absolute()
    except ProfileError:
        return ""
    return str(path) if path.is_file() else ""


def _trained(run: RunDirectory) -> tuple[RunDirectory, Profile]:
    if not trained_lora(run):
        raise RunError(
            f"The run {printable(run.path)} has not finished its training.", "Only a trained LoRA can be drawn."
        )
    return run, run.read_profile()
