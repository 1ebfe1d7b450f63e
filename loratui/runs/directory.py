"""A run is a directory: what is in it, how it comes into being, and which runs there are.

Knows nothing of processes and of events. A run directory is filled under a hidden name and then renamed, so nobody
ever sees one that is half-written; its profile and manifest never change afterwards.
"""

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loratui import __version__
from loratui.dataset.manifest import Manifest, read_manifest, write_manifest
from loratui.errors import RunError
from loratui.profile.schema import Profile
from loratui.profile.store import read_profile, write_profile

Task = Literal["train", "compare", "try"]
TRY = "try"


@dataclass(frozen=True)
class RunDirectory:
    """The places inside a run; none but the first two need exist yet."""

    path: Path

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{TRY}" if self.is_trying else self.path.name

    @property
    def trying(self) -> "RunDirectory":
        """Where strengths are tried: a directory like a run's own, for a worker and a place in the queue of its own."""
        return RunDirectory(self.path / TRY)

    @property
    def is_trying(self) -> bool:
        """Whether strengths are tried here, and nothing is trained."""
        return self.path.name == TRY

    @property
    def profile_path(self) -> Path:
        return self.path / "profile.toml"

    @property
    def manifest_path(self) -> Path:
        return self.path / "manifest.json"

    @property
    def origin_path(self) -> Path:
        """Where the run came from: the profile's name or path, and what the command line changed."""
        return self.path / "origin.json"

    @property
    def comparison_profile_path(self) -> Path:
        """The profile that the next "compare" task draws by, when it is not the frozen one."""
        return self.path / "compare.toml"

    @property
    def replaces_grid_path(self) -> Path:
        """There when the next "compare" task may replace the grid beside the LoRA."""
        return self.path / "compare-replaces-grid"

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def commands_path(self) -> Path:
        return self.path / "commands.jsonl"

    @property
    def log_path(self) -> Path:
        return self.path / "worker.log"

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    @property
    def waiter_lock_path(self) -> Path:
        """Held by the process that waits for the run's turn and then for its worker."""
        return self.path / "waiter.lock"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    @property
    def comparison(self) -> Path:
        return self.path / "comparison"

    def read_profile(self, task: Task = "train") -> Profile:
        """The profile that `task` works by."""
        redrawn = task == "compare" and self.comparison_profile_path.exists()
        return read_profile(self.comparison_profile_path if redrawn else self.profile_path)

    def read_manifest(self) -> Manifest:
        """The frozen list of pictures.

        Raises:
            DatasetError: it cannot be read, or was changed.
        """
        return read_manifest(self.manifest_path)

    def read_origin(self) -> str:
        """The profile's name or absolute path as it was asked for; "" when nobody wrote it down."""
        try:
            origin = json.loads(self.origin_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return str(origin.get("profile", "")) if isinstance(origin, dict) else ""


def create_run(
    profile: Profile, manifest: Manifest, root: Path, *, origin: str = "", overrides: Sequence[str] = ()
) -> RunDirectory:
    """Write a new run directory `YYYYMMDD-HHMMSS-name` below `root`, complete from the moment it is seen.

    Args:
        profile: What runs, with absolute paths (see `resolve_paths`) and its output named.
        manifest: The pictures, frozen.
        root: Directory of runs; created when it is not there.
        origin: Name or absolute path of the profile this was made from.
        overrides: What the command line changed, as `section.field=value`.

    Raises:
        RunError: the directory cannot be written.
    """
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{profile.output.name or 'run'}"
    draft = root / f".{name}-{os.getpid()}"
    try:
        draft.mkdir(parents=True)
        run = RunDirectory(draft)
        write_profile(profile, run.profile_path, name)
        write_manifest(manifest, run.manifest_path)
        written_by = {"profile": origin, "overrides": list(overrides), "created": time.time(), "loratui": __version__}
        run.origin_path.write_text(json.dumps(written_by, indent=2) + "\n", encoding="utf-8")
        run.events_path.touch()
        return RunDirectory(_published(draft, root / name))
    except OSError as error:
        raise RunError(
            f"The run directory {root / name} cannot be written: {error.strerror or error}.",
            "Make room there, or set LORATUI_HOME to a directory that can be written.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(draft)


def list_runs(root: Path) -> tuple[RunDirectory, ...]:
    """The runs below `root`, the newest first; one that cannot be looked into is left out."""
    try:
        paths = [path for path in root.iterdir() if not path.name.startswith(".")]
    except OSError:
        return ()
    runs = (RunDirectory(path) for path in sorted(paths, key=lambda path: path.name, reverse=True))
    return tuple(filter(_is_run, runs))


def find_run(name: str, root: Path) -> RunDirectory | None:
    """The run with this name below `root`, or with this path; None when there is none."""
    for path in (root / name, Path(name).expanduser()):
        run = RunDirectory(path.absolute())
        if name and _is_run(run):
            return run
    return None


def _is_run(run: RunDirectory) -> bool:
    # Path.is_file() raises where a folder may not be entered.
    return os.path.isfile(run.profile_path) and os.path.isfile(run.manifest_path)


def _published(draft: Path, target: Path) -> Path:
    """Rename `draft` to `target`, or to `target-2`, `target-3` … when that is taken."""
    candidate, number = target, 1
    while candidate.exists() or not _renamed(draft, candidate):
        number += 1
        candidate = target.with_name(f"{target.name}-{number}")
    return candidate.absolute()


def _renamed(draft: Path, target: Path) -> bool:
    """Rename, unless somebody else put something at `target` in the meantime."""
    try:
        os.rename(draft, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True
