"""Completion of a path that is being typed, as a shell does it. Reads directories; knows nothing of forms."""

import os
from collections.abc import Iterable
from pathlib import Path

from loratui.safe_text import printable

_MOST = 200


def complete_path(text: str) -> list[str]:
    """The paths that `text` may become, in order: folders end in `/`, hidden ones only when asked for.

    Names with characters that a terminal might obey are not offered. Returns [] where the folder cannot be read.
    """
    folder_text, _, beginning = text.rpartition("/")
    folder_text = f"{folder_text}/" if "/" in text else ""
    if text == "~":
        return ["~/"]
    try:
        folder = Path(folder_text or ".").expanduser()
        with os.scandir(folder) as entries:
            found = [
                f"{folder_text}{entry.name}{'/' if entry.is_dir() else ''}"
                for entry in entries
                if _may_be_offered(entry.name, beginning)
            ]
    except (OSError, RuntimeError, ValueError):
        return []
    return sorted(found)[:_MOST]


def _may_be_offered(name: str, beginning: str) -> bool:
    is_asked_for = beginning.startswith(".") or not name.startswith(".")
    return name.startswith(beginning) and is_asked_for and printable(name) == name


def common_beginning(candidates: Iterable[str]) -> str:
    """What all candidates begin with, letter by letter."""
    texts = list(candidates)
    first, last = min(texts, default=""), max(texts, default="")
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]


def last_parts(candidates: Iterable[str]) -> list[str]:
    """The candidates without the folder that they share."""
    texts = list(candidates)
    shared = common_beginning(texts).rpartition("/")
    return [text[len(shared[0] + shared[1]) :] for text in texts]


def last_part(path: str) -> str:
    """The name at the end of a path, with the `/` of a folder."""
    return path.rstrip("/").rpartition("/")[2] + ("/" if path.endswith("/") else "")
