"""How a profile looks as a TOML file: sections in the schema's order, each key under its label and help.

Knows text only; tomli-w formats the values, the comments come from the schema.
"""

import textwrap
from typing import Any, Literal, get_args, get_origin

import tomli_w
from pydantic.fields import FieldInfo

from loratui.profile.schema import SCHEMA_VERSION, SECTIONS, Profile
from loratui.safe_text import printable

_COLUMNS = 100


def profile_text(profile: Profile, name: str = "") -> str:
    """The profile as commented TOML that reads back to an equal profile."""
    title = f"loratui profile {printable(name)}".rstrip()
    blocks = [f"# {title}. Change one value for a run: loratui run NAME --set section.key=value"]
    blocks.append(f"schema = {SCHEMA_VERSION}")
    for section_name, section in SECTIONS.items():
        values = getattr(profile, section_name)
        heading = _comment((section.__doc__ or "").strip())
        keys = [_entry(key, field, getattr(values, key)) for key, field in section.model_fields.items()]
        blocks.append("\n".join([heading, f"[{section_name}]", *keys]))
    return "\n\n".join(blocks) + "\n"


def _entry(key: str, field: FieldInfo, value: Any) -> str:
    choices = ""
    if get_origin(field.annotation) is Literal:
        choices = " One of: " + ", ".join(str(choice) for choice in get_args(field.annotation)) + "."
    return f"{_comment(f'{field.title}. {field.description}{choices}')}\n{key} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, list) and not any(isinstance(item, str) for item in value):
        return f"[{', '.join(_value(item) for item in value)}]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")


def _comment(text: str) -> str:
    return textwrap.fill(text, _COLUMNS, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
