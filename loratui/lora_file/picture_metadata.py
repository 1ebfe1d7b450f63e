"""How a LoRA file tells of its pictures, in kohya's form: folders, how often each tag stands in them, and buckets.

Knows the manifest's pictures; returns plain tables. Of paths only the last part is told.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from loratui.dataset.manifest import ManifestImage


def folders(images: Iterable[ManifestImage]) -> dict[str, dict[str, int]]:
    """Count the pictures of each folder, and tell its repeats."""
    images = list(images)
    names = _folder_names(image.folder for image in images)
    found: dict[str, dict[str, int]] = {}
    for image in images:
        entry = found.setdefault(names[image.folder], {"n_repeats": image.repeats, "img_count": 0})
        entry["img_count"] += 1
    return found


def tag_frequency(images: Iterable[ManifestImage]) -> dict[str, dict[str, int]]:
    """Count tags as kohya does: by folder, in lower case, once per picture and not per repeat."""
    images = list(images)
    trained = _folder_names(image.folder for image in images if not image.regularisation)
    regularising = _folder_names(image.folder for image in images if image.regularisation)
    found: dict[str, Counter[str]] = {}
    for image in images:
        names = regularising if image.regularisation else trained
        found.setdefault(names[image.folder], Counter()).update(tags_of(image.caption))
    return {folder: dict(tags) for folder, tags in found.items()}


def tags_of(caption: str) -> list[str]:
    """Return the comma-separated tags of a caption as kohya counts them: in lower case, empty ones left out."""
    return [tag.strip().lower() for tag in caption.split(",") if tag.strip()]


def _folder_names(folders: Iterable[str]) -> dict[str, str]:
    """Give each folder its last part as a name; a second one of the same name becomes "name (2)", as kohya has it."""
    names: dict[str, str] = {}
    for folder in dict.fromkeys(folders):
        last = as_path(folder).name or "images"
        name, number = last, 1
        while name in names.values():
            number += 1
            name = f"{last} ({number})"
        names[folder] = name
    return names


def bucket_info(images: Iterable[ManifestImage]) -> dict[str, Any]:
    """Count the samples of each bucket and the mean difference of the aspect ratios."""
    images = list(images)
    counts: Counter[tuple[int, int]] = Counter()
    for image in images:
        counts[image.placement.bucket] += image.repeats
    errors = [
        abs(image.placement.bucket[0] / image.placement.bucket[1] - image.width / image.height) for image in images
    ]
    return {
        "buckets": {
            str(number): {"resolution": list(size), "count": counts[size]} for number, size in enumerate(sorted(counts))
        },
        "mean_img_ar_error": sum(errors) / len(errors) if errors else 0,
    }


def as_path(name: str) -> PurePath:
    """Return `name` as a path of the system that it seems to come from; an address ends before `?` or `#`."""
    if "://" in name:  # a pasted address; what follows the file's name may be a key
        name = name.partition("?")[0].partition("#")[0]
    return PureWindowsPath(name) if "\\" in name or name[1:2] == ":" else PurePosixPath(name)
