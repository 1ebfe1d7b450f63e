"""Turns what pydantic refuses into sentences for the person who wrote the profile.

Knows the schema, not where a profile came from (the caller says so). Never repeats the value of an unknown key or
anything that looks like a token: it might be one.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from loratui.errors import ProfileError
from loratui.profile.kohya import KOHYA_KEYS
from loratui.profile.schema import SCHEMA_VERSION, SECTIONS
from loratui.safe_text import printable

_SECRET_KEY = re.compile(r"(.*_)?(token|api_?key|password|passwd|secret|credentials?)", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"hf_\w{8,}")
_UPPER_LIMIT_WORTH_SAYING = 100


def profile_error(refusal: ValidationError, source: str, option_names: Mapping[str, str] | None = None) -> ProfileError:
    """Say everything that `refusal` found, as one error.

    Args:
        refusal: What pydantic refused about a whole profile.
        source: Where the profile came from, such as a path or "--set"; "" when the complaints say it themselves.
        option_names: What the person typed where a setting has an option of its own.
    """
    names = option_names or {}
    complaints = list(dict.fromkeys(_complaint(details, names) for details in refusal.errors(include_url=False)))
    where = f"{printable(source)}: " if source else ""
    if len(complaints) == 1:
        return ProfileError(f"{where}{complaints[0]}", "Correct it and try again; nothing was changed.")
    lines = "".join(f"\n  - {complaint}" for complaint in complaints)
    return ProfileError(f"{where}{len(complaints)} mistakes.{lines}", "Correct them and try again.")


def in_one_line(complaint: str) -> str:
    """What `profile_error` says, short enough for a list: "3 mistakes, first: …"."""
    heading, *mistakes = complaint.split("\n  - ")
    return f"{heading.removesuffix('.')}, first: {mistakes[0]}" if mistakes else heading


def unknown_key(section: str, key: str) -> str:
    """Say that `section.key` (or a top-level `key`, with an empty section) does not exist, and what comes nearest."""
    full = f"{section}.{key}" if section else key
    name = f"'{printable(full)}'"
    near = _nearest(section, key)
    is_slip = difflib.SequenceMatcher(None, key, near.rpartition(".")[2]).ratio() > 0.85  # keep_token: keep_tokens
    if _SECRET_KEY.fullmatch(key) and not is_slip:
        return (
            f"{name} does not belong here: tokens and passwords never go in a profile; "
            "sign in with `hf auth login` or set HF_TOKEN, and remove the line."
        )
    return f"{name} is not a setting" + (f"; did you mean {near}?" if near else ".")


def expectation(field: FieldInfo, *, with_upper_limit: bool = False) -> str:
    """Say in plain words what a field accepts: "a whole number of at least 1"."""
    return _words(field.annotation, field.metadata, with_upper_limit)


def _complaint(details: ErrorDetails, names: Mapping[str, str]) -> str:
    place, kind, value = details["loc"], details["type"], details["input"]
    message = str(details.get("ctx", {}).get("error", details["msg"]))
    if not place:
        return f"{message}."
    section = str(place[0])
    if kind == "extra_forbidden":
        return unknown_key(section, str(place[1])) if len(place) > 1 else unknown_key("", section)
    if section in ("schema", "schema_version"):
        return _wrong_version(value)
    if len(place) == 1:
        return f"[{section}] must be a table of settings, not {_shown(value)}."
    key = str(place[1])
    name = names.get(f"{section}.{key}", f"{section}.{key}")
    name += f", entry {int(place[2]) + 1}," if len(place) > 2 else ""
    field = SECTIONS[section].model_fields[key]
    if kind == "value_error":
        return f"{name} {message}." if message == "must not be empty" else f"{name} {message}, not {_shown(value)}."
    if kind in ("too_short", "too_long"):
        limit = details["ctx"].get("min_length", details["ctx"].get("max_length"))
        bound = "at least" if kind == "too_short" else "at most"
        return f"{name} must have {bound} {limit} {'entry' if limit == 1 else 'entries'}."
    over = kind in ("less_than", "less_than_equal")
    if len(place) > 2:
        item, metadata = _unwrapped(get_args(field.annotation)[0])
        return f"{name} must be {_words(item, metadata, over)}, not {_shown(value)}."
    return f"{name} must be {expectation(field, with_upper_limit=over)}, not {_shown(value)}."


def _wrong_version(value: object) -> str:
    if isinstance(value, int) and value > SCHEMA_VERSION:
        return f"schema {value} comes from a newer loratui; this one reads schema {SCHEMA_VERSION}: update loratui."
    return f"schema must be {SCHEMA_VERSION}, not {_shown(value)}."


def _nearest(section: str, key: str) -> str:
    wanted = key.lower().replace("-", "_")
    if section and section not in SECTIONS:
        near_section = difflib.get_close_matches(section.lower(), SECTIONS, n=1)
        return _nearest(near_section[0] if near_section else "", key)
    everywhere = {field: f"{name}.{field}" for name in reversed(SECTIONS) for field in SECTIONS[name].model_fields}
    known = {**KOHYA_KEYS, **everywhere}
    if section:
        own = difflib.get_close_matches(wanted, SECTIONS[section].model_fields, n=1, cutoff=0.65)
        if own:
            return f"{section}.{own[0]}"
    if wanted in known:
        return known[wanted]
    near_section = [] if section else difflib.get_close_matches(wanted, SECTIONS, n=1, cutoff=0.7)
    if near_section:
        return f"[{near_section[0]}]"
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.75)
    return known[close[0]] if close else ""


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """Split Annotated[int, Field(ge=1)] into int and its limits."""
    metadata: list[Any] = []
    for extra in getattr(annotation, "__metadata__", ()):
        metadata.extend(extra.metadata if isinstance(extra, FieldInfo) else [extra])
    return getattr(annotation, "__origin__", annotation) if metadata else annotation, metadata


def _words(annotation: Any, metadata: list[Any], with_upper_limit: bool) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return "one of " + ", ".join(_shown(choice) for choice in get_args(annotation))
    if origin is list:
        item = _unwrapped(get_args(annotation)[0])[0]
        plural = {int: "whole numbers", float: "numbers"}.get(item, "texts in quotes")
        return f"a list of {plural} in [ ]"
    if annotation is bool:
        return "true or false"
    if annotation is str:
        return "text in quotes"
    return ("a whole number" if annotation is int else "a number") + _limits(metadata, with_upper_limit)


def _limits(metadata: list[Any], with_upper_limit: bool) -> str:
    at_least = next((limit.ge for limit in metadata if isinstance(limit, Ge)), None)
    above = next((limit.gt for limit in metadata if isinstance(limit, Gt)), None)
    at_most = next((limit.le for limit in metadata if isinstance(limit, Le)), None)
    below = next((limit.lt for limit in metadata if isinstance(limit, Lt)), None)
    upper: Any = at_most if at_most is not None else below
    if upper is not None and upper > _UPPER_LIMIT_WORTH_SAYING and not with_upper_limit:
        at_most = below = None
    if at_least is not None and at_most is not None:
        return f" from {at_least:,.10g} to {at_most:,.10g}"
    parts = [
        f"of at least {at_least:,.10g}" if at_least is not None else "",
        f"above {above:,.10g}" if above is not None else "",
        f"of at most {at_most:,.10g}" if at_most is not None else "",
        f"below {below:,.10g}" if below is not None else "",
    ]
    stated = " and ".join(part for part in parts if part)
    return f" {stated}" if stated else ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = printable(_SECRET_VALUE.sub("hf_…", value))
        return f"'{text if len(text) <= 60 else text[:57] + '…'}'"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return printable(value)
