"""Choosing the folder with the pictures: what was given is read, and its right level proposed.

Lists names only; what is wrong with the pictures themselves is said by `checks`.
"""

import difflib
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loratui.dataset.folders import Listing, find_folders, list_folder, search_deeper
from loratui.dataset.problems import DatasetFault, counted
from loratui.dataset.repeats import read_folder_name
from loratui.profile.fields import why_not_plain
from loratui.safe_text import printable
from loratui.shown_paths import shown_path, shown_paths_in

_CAPTIONS = {".txt", ".caption"}


@dataclass(frozen=True)
class Proposal:
    """What a folder that somebody named would mean.

    Attributes:
        path: The folder, absolute.
        state: "usable" holds pictures at a level that is understood; "empty" exists and may be filled; "wrong" is
            something else.
        pictures: Files named like pictures that would be looked at.
        captions: Caption files beside them.
        what: One sentence.
        todo: What to do, where something is to be done.
        instead: Folders that are probably meant, the likeliest first.
        can_be_made: Whether the folder is missing and could be made.
    """

    path: Path
    state: Literal["usable", "empty", "wrong"]
    pictures: int = 0
    captions: int = 0
    what: str = ""
    todo: str = ""
    instead: tuple[Path, ...] = ()
    can_be_made: bool = False


def absolute(text: str) -> Path:
    """The folder that `text` names, with ~ for the home and from here where it is relative."""
    return Path(os.path.abspath(os.path.expanduser(text.strip())))


def unquoted(text: str) -> str:
    """The path in a text as a terminal pastes it: in quotes, or with backslashes before what a shell would obey.

    A folder that has such signs in its name is meant as it is written.
    """
    if not set(text) & set("'\"\\") or os.path.lexists(absolute(text)):
        return text
    try:
        words = shlex.split(text)
    except ValueError:  # a quotation that does not end
        return text
    return words[0] if len(words) == 1 else text


def propose(text: str, repeats: int = 1) -> Proposal:
    """What `text` would mean as the folder of a dataset, and what is probably meant where it is the wrong level.

    Args:
        text: As it was typed.
        repeats: Of folders without a number.
    """
    path = absolute(text)
    if reason := why_not_plain(str(path)):
        return Proposal(path, "wrong", what=f"The path {shown_path(path)} {reason}.", todo="Rename the folder.")
    try:
        folders, listings, _ = find_folders(path, repeats)
    except DatasetFault as fault:
        return _instead_of(path, fault)
    pictures = sum(name in listing.files for listing in listings for name in listing.pictures)
    if not pictures:
        return Proposal(path, "empty", what=f"There are no pictures in {shown_path(path)} yet.")
    names = ", ".join(f"{printable(folder.path.name)} {folder.repeats}×" for folder in folders[:3])
    more = f" and {counted(len(folders) - 3, 'more folder')}" if len(folders) > 3 else ""
    captions = sum(_caption_count(listing) for listing in listings)
    what = f"{counted(pictures, 'picture')}, {counted(captions, 'caption')} ({names}{more})."
    return Proposal(path, "usable", pictures, captions, what, instead=_with_siblings(path))


def _caption_count(listing: Listing) -> int:
    stems = {os.path.splitext(name)[0] for name in listing.pictures}
    captions = (os.path.splitext(name) for name in listing.files)
    return len({stem for stem, extension in captions if extension.lower() in _CAPTIONS and stem in stems})


def _instead_of(path: Path, fault: DatasetFault) -> Proposal:
    what, todo = shown_paths_in(fault.what), shown_paths_in(fault.todo)
    match fault.code:
        case "wrong-level":
            return Proposal(path, "wrong", what=what, todo=todo, instead=_plain(search_deeper(path)))
        case "no-images" if _is_empty(path):
            return Proposal(path, "empty", what=f"There are no pictures in {shown_path(path)} yet.")
        case "not-a-folder":
            return Proposal(path, "wrong", what=what, todo=todo, instead=_usable([path.parent]))
        case "no-folder":
            near = _spelled_alike(path)
            return Proposal(path, "wrong", what=what, todo=todo, instead=near, can_be_made=_can_make(path))
    return Proposal(path, "wrong", what=what, todo=todo)


def _is_empty(path: Path) -> bool:
    """Whether no picture is there at all, rather than only in folders that are left out."""
    try:
        top = list_folder(path)
        return not any(list_folder(path / name).holds_pictures for name in top.folders)
    except DatasetFault:
        return False


def _usable(paths: Sequence[Path]) -> tuple[Path, ...]:
    usable: list[Path] = []
    for path in paths:
        try:
            find_folders(path, 1)
        except DatasetFault:
            continue
        usable.append(path)
    return tuple(usable)


def _with_siblings(path: Path) -> tuple[Path, ...]:
    """The folder above, where `path` is one of several numbered folders in it."""
    if read_folder_name(path.name).number is None:
        return ()
    try:
        folders, _, _ = find_folders(path.parent, 1)
    except DatasetFault:
        return ()
    return (path.parent,) if len(folders) > 1 and path in (folder.path for folder in folders) else ()


def _spelled_alike(path: Path) -> tuple[Path, ...]:
    nearest = next(parent for parent in path.parents if os.path.isdir(parent) or parent == parent.parent)
    try:
        names = list_folder(nearest).folders
    except DatasetFault:
        return ()
    wanted, *rest = path.relative_to(nearest).parts
    near = difflib.get_close_matches(wanted.casefold(), [name.casefold() for name in names], n=3)
    found = [nearest / name for key in near for name in names if name.casefold() == key]
    return _plain(dict.fromkeys(one.joinpath(*rest) if one.joinpath(*rest).is_dir() else one for one in found))


def _plain(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that can stand in a profile."""
    return tuple(path for path in paths if not why_not_plain(str(path)))


def _can_make(path: Path) -> bool:
    nearest = next(parent for parent in path.parents if os.path.isdir(parent) or parent == parent.parent)
    return os.access(nearest, os.W_OK | os.X_OK)
