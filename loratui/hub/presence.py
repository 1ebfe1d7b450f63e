"""Whether a base is on this computer, and what is known of it; asks the disk, never the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.hub.cache import cached, partial_bytes
from loratui.hub.checkpoint import native_resolution
from loratui.hub.family import family_of
from loratui.hub.kinds import UNKNOWN, Family, usual_resolution
from loratui.hub.known import remembered
from loratui.hub.location import RETIRED, BaseLocation
from loratui.hub.models import locate
from loratui.safe_text import printable

if TYPE_CHECKING:
    from loratui.profile.schema import Model


@dataclass(frozen=True)
class Presence:
    """A base as it lies here.

    Attributes:
        location: What its name means.
        here: Whether all of it is on this computer.
        path: Where it is, when it is here.
        bytes_to_fetch: What a download would bring; 0 when it is here, None while the hub was never asked.
        size: Of all of it, in bytes; None while the hub was never asked.
        family: "SD 1.x" and the like; "unknown" while nothing of it is here and the hub was never asked.
        note: Why it cannot be trained on, or what else a person should know; "" for nothing.
        is_usable: False when it is known that it cannot be trained on.
        needs_config: It can be, once model.config names a diffusers folder of its kind.
        needs_vae: It can be, once model.vae names a VAE.
    """

    location: BaseLocation
    here: bool
    path: Path | None
    bytes_to_fetch: int | None
    size: int | None
    family: str
    note: str
    is_usable: bool = True
    needs_config: bool = False
    needs_vae: bool = False

    def suits(self, model: "Model") -> bool:
        """Whether it can be trained with the other settings of `model`, as far as is known."""
        if not self.is_usable:
            return False
        return bool(model.config or not self.needs_config) and bool(model.vae or not self.needs_vae)


def presence(base: str) -> Presence:
    """Look for a base.

    Raises:
        BaseModelError: as `locate`: the name means nothing, or names a path where nothing usable lies.
    """
    location = locate(base)
    path = location.path or cached(location)
    if path is not None:
        return _present(location, path, family_of(path))
    known = remembered(location)
    if known is None:
        moved = RETIRED.get(location.repo_id)
        name = location.repo_id
        note = f"{name} was taken off the hub; the same model is maintained as {moved}." if moved else ""
        return Presence(location, False, None, None, None, UNKNOWN.name, note, is_usable=not moved)
    to_fetch = max(0, known.size - partial_bytes(location.repo_id))
    return _told(location, known.family, None, to_fetch, known.size)


def native_side(found: Presence) -> int | None:
    """The side in pixels that a base was made for: by its files where they are here, else by its family."""
    return usual_resolution(found.family) if found.path is None else native_resolution(found.path)


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files below a directory, links followed."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


def _present(location: BaseLocation, path: Path, family: Family) -> Presence:
    return _told(location, family, path, 0, size_on_disk(path))


def _told(location: BaseLocation, family: Family, path: Path | None, to_fetch: int, size: int) -> Presence:
    return Presence(
        location,
        path is not None,
        path,
        to_fetch,
        size,
        family.name,
        family.about(printable(location.name)),
        family.is_usable,
        family.needs_config,
        family.needs_vae,
    )
