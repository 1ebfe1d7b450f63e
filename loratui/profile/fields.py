"""The kinds of values a profile holds: what each accepts beyond its type, and how `path:strength` is read.

Knows nothing of sections, files or how an error is shown: a refusal is a `ValueError` that says "must …".
"""

import math
import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from loratui.errors import ProfileError
from loratui.safe_text import printable

SMALLEST_STRENGTH, LARGEST_STRENGTH = -5.0, 5.0
LARGEST_SEED = 2**32 - 1
_NAME_REFUSES = set('/\\:><=,|?*"')


def setting(default: Any, title: str, help_text: str, **limits: Any) -> Any:
    """A pydantic field with its one-line label and its help text."""
    return Field(default=default, title=title, description=help_text, **limits)


def list_of(defaults: list[Any], title: str, help_text: str, **limits: Any) -> Any:
    """A pydantic field that holds a list, a fresh copy of `defaults` unless given."""
    return Field(default_factory=lambda: list(defaults), title=title, description=help_text, **limits)


def why_not_a_name(name: str) -> str:
    """Say why `name` cannot name a profile or a file ("must …"), or return "" when it can."""
    if not name.strip():
        return "must not be empty"
    if printable(name) != name:
        return "must not contain control or invisible characters"
    refused = sorted(set(name) & _NAME_REFUSES)
    if refused:
        return f"must be a plain name without {' '.join(refused)}"
    if name.startswith(".") or ".." in name:
        return "must not begin with a dot or contain '..'"
    if name.startswith("-"):
        return "must not begin with '-', as options do"
    if name != name.strip():
        return "must not begin or end with a space"
    if len(name.encode()) > 180:
        return "must be at most 180 bytes long"
    return ""


def valid_name(name: str) -> str:
    """Return `name` when it can name a profile or an output file.

    Raises:
        ProfileError: it holds a separator, "..", a control character, a leading dot or one of `: > < = ,`.
    """
    reason = why_not_a_name(name)
    if reason:
        raise ProfileError(
            f"The name '{printable(name)}' {reason}.", "Use letters, digits, '-' and '_', such as emi_v2."
        )
    return name


def split_lora(text: str) -> tuple[str, float]:
    """Read `path:strength`; without a number after the last colon the whole text is the path and the strength is 1."""
    path, colon, number = text.rpartition(":")
    try:
        strength = float(number)
    except ValueError:
        return text, 1.0
    return (path, strength) if colon and path else (text, 1.0)


def why_not_plain(text: str) -> str:
    """Say why `text` cannot stand in a profile ("must …"), or return "" when it can."""
    categories = {unicodedata.category(character) for character in text}
    if "Cc" in categories:
        return "must not contain control characters"
    if "Cs" in categories:  # a lone surrogate stands for an undecodable byte and cannot be written to TOML
        return "must be UTF-8 text"
    return ""


def _plain(text: str) -> str:
    if reason := why_not_plain(text):
        raise ValueError(reason)
    return text


def _lines(text: str) -> str:
    _plain(text.replace("\n", " ").replace("\t", " "))
    return text


def _name_or_empty(name: str) -> str:
    reason = why_not_a_name(name) if name else ""
    if reason:
        raise ValueError(reason)
    return name


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _caption_extension(text: str) -> str:
    if not text.startswith(".") or len(text) < 2 or set(text) & set("/\\"):
        raise ValueError("must begin with a dot, such as '.txt'")
    return text


def _one_side(value: Any) -> Any:
    sides = value.split(",") if isinstance(value, str) else value
    if not isinstance(sides, list):
        return value
    if isinstance(value, str) and all(side.strip().isdecimal() and len(side) < 9 for side in sides):
        sides = [int(side) for side in sides]
    if any(type(side) is not int for side in sides):
        return value
    if len(sides) not in (1, 2) or len(set(sides)) != 1:
        raise ValueError("must be one number or two equal sides, such as 512 or '512,512'")
    return sides[0]


def _multiple_of_8(pixels: int) -> int:
    if pixels % 8:
        raise ValueError(f"must be a multiple of 8 (near it: {pixels // 8 * 8} or {pixels // 8 * 8 + 8})")
    return pixels


def _size_or_zero(pixels: int) -> int:
    if pixels and pixels < 32:
        raise ValueError("must be 0 (as trained) or at least 32")
    return _multiple_of_8(pixels)


def _with_zero(strengths: list[float]) -> list[float]:
    return sorted({0.0, *(strength + 0.0 for strength in strengths)})


def _without_repetition(values: list[int]) -> list[int]:
    return list(dict.fromkeys(values))


def _gpu_ids(text: str) -> str:
    if text != "all" and not re.fullmatch(r"\d+(,\d+)*", text):
        raise ValueError("must be 'all' or numbers such as '0' or '0,1'")
    return text


def _lora_at_strength(text: str) -> str:
    path, strength = split_lora(_plain(_not_empty(text)))
    if not math.isfinite(strength) or not SMALLEST_STRENGTH <= strength <= LARGEST_STRENGTH:
        raise ValueError(f"must name a file and a strength from -5 to 5, such as '{path}:0.6'")
    return text


SamplerName = Literal[
    "Euler a",
    "Euler",
    "DPM++ 2M",
    "DPM++ 2M Karras",
    "DPM++ 2M SDE",
    "DPM++ 2M SDE Karras",
    "Heun",
    "DPM2",
    "DPM2 Karras",
    "DPM2 a",
    "DDIM",
    "UniPC",
]
PlainText = Annotated[str, AfterValidator(_plain)]
FilledText = Annotated[str, AfterValidator(_not_empty), AfterValidator(_plain)]
NameOrEmpty = Annotated[str, AfterValidator(_name_or_empty)]
CaptionExtension = Annotated[str, AfterValidator(_plain), AfterValidator(_caption_extension)]
Resolution = Annotated[int, AfterValidator(_multiple_of_8), BeforeValidator(_one_side)]
Pixels = Annotated[int, AfterValidator(_multiple_of_8)]
SizeOrZero = Annotated[int, AfterValidator(_size_or_zero)]
Strength = Annotated[float, Field(ge=SMALLEST_STRENGTH, le=LARGEST_STRENGTH)]
Strengths = Annotated[list[Strength], AfterValidator(_with_zero)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Seeds = Annotated[list[Seed], AfterValidator(_without_repetition)]
Epochs = Annotated[list[Annotated[int, Field(ge=1)]], AfterValidator(lambda epochs: sorted(set(epochs)))]
GpuIds = Annotated[str, AfterValidator(_gpu_ids)]
LoraAtStrength = Annotated[str, AfterValidator(_lora_at_strength)]
Lines = Annotated[str, AfterValidator(_lines)]
Prompt = Annotated[str, AfterValidator(_not_empty), AfterValidator(_lines)]
