"""What is in a dataset: its folders, its pictures with their sizes, and the caption that each is trained with.

Reads names, headers and captions, never pixels; what cannot be used is left out and said. Refuses to judge the whole
(see `checks`).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.dataset.captions import read_caption_file, with_trigger
from loratui.dataset.folders import Folder, Listing, find_folders
from loratui.dataset.images import read_header
from loratui.dataset.problems import DatasetFault, Problem, counted, name_some
from loratui.safe_text import printable

if TYPE_CHECKING:
    from loratui.profile.schema import Dataset

_OTHER_PICTURES = {".gif", ".tif", ".tiff", ".heic", ".heif", ".jxl", ".avif", ".jp2", ".psd", ".jfif"}


@dataclass(frozen=True)
class FoundImage:
    """A picture that seems usable.

    Attributes:
        path: The file.
        folder: The folder that it was found in.
        width: In pixels, after its EXIF orientation.
        height: In pixels.
        caption: What it is trained with: caption file, else class tokens; with the trigger in front.
        caption_path: The caption file, or None when there is none.
    """

    path: Path
    folder: Folder
    width: int
    height: int
    caption: str
    caption_path: Path | None


@dataclass(frozen=True)
class Scan:
    """What was found below `root`; regularisation pictures come after the others."""

    root: Path
    folders: tuple[Folder, ...]
    images: tuple[FoundImage, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Caption:
    text: str
    path: Path | None


def scan(section: "Dataset") -> Scan:
    """Look through the folders that a profile's `dataset` section names.

    Raises:
        DatasetFault: When there is nothing to look through: "no-path", or as `find_folders`.
    """
    if not section.path.strip():
        raise DatasetFault(
            "no-path", "No picture folder is given.", "Set dataset.path to the folder with the pictures."
        )
    root = _absolute(section.path)
    others = _absolute(section.regularisation_path) if section.regularisation_path.strip() else None
    folders, listings, problems = find_folders(root, section.repeats, elsewhere=others)
    found = list(problems)
    if others is not None:
        more = find_folders(others, section.repeats, regularisation=True, elsewhere=root)
        folders, listings = folders + more[0], listings + more[1]
        found += more[2]
    images: list[FoundImage] = []
    for folder, listing in zip(folders, listings, strict=True):
        images += _scan_folder(folder, listing, section, found)
    return Scan(root, folders, tuple(images), tuple(found))


def scan_caption_again(found: Scan, section: "Dataset", path: Path) -> Scan:
    """`found` with what the caption file `path` says now; whether it was changed, made or taken away.

    Args:
        found: An earlier scan of `section`.
        section: The same settings as then.
        path: The caption file, in one of the folders.
    """
    stem = os.path.splitext(path.name)[0]
    here = {image.path: image for image in found.images if _is_of(image.path, path.parent, stem)}
    if not here:
        return found
    folder = next(iter(here.values())).folder
    problems = [problem for problem in found.problems if problem.path != path]
    # Only this name is looked for: listing the folder would take as long as all its captions did.
    extensions = _caption_extensions(section.caption_extension)
    names = {path.name, *(stem + extension for extension in extensions)}
    there = frozenset(name for name in names if os.path.lexists(folder.path / name))
    by_stem = _caption_files(Listing(folder.path, (), (), there), extensions)
    caption = _caption_of(folder.path, stem, by_stem, fallback_caption(folder, section.trigger), problems)
    text = caption.text if folder.regularisation else with_trigger(caption.text, section.trigger)
    images = (
        replace(image, caption=text, caption_path=caption.path) if image.path in here else image
        for image in found.images
    )
    return replace(found, images=tuple(images), problems=tuple(problems))


def fallback_caption(folder: Folder, trigger: str) -> str:
    """The caption of a picture that has none: class tokens, with the trigger unless it is for regularisation."""
    return folder.class_tokens if folder.regularisation else with_trigger(folder.class_tokens, trigger)


def _is_of(picture: Path, folder: Path, stem: str) -> bool:
    return os.path.splitext(picture.name)[0] == stem and picture.parent == folder


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))  # Path.expanduser fails where nobody has that name


def _scan_folder(folder: Folder, listing: Listing, section: "Dataset", problems: list[Problem]) -> list[FoundImage]:
    fallback = fallback_caption(folder, section.trigger)
    extensions = _caption_extensions(section.caption_extension)
    by_stem = _caption_files(listing, extensions)
    problems += _say_other_pictures(listing) + _say_shared_stems(listing, by_stem)
    problems += _say_captions_alone(listing, by_stem)
    images: list[FoundImage] = []
    for name in listing.pictures:
        path = folder.path / name
        if printable(name) != name:
            problems.append(_say_control_characters(path, f"the name of {printable(name)}", "Rename the file."))
        try:
            header = read_header(path)
        except DatasetFault as fault:
            problems.append(fault.problem("warning", path))
            continue
        if header.animated:
            problems.append(_say_animated(path))
        caption = _caption_of(folder.path, os.path.splitext(name)[0], by_stem, fallback, problems)
        text = caption.text if folder.regularisation else with_trigger(caption.text, section.trigger)
        images.append(FoundImage(path, folder, header.width, header.height, text, caption.path))
    return images


def _caption_extensions(preferred: str) -> tuple[str, ...]:
    first = preferred.strip().lower()
    first = first if first.startswith(".") else f".{first}"
    return tuple(dict.fromkeys([first, ".txt", ".caption"]))


def _caption_files(listing: Listing, extensions: Sequence[str]) -> Mapping[str, str]:
    """For each stem the name of its caption file: the first of `extensions` that is there, in upper or lower case."""
    best: dict[str, tuple[int, str]] = {}
    for name in sorted((*listing.files, *listing.folders)):
        stem, extension = os.path.splitext(name)
        if extension.lower() in extensions:
            rank = (extensions.index(extension.lower()), name)
            best[stem] = min(best.get(stem, rank), rank)
    return {stem: name for stem, (_, name) in best.items()}


def _caption_of(
    folder: Path, stem: str, by_stem: Mapping[str, str], fallback: str, problems: list[Problem]
) -> _Caption:
    if stem not in by_stem:
        return _Caption(fallback, None)
    path = folder / by_stem[stem]
    try:
        caption = read_caption_file(path)
    except DatasetFault as fault:
        problems.append(fault.problem("stop", path))
        return _Caption(fallback, path)
    shown = printable(path.name)
    if caption.further_lines:
        message = f"{shown}: only the first line is the caption; the further lines are not used."
        problems.append(Problem("note", "further-lines", path, message, "Put everything into one line."))
    if not caption.text:
        message = f"{shown}: the caption is empty; {_instead(fallback)}."
        problems.append(Problem("warning", "empty-caption", path, message, "Write what the picture shows into it."))
        return _Caption(fallback, path)
    # A tab is a control character too, but an innocent one.
    if printable(plain := caption.text.replace("\t", " ")) != plain:
        fix = "They are trained as they stand, but never shown so: delete them in an editor."
        problems.append(_say_control_characters(path, f"the caption in {shown}", fix))
    return _Caption(caption.text, path)


def _instead(fallback: str) -> str:
    return f"“{printable(fallback)}” is used" if fallback else "the picture is trained without one"


def _say_control_characters(path: Path, where: str, fix: str) -> Problem:
    return Problem("warning", "control-characters", path, f"There are control characters in {where}.", fix)


def _say_animated(path: Path) -> Problem:
    message = f"{printable(path.name)}: the picture moves; its first frame is used."
    return Problem("warning", "animated-image", path, message, "Save the frame you want as a PNG.")


def _say_other_pictures(listing: Listing) -> list[Problem]:
    taken = set(listing.pictures)
    others = [
        listing.path / name
        for name in sorted(listing.files - taken)
        if os.path.splitext(name)[1].lower() in _OTHER_PICTURES
    ]
    if not others:
        return []
    message = f"Pictures in a format that is not trained are left out: {name_some(others)}."
    return [Problem("warning", "unsupported-format", listing.path, message, "Save them as PNG.")]


def _say_captions_alone(listing: Listing, captions: Mapping[str, str]) -> list[Problem]:
    """A caption whose picture is called otherwise is a slip of the keyboard, and its picture goes without."""
    files = {os.path.splitext(name)[0] for name in listing.files - set(captions.values())}
    alone = [listing.path / captions[stem] for stem in sorted(set(captions) - files)]
    if not alone:
        return []
    message = f"{counted(len(alone), 'caption')} {'has' if len(alone) == 1 else 'have'} no picture: {name_some(alone)}."
    fix = "Give it the picture's name, or take it away." if len(alone) == 1 else "Give them their pictures' names."
    return [Problem("note", "caption-without-picture", alone[0], message, fix)]


def _say_shared_stems(listing: Listing, captions: Mapping[str, str]) -> list[Problem]:
    groups: dict[str, list[str]] = {}
    for name in listing.pictures:
        groups.setdefault(os.path.splitext(name)[0], []).append(name)
    return [
        Problem(
            "warning",
            "same-stem",
            listing.path / names[0],
            f"{' and '.join(map(printable, names))} share "
            + (f"the caption {printable(captions[stem])}." if stem in captions else "a name, so one caption for both."),
            "Rename one of them, with a caption of its own, or take it away.",
        )
        for stem, names in groups.items()
        if len(names) > 1
    ]
