"""What becomes of a saved profile's file: a free name for a new one, a copy, another name, an end.

Knows files and names; the text in a file is `store.py`'s matter. Nothing here touches pictures, runs or LoRA files.
"""

import contextlib
import os
from pathlib import Path

from loratui.errors import ProfileError
from loratui.numbered_names import numbered
from loratui.profile.fields import valid_name
from loratui.profile.store import load_profile, new_profile, profile_path
from loratui.safe_text import printable


def free_name(wanted: str) -> str:
    """`wanted`, or where a profile has that name `wanted-2`, `wanted-3` …"""
    return next(name for name in numbered(wanted, "-") if not os.path.lexists(profile_path(name)))


def why_not_new(name: str) -> str:
    """Say in a sentence why no profile can be saved under this name, or return ""."""
    try:
        path = _new_path(name)
    except ProfileError as error:
        return error.what
    return f"There is a profile {printable(name)} already." if os.path.lexists(path) else ""


def duplicate_profile(name: str, new_name: str) -> Path:
    """Save a copy of a profile; an output that had the profile's own name gets the new one.

    Raises:
        ProfileError: the profile cannot be read, or the new name cannot be used.
    """
    profile = load_profile(name)
    if profile.output.name == name:
        profile.output.name = ""
    _refuse_taken(new_name)
    return new_profile(new_name, profile)


def rename_profile(name: str, new_name: str) -> Path:
    """Give a profile's file another name; its text stays as it is, also one that cannot be read.

    Raises:
        ProfileError: there is no such profile, or the new name cannot be used.
    """
    _refuse_taken(new_name)
    path, target = profile_path(name), _new_path(new_name)
    try:
        os.rename(path, target)
    except OSError as error:
        raise _refused(path, "renamed", error) from None
    return target


def remove_profile(name: str) -> Path:
    """Remove a profile's file and return where it was; behind a symbolic link only the link goes.

    Raises:
        ProfileError: it cannot be removed.
    """
    path = profile_path(name)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    except OSError as error:
        raise _refused(path, "removed", error) from None
    return path


def _new_path(name: str) -> Path:
    if name.endswith(".toml"):
        raise ProfileError(f"The name '{printable(name)}' must not end in .toml.", "Leave the ending away.")
    return profile_path(valid_name(name))


def _refuse_taken(name: str) -> None:
    if os.path.lexists(_new_path(name)):
        raise ProfileError(f"There is a profile {printable(name)} already.", "Choose another name.")


def _refused(path: Path, what: str, error: OSError) -> ProfileError:
    return ProfileError(f"{printable(path)} cannot be {what}: {printable(error.strerror or error)}.")
