"""Text made to fit: cut or broken by the cells of a terminal, of which an ideograph takes two and an accent none.

Every function makes what it gets safe to show. Imports nothing that the first frame would wait for.
"""

from collections.abc import Iterable
from typing import TypeVar

from rich.cells import cell_len, set_cell_size

from loratui.safe_text import printable
from loratui.tui.glyphs import Glyphs

_Role = TypeVar("_Role", bound=str)


def cut(text: str, width: int, glyphs: Glyphs, *, pad: bool = False) -> str:
    """`text` in at most `width` cells: a sign stands for its end where that does not fit.

    Args:
        pad: Fill up to exactly `width` cells.
    """
    text = printable(text)
    if cell_len(text) > width:
        text = _beginning(text, width - 1).rstrip() + glyphs.ellipsis if width > 0 else ""
    return set_cell_size(text, width) if pad else text


def cut_start(text: str, width: int, glyphs: Glyphs, *, pad: bool = False) -> str:
    """As `cut`, but the end stays: a path tells most there."""
    return cut_middle(text, width, glyphs, start=0, pad=pad)


def cut_middle(text: str, width: int, glyphs: Glyphs, *, start: int | None = None, pad: bool = False) -> str:
    """As `cut`, but the beginning and the end stay: of a command both count.

    Args:
        start: Cells of the beginning that stay; half of all where this is not told.
    """
    text = printable(text)
    if cell_len(text) > width:
        head = _beginning(text, min(width // 2 if start is None else start, width - 1)).rstrip()
        room = width - cell_len(head) - 1
        text = head + glyphs.ellipsis + _ending(text, room) if width > 0 else ""
    return set_cell_size(text, width) if pad else text


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken at spaces, or anywhere in a word that is longer than a line.

    Line ends in `text` are kept, and no text has no lines.
    """
    lines: list[str] = []
    for paragraph in text.rstrip("\n").split("\n") if text else ():
        first, *others = ("".join(part for part, _ in line) for line in wrapped_parts([(paragraph, "")], width))
        lines += [first.rstrip(), *filter(None, map(str.strip, others))]
    return lines


def wrapped_parts(parts: Iterable[tuple[str, _Role]], width: int) -> list[list[tuple[str, _Role]]]:
    """As `wrapped`, of a text in parts that have roles; nothing is left out, so a space may stand behind a line."""
    lines: list[list[tuple[str, _Role]]] = [[]]
    used = 0
    for word in _words((printable(text), role) for text, role in parts):
        size = cell_len("".join(text for text, _ in word).rstrip())
        if used and used + size > width:
            lines.append([])
            used = 0
        for text, role in word:
            rest = text
            while rest and used + cell_len(rest.rstrip()) > width:
                # In a line of a single cell an ideograph stands alone, and too wide.
                part = _beginning(rest, width - used) or (rest[:1] if not used else "")
                lines[-1].append((part, role))
                lines.append([])
                rest, used = rest[len(part) :], 0
            lines[-1].append((rest, role))
            used += cell_len(rest)
    return lines


def _words(parts: Iterable[tuple[str, _Role]]) -> list[list[tuple[str, _Role]]]:
    """The text cut behind its spaces and wide letters, each with its accents; a word may go on over several parts."""
    words: list[list[tuple[str, _Role]]] = [[]]
    ends = False
    for text, role in parts:
        start = 0
        for place, character in enumerate(text):
            size = cell_len(character)
            if ends:
                words[-1].append((text[start:place], role))
                words.append([])
                start = place
            ends = character == " " or size > 1 or (ends and not size)
        words[-1].append((text[start:], role))
    return [[part for part in word if part[0]] for word in words if any(text for text, _ in word)]


def _beginning(text: str, width: int) -> str:
    """As many letters of the beginning as fit, the last one with its accents."""
    end = used = 0
    while end < len(text) and used <= width:
        used += cell_len(text[end])
        end += 1
    while end and cell_len(text[:end]) > width:
        end -= 1
    return text[:end]


def _ending(text: str, width: int) -> str:
    """As many letters of the end as fit; no accent without its letter."""
    start, used = len(text), 0
    while start and used <= width:
        start -= 1
        used += cell_len(text[start])
    while start < len(text) and (cell_len(text[start:]) > width or not cell_len(text[start])):
        start += 1
    return text[start:]
