"""The profile as rows of a form, made from its schema, and the help of a row. Knows no widget and changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any

from loratui.profile.complaints import expectation
from loratui.profile.groups import PATHS, Group, Setting, groups, setting_named
from loratui.profile.kohya import kohya_name
from loratui.profile.schema import Profile
from loratui.profile.text import choices_of, field_text, is_list
from loratui.tui.widgets.form import NO, YES, Kind, Row

NO_REMARKS: Mapping[str, str] = MappingProxyType({})
# What an empty row stands for, where "none" would say too little.
_EMPTY = {
    "model.vae": "the base's own",
    "model.config": "Stable Diffusion 1.x",
    "comparison.prompts": "made from captions",
    "comparison.epochs": "the last one only",
}


def rows_of(profile: Profile, name: str, remarks: Mapping[str, str] = NO_REMARKS) -> list[Row]:
    """A row for each setting, under the headings of its groups.

    Args:
        profile: The open one.
        name: What it is called: an output without a name of its own has that.
        remarks: What is odd about values that were taken, by the setting's name.
    """
    return [_remarked(row, remarks.get(row.id, "")) for row in _rows(profile, name)]


def help_of(row_id: str) -> str:
    """Everything about a setting: what it is, its default, what it accepts, and what others call it."""
    setting = setting_named(row_id)
    accepted = expectation(setting.field, with_upper_limit=True)
    default = shown(setting, setting.default).replace("\n", ", ") or "nothing"
    theirs = kohya_name(row_id)
    return "\n".join(
        [
            setting.help,
            "",
            f"Default:  {default}",
            f"Accepts:  {accepted.removesuffix(' in quotes')}",
            f"In files: {row_id}",
            f"kohya:    {theirs or 'has no such setting'}",
        ]
    )


def shown(setting: Setting, value: Any) -> str:
    """A value as a row shows it."""
    if isinstance(value, bool):
        return YES if value else NO
    text = field_text(value, setting.field)
    if not is_list(setting.field):
        return text
    entries = text.split("\n")
    if len(entries) < 2 or not isinstance(value[0], str):
        return ", ".join(entries)
    return f"{len(entries)}: {' / '.join(entries)}"


@cache
def _groups() -> tuple[Group, ...]:
    return groups()


@cache
def _default_text(name: str) -> str:
    setting = setting_named(name)
    return shown(setting, setting.default)


def _rows(profile: Profile, name: str) -> Iterator[Row]:
    for group in _groups():
        yield Row(f"group {group.title}", group.title, kind="heading")
        for setting in group.settings:
            yield _row(setting, setting.value(profile), name)


def _remarked(row: Row, remark: str) -> Row:
    """The row with a remark before its help, and beside its value unless a run makes good for it."""
    if not remark:
        return row
    return replace(row, note=row.note if row.id == "output.directory" else remark, help=f"{remark} {row.help}")


def _row(setting: Setting, value: Any, name: str) -> Row:
    changed = value != setting.default
    value_text = shown(setting, value)
    note = setting.advice
    if not value_text and not note:
        note = _EMPTY.get(setting.name, "none")
    elif changed and not note and (default := _default_text(setting.name)):
        note = f"default {default}"
    if setting.name == "output.name" and not value_text:
        note = f"{name}, as the profile"
    kind = _kind(setting)
    return Row(
        setting.name,
        setting.title,
        value_text,
        kind,
        choices=choices_of(setting.field),
        help=setting.help,
        note=note,
        text=field_text(value, setting.field) if kind in ("list", "text") else None,
        changed=changed,
        found_by=kohya_name(setting.name),
        late=setting.name == "model.base",  # the beginning of a base's name may be another one's
    )


def _kind(setting: Setting) -> Kind:
    if setting.field.annotation is bool:
        return "switch"
    if choices_of(setting.field):
        return "choice"
    if is_list(setting.field):
        return "list"
    return "path" if setting.name in PATHS else "text"
