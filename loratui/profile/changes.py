"""A profile made from another: `--set section.key=value`, and relative paths made absolute.

Knows how a person writes a value on a command line; the profile given is never changed.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from loratui.errors import ProfileError
from loratui.profile.complaints import unknown_key
from loratui.profile.fields import split_lora, why_not_plain
from loratui.profile.schema import SECTIONS, Profile
from loratui.profile.store import validated
from loratui.profile.text import misread, read_text
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
    """
    resolved = profile.model_copy(deep=True)
    resolved.model.base = _base(resolved.model.base, relative_to)
    resolved.model.vae = _base(resolved.model.vae, relative_to)
    resolved.model.config = _path(resolved.model.config, relative_to)
    resolved.dataset.path = _path(resolved.dataset.path, relative_to)
    resolved.dataset.regularisation_path = _path(resolved.dataset.regularisation_path, relative_to)
    resolved.output.directory = _path(resolved.output.directory, relative_to)
    resolved.output.install_to = [_path(folder, relative_to) for folder in resolved.output.install_to]
    resolved.comparison.other_bases = [_base(base, relative_to) for base in resolved.comparison.other_bases]
    resolved.comparison.other_loras = [_lora(text, relative_to) for text in resolved.comparison.other_loras]
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


def _base(text: str, relative_to: Path) -> str:
    if not text or text == "demo":
        return text
    try:
        is_path = text.startswith(_PATH_STARTS) or (relative_to / text).exists()
    except OSError:  # a name too long for the file system
        is_path = False
    return _path(text, relative_to) if is_path else text


def _lora(text: str, relative_to: Path) -> str:
    path, strength = split_lora(text)
    return f"{_path(path, relative_to)}:{strength:g}"


def _read_value(text: str, field: FieldInfo, name: str) -> Any:
    if kind := misread(text, field):
        raise ProfileError(
            f"--set: the value of {name} begins like {kind} but is not one.",
            "Close its quotes." if text[0] in "'\"" else f"Close it; or, if it is text: --set '{name}=\"{text[0]}…\"'",
        )
    return read_text(text, field)
