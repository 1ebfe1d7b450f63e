"""What a character is called after the folder of its pictures: `5_emi_person` holds pictures of "emi".

Lists names only; refuses to open any file.
"""

import re
from pathlib import Path

from loratui.dataset.folders import list_folder
from loratui.dataset.problems import DatasetFault
from loratui.dataset.repeats import read_folder_name
from loratui.profile.fields import why_not_a_name

_UNNAMED = "lora"
# What kohya's guides put behind a name to say of what class it is.
_CLASSES = frozenset({"person", "girl", "boy", "woman", "man", "character", "style", "dog", "cat", "object"})


def name_for(folder: Path) -> str:
    """A name for what the pictures in `folder` show, fit for a profile and a file.

    A numbered folder in it says more than its own name: `IMG/5_emi_person` is "emi".
    """
    own = read_folder_name(folder.name)
    tokens = own.class_tokens
    if own.number is None:
        tokens = _numbered_inside(folder) or folder.name
    return _fit(_without_class(tokens)) or _UNNAMED


def _numbered_inside(folder: Path) -> str:
    try:
        names = list_folder(folder).folders
    except DatasetFault:
        return ""
    return next((name.class_tokens for name in map(read_folder_name, names) if name.class_tokens), "")


def _without_class(tokens: str) -> str:
    """`emi_person` and `emi person` are "emi"; `person` alone stays."""
    words = re.split(r"[_\s]+", tokens.strip(" _"))
    while len(words) > 1 and words[-1].casefold() in _CLASSES:
        words.pop()
    return "_".join(words)


def _fit(name: str) -> str:
    """The name without what no file and no prompt could bear; "" when nothing remains."""
    plain = re.sub(r"[^\w-]+", "_", name).strip("_-.")
    while len(plain.encode()) > 100:
        plain = plain[:-1]
    return "" if why_not_a_name(plain) else plain
