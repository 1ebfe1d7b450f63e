"""Text from files made safe for a terminal: no name or caption can move the cursor or reverse the line."""

import unicodedata

# Cc: control characters; Cf: invisible formatting such as bidirectional overrides; Zl and Zp: line separators that
# some terminals obey; Cs: lone surrogates, which stand for undecodable bytes in file names.
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: object) -> str:
    """Return `text` with every character that a terminal might obey written as a visible escape such as `\\x1b`."""
    return "".join(
        character if unicodedata.category(character) not in _UNSAFE_CATEGORIES else _escape(character)
        for character in str(text)
    )


def masked(text: str) -> str:
    """Return `text` with one sign of one cell for each of these characters: every other keeps its place."""
    return "".join(
        character if unicodedata.category(character) not in _UNSAFE_CATEGORIES else "\ufffd" for character in text
    )


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
