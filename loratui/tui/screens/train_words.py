"""Figures as a person reads them: how long, how much memory, where a file is. Knows nothing of runs."""

import os
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from loratui.safe_text import printable
from loratui.tui.glyphs import Glyphs

_GIB = 1 << 30


def duration(seconds: float) -> str:
    """`8.5 s`, `1 min 42 s`, `1 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def countdown(seconds: float) -> str:
    """`1:57`, `2:03:10`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def memory_text(number: int) -> str:
    """Memory as it is sold: `8.0 GB` for a card of 8 GB."""
    return f"{number / _GIB:.1f} GB"


def path_text(path: str | os.PathLike[str], width: int, glyphs: Glyphs) -> str:
    """A path in at most `width` cells: below the home directory with `~`, else without its middle; the end stays."""
    text = os.fspath(path)
    home = str(Path.home())
    if text == home or text.startswith(home + os.sep):
        text = "~" + text[len(home) :]
    text = printable(text)
    if cell_len(text) <= width:
        return text
    first, tail = text[: max(0, width // 4)], text
    while tail and cell_len(first) + 1 + cell_len(tail) > width:
        tail = tail[1:]
    return first + glyphs.ellipsis + tail


def cut(text: str, width: int, glyphs: Glyphs) -> str:
    """A text in at most `width` cells; what is left out shows."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)).rstrip() + glyphs.ellipsis


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` cells, broken at spaces, and within a word that is longer than a line."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            while cell_len(word) > width:
                if line:
                    lines.append(line)
                head = _head(word, width)
                lines.append(head)
                line, word = "", word[len(head) :]
            if line and cell_len(line) + 1 + cell_len(word) > width:
                lines.append(line)
                line = word
            elif word:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def _head(word: str, width: int) -> str:
    end = 1
    while end < len(word) and cell_len(word[: end + 1]) <= width:
        end += 1
    return word[:end]
