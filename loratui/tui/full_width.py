"""Keys of an input method: its full-width letters act as the ASCII ones that they stand for."""

import unicodedata

from textual import events

_FULL_WIDTH = range(0xFF01, 0xFF5F)
_FULL_WIDTH_SPACE = "\u3000"


def as_ascii(event: events.Key) -> events.Key:
    """The key that a full-width letter stands for; every other key as it is."""
    plain = _plain_letter(event.character or "")
    return events.Key(_key_name(plain), plain) if plain else event


def _plain_letter(character: str) -> str:
    """The ASCII character that a full-width one stands for; "" for all others."""
    if character == _FULL_WIDTH_SPACE:
        return " "
    if len(character) == 1 and ord(character) in _FULL_WIDTH:
        return unicodedata.normalize("NFKC", character)
    return ""


def _key_name(character: str) -> str:
    from textual.keys import _character_to_key

    return _character_to_key(character)
