"""Where the Hugging Face cache keeps what of a repository; reads its folders, asks nobody.

Knows the cache's documented layout (`models--owner--name/{blobs,refs,snapshots}`), nothing of networks.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from loratui.hub.location import BaseLocation
from loratui.hub.repository import is_complete

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FOLDER = re.compile(r"models--([^/]+?)--([^/]+)")
# What a download of ours keeps of a large file until it is complete; the library's own name would be removed by it.
PARTIAL_ENDING = ".loratui.incomplete"


def cache_directory() -> Path:
    """The hub's cache, wherever HF_HOME and its kin put it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository_folder(repo_id: str) -> Path:
    """Where the cache keeps, or would keep, a model repository."""
    return cache_directory() / f"models--{repo_id.replace('/', '--')}"


def snapshot(repo_id: str, revision: str = "main") -> Path | None:
    """The folder that holds the cached files of a revision, complete or not; None when there is none."""
    folder = repository_folder(repo_id)
    commit = revision
    if not _COMMIT.fullmatch(revision):
        try:
            commit = (folder / "refs" / revision).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
    found = folder / "snapshots" / commit
    return found if commit.isalnum() and found.is_dir() else None


def cached(location: BaseLocation) -> Path | None:
    """The complete copy in the cache, if there is one: the snapshot's directory, or the single file."""
    folder = snapshot(location.repo_id, location.revision)
    if folder is None:
        return None
    if location.filename:
        return folder / location.filename if (folder / location.filename).is_file() else None
    return folder if is_complete(folder) else None


def cached_repositories() -> Iterator[str]:
    """The ids of all model repositories of which the cache holds something, by name."""
    try:
        names = sorted(entry.name for entry in cache_directory().iterdir())
    except OSError:
        return
    for name in names:
        if (found := _FOLDER.fullmatch(name)) is not None:
            yield f"{found[1]}/{found[2]}"


def partial_bytes(repo_id: str) -> int:
    """How much of files that are not complete yet a broken-off download left behind."""
    total = 0
    for path in (repository_folder(repo_id) / "blobs").glob(f"*{PARTIAL_ENDING}"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
