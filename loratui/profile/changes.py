"""A profile made from another: `--set section.key=value`, and relative paths made absolute.

Knows how a person writes a value on a command line; the profile given is never changed.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from loratui.errors import ProfileError
from loratui.profile.complaints import unknown_key
from loratui.profile.fields import split_lora, why_not_plain
from loratui.profile.schema import SECTIONS, Profile
from loratui.profile.store import validated
from loratui.profile.text import is_text, misread, read_text, repair_of
from loratui.safe_text import printable

_PATH_STARTS = ("/", "./", "../", "~")


def apply_overrides(
    profile: Profile, overrides: Iterable[str], option_names: Mapping[str, str] | None = None
) -> Profile:
    """Return the profile with `section.key=value` changes, later ones winning.

    Values are read as TOML where the field is not text; a list may be written without brackets ("1,2").

    Args:
        profile: What is changed in a copy.
        overrides: The changes.
        option_names: The options that they were typed as, by setting, where that was not `--set`.

    Raises:
        ProfileError: a change is not of that form, names no setting, or is refused by the schema.
    """
    values = profile.model_dump(by_alias=True)
    for override in overrides:
        full_key, equals, text = override.partition("=")
        section, dot, key = full_key.strip().partition(".")
        if not equals or not dot:
            hint = unknown_key("", full_key.strip()) if equals else f"'{printable(full_key)}' gives no value."
            raise ProfileError(f"--set: {hint}", "Write it as section.key=value, such as --set training.batch_size=1.")
        if section not in SECTIONS or key not in SECTIONS[section].model_fields:
            raise ProfileError(f"--set: {unknown_key(section, key)}", "`loratui profile show` lists all settings.")
        values[section][key] = _read_value(text.strip(), SECTIONS[section].model_fields[key], f"{section}.{key}")
    return validated(values, "" if option_names else "--set", option_names)


def resolve_paths(profile: Profile, relative_to: Path) -> Profile:
    """Return the profile with all paths absolute: `~` expanded, relative ones taken from `relative_to`.

    A base (or VAE) is a path when it exists below `relative_to` or begins with `/`, `./`, `../` or `~`; "demo" is not.

    Raises:
        ProfileError: a path begins with a home directory that is not known.
    """
    return _resolved(profile, partial(_path, relative_to=relative_to), relative_to)


def resolve_known_paths(profile: Profile, relative_to: Path) -> Profile:
    """As `resolve_paths`, but a path that cannot be made absolute stays as it is written."""

    def path(text: str) -> str:
        try:
            return _path(text, relative_to)
        except ProfileError:
            return text

    return _resolved(profile, path, relative_to)


def _resolved(profile: Profile, path: Callable[[str], str], relative_to: Path) -> Profile:
    resolved = profile.model_copy(deep=True)
    resolved.model.base = _base(resolved.model.base, path, relative_to)
    resolved.model.vae = _base(resolved.model.vae, path, relative_to)
    resolved.model.config = path(resolved.model.config)
    resolved.dataset.path = path(resolved.dataset.path)
    resolved.dataset.regularisation_path = path(resolved.dataset.regularisation_path)
    resolved.output.directory = path(resolved.output.directory)
    resolved.output.install_to = [path(folder) for folder in resolved.output.install_to]
    resolved.comparison.other_bases = [_base(base, path, relative_to) for base in resolved.comparison.other_bases]
    resolved.comparison.other_loras = [_lora(text, path) for text in resolved.comparison.other_loras]
    return resolved


def _path(text: str, relative_to: Path) -> str:
    if not text:
        return ""
    try:
        absolute = os.path.abspath(relative_to / Path(text).expanduser())
    except RuntimeError:
        raise ProfileError(
            f"The home directory in '{printable(text)}' is not known.", "Write the whole path."
        ) from None
    if reason := why_not_plain(absolute):  # text itself is plain, but not the directory that it is taken from
        raise ProfileError(f"The path '{printable(absolute)}' {reason}.", "Rename the folder, or work in another one.")
    return absolute


def _base(text: str, path: Callable[[str], str], relative_to: Path) -> str:
    if not text or text == "demo":
        return text
    try:
        is_path = text.startswith(_PATH_STARTS) or (relative_to / text).exists()
    except OSError:  # a name too long for the file system
        is_path = False
    return path(text) if is_path else text


def _lora(text: str, path: Callable[[str], str]) -> str:
    file, strength = split_lora(text)
    return f"{path(file)}:{strength:g}"


def _read_value(text: str, field: FieldInfo, name: str) -> Any:
    if kind := misread(text, field):
        as_text = "" if text[0] in "'\"" else f"if it is text: --set '{name}=\"{text[0]}…\"'"
        repair = "" if as_text and is_text(field) else repair_of(text)
        raise ProfileError(
            f"--set: the value of {name} begins like {kind} but is not one.",
            f"{repair} Or, {as_text}" if repair and as_text else repair or f"Put it in quotes, {as_text}",
        )
    return read_text(text, field)
