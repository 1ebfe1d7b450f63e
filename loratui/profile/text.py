"""Values as text and back: what a person types on the command line or in a form, read as TOML would read it.

Knows the schema's types only; what a value may be is the schema's matter, and so a text that cannot be read as the
field's type is handed on as text, for the schema to refuse.
"""

import tomllib
from typing import Any, Literal, get_args, get_origin

import tomli_w
from pydantic.fields import FieldInfo

_TOML_BEGINNINGS = {"[": "a list", "{": "a table", '"': "a text in quotes", "'": "a text in quotes"}

_CURLY_QUOTES = "“”„‟‘’‚‛«»"
_SMALL = 0.001


def read_text(text: str, field: FieldInfo) -> Any:
    """The value that `text` is for `field`: TOML where the field is no text, and texts with or without quotes.

    A list has one entry a line, or all in one: "1, 2" or "[1, 2]".
    """
    text = text.strip()
    value = _toml_value(text)
    if is_list(field):
        if isinstance(value, list):
            return value
        return [entry for line in text.split("\n") for entry in _read_entries(line.strip(), field)]
    if is_text(field):
        return value if isinstance(value, str) else text
    if field.annotation is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text if value is None else value


def field_text(value: Any, field: FieldInfo) -> str:
    """The text that `read_text` reads as `value`, as a person would type it; a list has one entry a line."""
    if is_list(field):
        return "\n".join(_entry_text(entry, field) for entry in value)
    return _single_text(value, field)


def misread(text: str, field: FieldInfo) -> str:
    """What `text` seems to be and is not, such as "a list", where it would quietly be taken as plain text instead."""
    text = text.strip()
    if not (is_text(field) or is_list(field)) or _toml_value(text) is not None:
        return ""
    if is_list(field) and all(_read_entries(line.strip(), field) != [line.strip()] for line in text.split("\n")):
        return ""
    return _TOML_BEGINNINGS.get(text[:1], "")


def repair_of(text: str) -> str:
    """What to do about a `text` that is misread, a sentence: which quote or bracket is wrong."""
    quote, depth, last = "", 0, ""
    escaped = False
    for character in text.strip():
        if quote:
            if escaped or (character == "\\" and quote == '"'):
                escaped = not escaped
                continue
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _CURLY_QUOTES:
            return f"{character} is no quote here: use \" or '."
        depth += 0 if quote else (character in "[{") - (character in "]}")
        last = character if not character.isspace() and character not in "]}" else last
    if quote and last in "'\"" and last != quote:
        return f"What begins with {quote} ends with {quote}, not with {last}."
    if quote:
        return "Close its quotes."
    return "Close it." if depth > 0 else 'Put its texts in quotes, with commas between: ["a", "b"].'


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """The texts that a field accepts, where there are only some; () otherwise."""
    return tuple(map(str, get_args(field.annotation))) if get_origin(field.annotation) is Literal else ()


def is_list(field: FieldInfo) -> bool:
    """Whether a field holds a list."""
    return get_origin(field.annotation) is list


def is_text(field: FieldInfo) -> bool:
    """Whether a field holds a text, or one of several texts."""
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return field.annotation is str or (bool(choices) and isinstance(choices[0], str))


def _read_entries(line: str, field: FieldInfo) -> list[Any]:
    if not line:
        return []
    if isinstance(whole := _toml_value(line), list):
        return whole
    listed = _toml_value(f"[{line}]")
    # A prompt may be "5" or "true", and needs no quotes for that.
    if isinstance(listed, list) and (not _has_texts(field) or all(isinstance(entry, str) for entry in listed)):
        return listed
    return [line]


def _has_texts(field: FieldInfo) -> bool:
    item = get_args(field.annotation)[0]
    return getattr(item, "__origin__", item) is str


def _entry_text(entry: Any, field: FieldInfo) -> str:
    text = entry if isinstance(entry, str) else _number_text(entry)
    return text if read_text(text, field) == [entry] else _quoted(entry)


def _single_text(value: Any, field: FieldInfo) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else _number_text(value)
    return text if read_text(text, field) == value and "\n" not in text else _quoted(value)


def _number_text(value: float) -> str:
    """A number as people write it in the field: 512, 0.05, 2e-4."""
    mantissa, _, exponent = f"{value:e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    if isinstance(value, float) and 0 < abs(value) < _SMALL and float(short) == value:
        return short
    plain = f"{value:g}"
    return plain if float(plain) == value and "e" not in plain else repr(value)


def _quoted(value: Any) -> str:
    return tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")


def _toml_value(text: str) -> Any:
    """The value that `text` is in TOML, or None."""
    try:
        values = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return None
    return values["value"] if len(values) == 1 else None
