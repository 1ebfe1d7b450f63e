"""Which folders hold the pictures, whatever level a person points at: the folder itself or the one above it.

Lists names and asks what kind of thing they are; refuses to open any file.
"""

import os
import re
from collections import deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loratui.dataset.images import image_extensions
from loratui.dataset.problems import DatasetFault, Problem, counted, name_some
from loratui.dataset.repeats import read_folder_name
from loratui.safe_text import printable

MAX_REPEATS = 10_000
_SEARCH_DEPTH = 5
_SEARCH_FOLDERS = 1_000


@dataclass(frozen=True)
class Folder:
    """A folder of pictures: how often each is seen in an epoch, and the caption of those that have none."""

    path: Path
    repeats: int
    class_tokens: str
    regularisation: bool = False


@dataclass(frozen=True)
class Listing:
    """The names in one folder; hidden ones, such as macOS's `._1.png`, are left out.

    Attributes:
        path: The folder.
        pictures: Names with a picture's extension, whatever they turn out to be, in natural order.
        folders: Names of the folders in it.
        files: Every name that is no folder.
    """

    path: Path
    pictures: tuple[str, ...]
    folders: tuple[str, ...]
    files: frozenset[str]

    @property
    def holds_pictures(self) -> bool:
        """Whether something other than a folder is named like a picture."""
        return any(name in self.files for name in self.pictures)


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Sorting key that puts `2.png` before `10.png`; the name itself decides between equals."""
    parts = re.split(r"([0-9]+)", name.casefold())  # text and digits in turn, so that like meets like
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def list_folder(path: Path) -> Listing:
    """List one folder.

    Raises:
        DatasetFault: "unreadable-folder".
    """
    try:
        with os.scandir(path) as entries:
            found = [(entry.name, _is_folder(entry)) for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DatasetFault(
            "unreadable-folder",
            f"{printable(path)}: the folder cannot be read ({printable(error.strerror or error)}).",
            "Check that you may read it.",
        ) from error
    found.sort(key=lambda item: natural_order(item[0]))
    extensions = image_extensions()
    return Listing(
        path,
        tuple(name for name, _ in found if os.path.splitext(name)[1].lower() in extensions),
        tuple(name for name, is_folder in found if is_folder),
        frozenset(name for name, is_folder in found if not is_folder),
    )


def find_folders(
    root: Path, default_repeats: int, regularisation: bool = False, elsewhere: Path | None = None
) -> tuple[tuple[Folder, ...], tuple[Listing, ...], tuple[Problem, ...]]:
    """The folders below `root` that hold pictures, their listings, and what there is to say about the choice.

    `root` may hold the pictures itself or hold the folders that do. Beside numbered folders (`5_emi_person`) those
    without a number are left out, as kohya does; where none is numbered, all take `default_repeats`. Nobody misses
    what lies in `elsewhere`, which is taken for something else.

    Raises:
        DatasetFault: "no-folder", "not-a-folder", "unreadable-folder", "no-images", "wrong-level" or
            "too-many-repeats".
    """
    _require_folder(root)
    top = list_folder(root)
    inner, problems = _list_inner(top)
    filled = [listing for listing in inner if listing.holds_pictures]
    numbered = [listing for listing in filled if _is_numbered(listing.path)]
    if top.holds_pictures and (not numbered or _is_numbered(root)):
        chosen, said = [top], {root}
    else:
        zero = [listing for listing in filled if _is_below_one(listing.path)]
        problems += [_say_zero(listing.path) for listing in zero]
        chosen = numbered or [listing for listing in filled if listing not in zero]
        problems += _say_unnumbered([one.path for one in filled if one not in chosen and one not in zero], chosen)
        problems += _say_loose(top)
        said = {root, *(listing.path for listing in filled)}
    if not chosen:
        raise _nothing_found(root, filled)
    problems += _say_deeper(root, said, elsewhere)
    folders = tuple(_as_folder(listing.path, default_repeats, regularisation, problems) for listing in chosen)
    return folders, tuple(chosen), tuple(problems)


def _is_numbered(path: Path) -> bool:
    number = read_folder_name(path.name).number
    return number is not None and number >= 1


def _is_below_one(path: Path) -> bool:
    number = read_folder_name(path.name).number
    return number is not None and number < 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _require_folder(root: Path) -> None:
    # os.path's questions answer "no" to a name too long for the file system, where Path's raise.
    if not os.path.isdir(root):
        if os.path.lexists(root):
            raise DatasetFault(
                "not-a-folder",
                f"{printable(root)} is not a folder.",
                f"Give the folder that holds the pictures, such as {printable(root.parent)}.",
            )
        nearest = next(parent for parent in root.parents if os.path.isdir(parent) or parent == parent.parent)
        exists = f"; what exists of it is {printable(nearest)}" if nearest != nearest.parent else ""
        raise DatasetFault("no-folder", f"There is no folder {printable(root)}.", f"Check the spelling{exists}.")


def _list_inner(top: Listing) -> tuple[list[Listing], list[Problem]]:
    listings: list[Listing] = []
    problems: list[Problem] = []
    for name in top.folders:
        try:
            listings.append(list_folder(top.path / name))
        except DatasetFault as fault:
            problems.append(fault.problem("warning", top.path / name))
    return listings, problems


def _as_folder(path: Path, default_repeats: int, regularisation: bool, problems: list[Problem]) -> Folder:
    name = read_folder_name(path.name)
    shown = printable(path.name)
    if name.number is None:
        message = f"{shown} has no number in front: each picture is seen {counted(default_repeats, 'time')} an epoch."
        fix = f"Nothing need be done; set dataset.repeats, or rename it to {default_repeats}_{shown}, for other tools."
        problems.append(Problem("note", "no-number", path, message, fix))
    elif name.number < 1:
        message = f"{shown}: kohya's trainers skip a folder with {name.number} in front; taken with {default_repeats}."
        problems.append(Problem("warning", "number-below-one", path, message, "Rename it with the repeats you want."))
    elif name.number > MAX_REPEATS:
        raise DatasetFault(
            "too-many-repeats",
            f"{shown}: the number in front means {name.number} repeats of every picture in each epoch.",
            "Rename the folder so that it begins with the repeats, such as 5_name (a date counts as repeats).",
        )
    repeats = name.number if name.number is not None and name.number >= 1 else default_repeats
    return Folder(path, repeats, name.class_tokens, regularisation)


def _say_deeper(root: Path, said: Container[Path], elsewhere: Path | None) -> list[Problem]:
    """Say which folders below hold pictures that are left out: those of which nothing is `said` yet."""
    deeper = [
        listing for listing in _walk(root, skipped=elsewhere) if listing.holds_pictures and listing.path not in said
    ]
    if not deeper:
        return []
    count = sum(name in listing.files for listing in deeper for name in listing.pictures)
    places = ", ".join(printable(listing.path.relative_to(root)) for listing in deeper[:3])
    more = f" and {counted(len(deeper) - 3, 'more folder')}" if len(deeper) > 3 else ""
    above = deeper[0].path.parent if read_folder_name(deeper[0].path.name).number is not None else deeper[0].path
    return [
        Problem(
            "warning",
            "nested-folder",
            deeper[0].path,
            f"{counted(count, 'picture')} further down {'is' if count == 1 else 'are'} left out: "
            f"{places}{more} (folders inside a picture folder are not searched).",
            "Lay the folders side by side and give the one above them"
            + (f", or give {printable(above)}." if above != root else "."),
        )
    ]


def _say_zero(path: Path) -> Problem:
    return Problem(
        "warning",
        "number-below-one",
        path,
        f"{printable(path.name)} is left out: its number of repeats is below 1.",
        "Rename it, such as to 1_name, if it is meant to be trained.",
    )


def _say_unnumbered(paths: Sequence[Path], chosen: Sequence[Listing]) -> list[Problem]:
    return [
        Problem(
            "warning",
            "no-number-left-out",
            path,
            f"{printable(path.name)} is left out: it has no number in front as {name_some([chosen[0].path])} has.",
            f"Rename it, such as to 1_{printable(path.name)}, if it is meant to be trained.",
        )
        for path in paths
    ]


def _say_loose(top: Listing) -> list[Problem]:
    loose = [top.path / name for name in top.pictures if name in top.files]
    if not loose:
        return []
    count = counted(len(loose), "picture")
    message = f"{count} beside the numbered folders {'is' if len(loose) == 1 else 'are'} left out: {name_some(loose)}."
    return [Problem("warning", "loose-images", top.path, message, "Move them into one of the folders.")]


def _nothing_found(root: Path, skipped: Sequence[Listing]) -> DatasetFault:
    if skipped:
        paths = [listing.path for listing in skipped]
        message = f"Every picture below {printable(root)} is in a folder whose number is below 1: {name_some(paths)}."
        return DatasetFault(
            "no-images", message, "Rename the folder so that it begins with the repeats, such as 5_name."
        )
    right = search_deeper(root)
    if not right:
        extensions = ", ".join(sorted(extension[1:] for extension in image_extensions()))
        return DatasetFault(
            "no-images",
            f"There are no pictures in {printable(root)} nor in the folders below it.",
            f"Give the folder that holds the pictures ({extensions}) and their captions.",
        )
    shown = " or ".join(printable(path) for path in right[:3])
    return DatasetFault(
        "wrong-level",
        f"{printable(root)} is too high up: the pictures lie further down.",
        f"Give {shown} instead.",
    )


def search_deeper(root: Path) -> list[Path]:
    """The folders to give instead of `root`, breadth first and bounded: above numbered folders, else the one itself."""
    right: dict[Path, None] = {}
    for listing in _walk(root, into_filled=False):
        if listing.holds_pictures:
            path = listing.path
            right[path.parent if read_folder_name(path.name).number is not None else path] = None
    return list(right)


def _walk(root: Path, into_filled: bool = True, skipped: Path | None = None) -> Iterator[Listing]:
    """The folders from `root` down, breadth first and bounded, each once even where links lead in circles."""
    waiting = deque([(root, 0)])
    seen = {os.path.realpath(skipped)} if skipped is not None else set()
    while waiting and len(seen) < _SEARCH_FOLDERS:
        path, depth = waiting.popleft()
        if (real := os.path.realpath(path)) in seen:
            continue
        seen.add(real)
        try:
            listing = list_folder(path)
        except DatasetFault:
            continue
        yield listing
        if depth < _SEARCH_DEPTH and (into_filled or not listing.holds_pictures):
            waiting.extend((path / name, depth + 1) for name in listing.folders)
