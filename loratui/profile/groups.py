"""Every setting once, in the order in which a person meets them: the seven that matter first, then by section.

Made from the schema; what is shown where is a screen's matter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from loratui.errors import ProfileError
from loratui.profile.complaints import in_one_line
from loratui.profile.schema import SECTIONS, Profile
from loratui.profile.store import validated
from loratui.profile.text import read_text

# The seven fields that every guide to kohya's trainer begins with, each with the advice in a few words.
BASIC = {
    "model.base": "of the family you will generate with",
    "dataset.path": "10 to 50 varied pictures",
    "output.name": "<lora:NAME:0.8> uses it",
    "output.directory": "gets the LoRA and the grid",
    "dataset.resolution": "512 for SD 1.5, 1024 for SDXL",
    "training.batch_size": "1 to 2 on 8 GB, 4 on 12 GB",
    "training.epochs": "10 to 20 for a small set",
}
# Settings that hold one path, or a name that may be one.
PATHS = {
    "model.base",
    "model.vae",
    "model.config",
    "dataset.path",
    "dataset.regularisation_path",
    "output.directory",
}
BASIC_TITLE = "The basics"


@dataclass(frozen=True)
class Setting:
    """A setting of the profile.

    Attributes:
        name: "section.key".
        field: Its entry in the schema.
        advice: A few words beside it; only the basic ones have them.
    """

    name: str
    field: FieldInfo
    advice: str = ""

    @property
    def title(self) -> str:
        """Its label."""
        return self.field.title or self.name

    @property
    def help(self) -> str:
        """Its help text."""
        return self.field.description or ""

    @property
    def default(self) -> Any:
        """The value of a new profile."""
        return self.field.get_default(call_default_factory=True)

    def value(self, profile: Profile) -> Any:
        """The value that `profile` has."""
        section, _, key = self.name.partition(".")
        return getattr(getattr(profile, section), key)


@dataclass(frozen=True)
class Group:
    """Settings under a heading."""

    title: str
    settings: tuple[Setting, ...]


def setting_named(name: str) -> Setting:
    """The setting "section.key"."""
    section, _, key = name.partition(".")
    return Setting(name, SECTIONS[section].model_fields[key], BASIC.get(name, ""))


def groups() -> tuple[Group, ...]:
    """All settings: the basic ones, then the other ones of each section, in the schema's order."""
    made = [Group(BASIC_TITLE, tuple(map(setting_named, BASIC)))]
    for section, model in SECTIONS.items():
        names = (f"{section}.{key}" for key in model.model_fields)
        title = Profile.model_fields[section].title or section
        made.append(Group(title, tuple(setting_named(name) for name in names if name not in BASIC)))
    return tuple(made)


def all_settings() -> Iterator[Setting]:
    """The settings of all groups."""
    for group in groups():
        yield from group.settings


def changed(profile: Profile, changes: Mapping[str, Any]) -> Profile:
    """The profile with other values by "section.key".

    Raises:
        ProfileError: a value is refused, alone or together with the others.
    """
    values = profile.model_dump(by_alias=True)
    for name, value in changes.items():
        section, _, key = name.partition(".")
        values[section][key] = value
    return validated(values, "")


def why_not_text(profile: Profile, setting: Setting, text: str) -> str:
    """What is wrong with `text` for `setting`, in the words of a form, or ""."""
    return why_not(profile, setting, read_text(text, setting.field))


def why_not(profile: Profile, setting: Setting, value: Any) -> str:
    """What is wrong with `value` for `setting`, in the words of a form, or ""."""
    try:
        changed(profile, {setting.name: value})
    except ProfileError as refusal:
        return in_titles(in_one_line(refusal.what))
    return ""


def in_titles(complaint: str) -> str:
    """A complaint with every setting by its label instead of its name in the file."""
    for setting in sorted(all_settings(), key=lambda one: -len(one.name)):
        complaint = complaint.replace(setting.name, setting.title)
    return complaint
