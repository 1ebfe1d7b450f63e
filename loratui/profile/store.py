"""Profiles as TOML files: found by name or path, read with plain errors, written whole or not at all.

Knows files and TOML; what a profile may say is `schema.py`'s matter and the wording of refusals `complaints.py`'s.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loratui.errors import ProfileError
from loratui.paths import profiles_directory
from loratui.profile.complaints import profile_error
from loratui.profile.fields import valid_name
from loratui.profile.layout import profile_text
from loratui.profile.schema import Profile
from loratui.safe_text import printable
from loratui.whole_files import write_whole

_LARGEST_FILE = 1024 * 1024


@dataclass(frozen=True)
class ListedProfile:
    """A file in the directory of profiles; `profile` is None and `error` says why when it cannot be read."""

    name: str
    path: Path
    profile: Profile | None
    error: str = ""


def profile_path(name: str) -> Path:
    """Where the profile of that name lies or would lie."""
    return profiles_directory() / f"{valid_name(name)}.toml"


def profile_name_of(path: Path) -> str:
    """The name that a profile's file gives it: its stem."""
    return path.name.removesuffix(".toml")


def find_profile(name_or_path: str | Path) -> Path:
    """Path of a profile given by name or by path; it may not exist.

    It is a path when it ends in `.toml`, contains a separator, or names a file; otherwise a saved profile's name.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or os.sep in text or "\0" in text:
        return _expanded(text)
    return Path(text) if os.path.isfile(text) else profile_path(text)


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a profile given by name or by path; relative paths inside stay as written (see `resolve_paths`)."""
    path = find_profile(name_or_path)
    if path.parent == profiles_directory() and not path.exists():
        name = profile_name_of(path)
        near = difflib.get_close_matches(name, [profile_name_of(found) for found in _saved()], n=1)
        todo = (
            f"Did you mean {printable(near[0])}?" if near else "See `loratui profile list`, or give a path to a .toml."
        )
        raise ProfileError(f"There is no saved profile named '{printable(name)}'.", todo)
    return read_profile(path)


def read_profile(path: Path) -> Profile:
    """Read one TOML file.

    Raises:
        ProfileError: the file is missing, unreadable, not UTF-8, not TOML, or says what the schema refuses.
    """
    return parse_profile(_text_of(path), str(path))


def parse_profile(text: str, source: str) -> Profile:
    """Read TOML text; `source` says in errors where it came from."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as refusal:
        raise ProfileError(
            f"{printable(source)} is not valid TOML: {printable(refusal)}.",
            "Texts stand in quotes, lists in [ ], true and false are lower case.",
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits; hundreds of nested brackets
        raise ProfileError(f"{printable(source)} is not a sensible TOML file: too long or too deeply nested.") from None
    return validated(values, source)


def validated(values: dict[str, Any], source: str, option_names: Mapping[str, str] | None = None) -> Profile:
    """The profile that `values` (nested as in TOML) describes; the rest says in errors where they came from."""
    try:
        return Profile.model_validate(values)
    except ValidationError as refusal:
        raise profile_error(refusal, source, option_names) from None


def write_profile(profile: Profile, path: Path, name: str = "", *, force: bool = True) -> None:
    """Write a profile with each field's help as a comment: checked first, then written beside and renamed.

    Args:
        profile: What to write.
        path: The .toml file; missing folders are made.
        name: Title of the file; its stem by default.
        force: Whether an existing file may be replaced.

    Raises:
        ProfileError: fields contradict each other, the file exists (without `force`), or it cannot be written.
    """
    path = _expanded(path)
    validated(profile.model_dump(by_alias=True), str(path))
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(profile_text(profile, name or profile_name_of(path)), path, force)


def new_profile(name: str, source: Profile | None = None, force: bool = False) -> Path:
    """Save `source`, or the defaults, under a new name and return the file's path.

    Raises:
        ProfileError: the name is not usable, or is taken and `force` is not given.
    """
    if name.endswith(".toml"):
        raise ProfileError(
            f"The name '{printable(name)}' must not end in .toml: that would mean a path, not a saved profile.",
            f"Leave the ending away: {printable(name.removesuffix('.toml')) or 'emi'}.",
        )
    path = profile_path(name)
    write_profile(source or Profile(), path, name, force=force)
    return path


def list_profiles() -> list[ListedProfile]:
    """All saved profiles by name; a broken one is listed with what is wrong with it."""
    listed = []
    for path in _saved():
        try:
            listed.append(ListedProfile(profile_name_of(path), path, read_profile(path)))
        except ProfileError as error:
            listed.append(ListedProfile(profile_name_of(path), path, None, error.what))
    return listed


def _saved() -> list[Path]:
    try:
        return sorted(path for path in profiles_directory().iterdir() if path.suffix == ".toml" and path.name[0] != ".")
    except OSError:
        return []


def _expanded(path: str | Path) -> Path:
    if "\0" in str(path):
        raise ProfileError(f"'{printable(path)}' is not a path: it contains a zero character.")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ProfileError(
            f"The home directory in '{printable(path)}' is not known.", "Write the whole path."
        ) from None


def _text_of(path: Path) -> str:
    shown = printable(path)
    with _disk_errors(path):
        if path.is_dir():
            raise ProfileError(f"{shown} is a directory, not a profile.", "Give the .toml file inside it.")
        if not path.exists():
            raise ProfileError(
                f"There is no profile {shown}.", "Check the path; `loratui profile list` shows saved ones."
            )
        if not path.is_file():
            raise ProfileError(f"{shown} is not a regular file.", "Give a .toml file.")
        if path.stat().st_size > _LARGEST_FILE:
            raise ProfileError(f"{shown} is larger than 1 MiB: it is not a profile.", "Give a .toml file.")
        content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")  # Windows editors put a byte-order mark in front
    except UnicodeDecodeError as refusal:
        raise ProfileError(
            f"{shown} is not UTF-8 text (byte {refusal.start + 1}).", "Save it as UTF-8 in your editor."
        ) from None


def _write_and_rename(text: str, path: Path, force: bool) -> None:
    if not force and (path.exists() or path.is_symlink()):
        raise ProfileError(
            f"{printable(path)} exists already; it was left as it is.", "Choose another name, or add --force."
        )
    write_whole(path.resolve(), text)  # a profile kept elsewhere behind a symbolic link stays there


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as refusal:
        reason = refusal.strerror or str(refusal)
        raise ProfileError(f"{printable(path)} cannot be used: {printable(reason)}.") from None
