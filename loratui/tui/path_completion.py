"""What a path that is being typed may become. Reads directories; knows no widget and no other kind of text."""

import os

from loratui.dataset.folders import natural_order
from loratui.safe_text import printable


def complete_path(text: str, endings: tuple[str, ...] = ("",)) -> list[str]:
    """The paths that `text` may become, each as it would be typed, in natural order.

    Folders end in `/`; hidden ones are offered only where a dot was typed. Upper and lower case are the same where
    nothing begins just like that. Names that a terminal might obey are left out; a folder that cannot be read offers
    nothing.

    Args:
        text: What is typed so far; `~` is the home, and what is relative begins here.
        endings: Of the files that are offered besides folders, in lower case; every file by default.
    """
    text = "~/" if text == "~" else text
    above, slash, beginning = text.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(above + slash) or ".") as entries:
            near = [entry for entry in entries if _may_be_meant(entry.name, beginning)]
            exact = [entry for entry in near if entry.name.startswith(beginning)]
            names = [
                f"{entry.name}/" if is_folder else entry.name
                for entry in exact or near
                if (is_folder := _is_folder(entry)) or entry.name.lower().endswith(endings)
            ]
    except (OSError, ValueError):  # a null character is no name at all
        return []
    return [above + slash + name for name in sorted(names, key=_in_natural_order)]


def complete_folder(text: str) -> list[str]:
    """The folders that `text` may become."""
    return complete_path(text, endings=())


def complete_model_file(text: str) -> list[str]:
    """The folders and `.safetensors` files that `text` may become."""
    return complete_path(text, endings=(".safetensors",))


def _may_be_meant(name: str, beginning: str) -> bool:
    is_asked_for = beginning.startswith(".") or not name.startswith(".")
    return is_asked_for and name.casefold().startswith(beginning.casefold()) and printable(name) == name


def _in_natural_order(name: str) -> tuple[list[str | int], str]:
    return natural_order(name.rstrip("/"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False
