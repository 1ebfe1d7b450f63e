"""The bases that this computer has already: in the Hugging Face cache, and in the folders of A1111, Forge and ComfyUI.

Looks in the usual places only and reads no more than each file's table of contents. Asks no network.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from loratui.errors import BaseModelError
from loratui.hub.cache import cached_repositories, snapshot
from loratui.hub.family import family_of
from loratui.hub.kinds import Family
from loratui.hub.models import locate
from loratui.hub.presence import size_on_disk
from loratui.hub.repository import is_complete

_CHECKPOINT_FOLDERS = ("models/Stable-diffusion", "models/checkpoints")
# Where people put what they clone; below them the tools are looked for by their folders.
_USUAL_PARENTS = (".", "ai", "AI", "apps", "git", "sd", "SD", "src", "stable-diffusion", "tools", "Documents")
_SHARED_PARENTS = ("/opt", "/workspace", "/srv")
_MOST_ENTRIES = 400
_MOST_FILES = 300
_DEPTH = 3


@dataclass(frozen=True)
class FoundBase:
    """A base on this computer.

    Attributes:
        base: What a profile names it by.
        name: For people: the hub id, or the file's path below its folder.
        place: Where it was found: "cache", "Forge", "ComfyUI", "A1111".
        path: The directory or file.
        size: In bytes.
        family: Its family.
    """

    base: str
    name: str
    place: str
    path: Path
    size: int
    family: Family


def bases_on_disk(install_to: Iterable[str] = (), home: Path | None = None) -> list[FoundBase]:
    """All bases that are found, those of the cache first; the same file is named once.

    Args:
        install_to: Folders of other programs that a profile names; those programs' checkpoints are looked at too.
        home: The person's home.
    """
    found: list[FoundBase] = []
    seen: set[Path] = set()
    for base in (*_in_cache(), *_in_tools(install_to, home or Path.home())):
        real = base.path.resolve()
        if real not in seen and not base.family.is_part:
            seen.add(real)
            found.append(base)
    return found


def _in_cache() -> Iterator[FoundBase]:
    for repo_id in cached_repositories():
        folder = snapshot(repo_id)
        if folder is None:
            continue
        if (folder / "model_index.json").is_file():
            if is_complete(folder):
                yield FoundBase(repo_id, repo_id, "cache", folder, size_on_disk(folder), family_of(folder))
            continue
        for file in _checkpoints(folder):
            name = f"{repo_id}/{file.relative_to(folder).as_posix()}"
            if (base := _file(file, name, "cache")) is not None and base.family.is_usable:
                yield FoundBase(name, name, "cache", file, base.size, base.family)


def _in_tools(install_to: Iterable[str], home: Path) -> Iterator[FoundBase]:
    for folder in _tool_folders(install_to, home):
        place = _tool(folder)
        for file in _checkpoints(folder):
            if (base := _file(file, file.relative_to(folder).as_posix(), place)) is not None:
                yield base


def _tool_folders(install_to: Iterable[str], home: Path) -> list[Path]:
    """Folders with checkpoints, each once."""
    roots: list[Path] = []
    for text in install_to:
        path = Path(text).expanduser() if text.startswith("/") else home / text.removeprefix("~/")
        roots += [path, *list(path.parents)[:3]]
    for parent in (*(home / name for name in _USUAL_PARENTS), *map(Path, _SHARED_PARENTS)):
        try:
            with os.scandir(parent) as entries:
                roots += [Path(entry.path) for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False)]
        except OSError:
            continue
    folders = [root / name for root in roots for name in _CHECKPOINT_FOLDERS]
    return list({folder.resolve(): folder for folder in folders if _is_directory(folder)}.values())


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _tool(folder: Path) -> str:
    name = folder.parent.parent.name.lower()
    if "forge" in name:
        return "Forge"
    return "ComfyUI" if folder.name == "checkpoints" else "A1111"


def _checkpoints(folder: Path) -> list[Path]:
    """The .safetensors files below `folder`, by name, not deeper than people sort them."""
    found: list[Path] = []
    for directory, folders, files in os.walk(folder):
        depth = len(Path(directory).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _DEPTH else []
        found += [Path(directory) / name for name in sorted(files) if name.lower().endswith(".safetensors")]
        if len(found) > _MOST_FILES:
            break
    return found[:_MOST_FILES]


def _file(path: Path, name: str, place: str) -> FoundBase | None:
    try:
        locate(str(path))  # refuses what is no safetensors file at all
        told = path.stat()
    except (BaseModelError, OSError):
        return None
    return FoundBase(str(path), name, place, path, told.st_size, _family(path, told.st_size, told.st_mtime_ns))


@cache
def _family(path: Path, size: int, changed: int) -> Family:
    """A file's family, read once for as long as the file stays the same."""
    return family_of(path)
