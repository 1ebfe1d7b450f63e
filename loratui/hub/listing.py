"""What a repository on the hub holds and on which terms: one question to the hub, answered as a value.

The first of all questions, because it is small and fails at once. Decides nothing about what is wanted of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from huggingface_hub import HfApi

from loratui.hub.asking import SECONDS_TO_ANSWER
from loratui.hub.cache import repository_folder, snapshot
from loratui.hub.location import BaseLocation
from loratui.hub.refusals import no_such_file
from loratui.hub.repository import is_complete, wanted_files

Gate = Literal["", "auto", "manual"]


@dataclass(frozen=True)
class Listing:
    """A revision of a repository.

    Attributes:
        commit: What the revision names now.
        sizes: Bytes by file name.
        blobs: The name that the cache gives to a file's content, by file name, where the hub tells it.
        gate: "" for an open one; "auto" when accepting the conditions suffices, "manual" when the owner decides.
        licence: As the model's card names it; "" where it does not.
    """

    commit: str
    sizes: Mapping[str, int]
    blobs: Mapping[str, str]
    gate: Gate
    private: bool
    licence: str


def list_repository(location: BaseLocation) -> Listing:
    """Ask the hub.

    Raises:
        Exception: whatever the library and the network raise.
    """
    info = HfApi().model_info(
        location.repo_id, revision=location.revision, files_metadata=True, timeout=SECONDS_TO_ANSWER
    )
    files = info.siblings or ()
    blobs = {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id or "" for file in files}
    return Listing(
        commit=info.sha or location.revision,
        sizes={file.rfilename: file.size or 0 for file in files},
        blobs=blobs,
        gate=_gate(info.gated),
        private=bool(info.private),
        licence=_licence(info),
    )


def wanted_sizes(location: BaseLocation, listing: Listing) -> dict[str, int]:
    """The files of which the base is made, with their sizes.

    Raises:
        BaseModelError: it is no base, or the file is not there.
    """
    if location.filename and location.filename not in listing.sizes:
        raise no_such_file(location, listing.sizes)
    names = [location.filename] if location.filename else wanted_files(listing.sizes, location.repo_id)
    return {name: listing.sizes[name] for name in names}


def lacking_sizes(location: BaseLocation, listing: Listing) -> dict[str, int]:
    """Those of `wanted_sizes` that are not in the cache.

    Raises:
        BaseModelError: as `wanted_sizes`.
    """
    there = snapshot(location.repo_id, listing.commit)
    if not location.filename and there is not None and is_complete(there):
        return {}
    blobs = repository_folder(location.repo_id) / "blobs"

    def is_here(name: str) -> bool:
        if there is not None and (there / name).exists():
            return True
        return bool(listing.blobs[name]) and (blobs / listing.blobs[name]).exists()

    return {name: size for name, size in wanted_sizes(location, listing).items() if not is_here(name)}


def _gate(told: Any) -> Gate:
    if told in ("auto", "manual"):
        return "auto" if told == "auto" else "manual"
    return "auto" if told else ""


def _licence(info: Any) -> str:
    card = info.card_data.to_dict() if info.card_data is not None else {}
    for key in ("license_name", "license"):
        if isinstance(card.get(key), str):
            return str(card[key])
    tags = info.tags or ()
    return next((str(tag).removeprefix("license:") for tag in tags if str(tag).startswith("license:")), "")
