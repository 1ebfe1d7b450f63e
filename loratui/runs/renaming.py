"""Another name for a saved profile, and its runs with it: each says which profile it was made from."""

import contextlib
import json
from pathlib import Path

from loratui.profile.files import rename_profile
from loratui.runs.directory import RunDirectory
from loratui.runs.finding import made_from
from loratui.whole_files import write_whole


def rename_with_runs(name: str, new_name: str, root: Path) -> Path:
    """Rename a saved profile, and have its runs below `root` name it; a run that cannot be written stays as it is.

    Raises:
        ProfileError: there is no such profile, or the new name cannot be used.
    """
    runs = list(made_from(name, root))
    path = rename_profile(name, new_name)
    for run in runs:
        with contextlib.suppress(OSError):
            _set_origin(run, str(path.absolute()))
    return path


def _set_origin(run: RunDirectory, profile: str) -> None:
    try:
        origin = json.loads(run.origin_path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        origin = {}
    kept = origin if isinstance(origin, dict) else {}
    write_whole(run.origin_path, json.dumps({**kept, "profile": profile}, indent=2) + "\n")
