"""Taking another base: with it goes the resolution that it was made for, unless a person chose one of their own.

The same on every screen where a base is chosen. What is read from the disk is read in a thread, before the change.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from loratui.errors import LoratuiError
from loratui.hub.cache import cached
from loratui.hub.checkpoint import native_resolution
from loratui.hub.kinds import usual_resolution
from loratui.hub.known import remembered
from loratui.hub.models import locate
from loratui.profile.schema import Dataset
from loratui.tui.background import OneAtATime
from loratui.tui.session import Session

_SECONDS_OF_PATIENCE = 1.0


@dataclass(frozen=True)
class Natives:
    """The resolutions that two bases were made for; None where that is not known.

    Attributes:
        new: Of the base that is taken.
        old: Of the one before.
        complaint: Why the new one's name means nothing; "" where it may mean something.
    """

    new: int | None
    old: int | None
    complaint: str = ""


def read_natives(new: str, old: str) -> Natives:
    """Read from the disk what the bases were made for, or what the hub told of their family; may take a while."""
    return Natives(_native(new), _native(old), _complaint(new))


async def find_natives(disk: OneAtATime, new: str, old: str) -> Natives:
    """What `read_natives` says, asked in a thread; nothing is known where the disk does not answer soon."""
    try:
        return await asyncio.wait_for(disk.ask(partial(read_natives, new, old), new), _SECONDS_OF_PATIENCE)
    except TimeoutError:
        return Natives(None, None)


async def take_base(session: Session, base: str, disk: OneAtATime) -> tuple[str, str] | None:
    """`choose_base` with what the disk says of both bases; None where another profile was opened meanwhile.

    A name that means nothing is refused.
    """
    name, before = session.name, session.profile.model.base
    natives = await find_natives(disk, base, before)
    if name != session.name:
        return None
    return (natives.complaint, "") if natives.complaint else choose_base(session, base, natives)


def choose_base(session: Session, base: str, natives: Natives) -> tuple[str, str]:
    """Make `base` the profile's; returns what is wrong with it, and what else was changed, as the end of a sentence.

    Args:
        session: Has the profile.
        base: As a profile names it.
        natives: What `read_natives` says of it and of the profile's base.
    """
    changes: dict[str, Any] = {"model.base": base}
    dataset, usual = session.profile.dataset, Dataset().resolution
    native = natives.new or usual
    remark = ""
    if native != dataset.resolution and dataset.resolution in (usual, natives.old):
        changes |= {f"dataset.{key}": value for key, value in _sides(native).items()}
        remark = f"; pictures are trained at its {native} × {native}"
    return session.change_many(changes), remark


def _sides(resolution: int) -> dict[str, int]:
    """The resolution and what its buckets need: 256 to 1024 in steps of 64 at 512, finer only below that."""
    return {
        "resolution": resolution,
        "min_bucket_reso": min(256, resolution // 16 * 8),
        "max_bucket_reso": 2 * resolution,
        "bucket_reso_steps": min(64, max(8, resolution // 64 * 8)),
    }


def _complaint(base: str) -> str:
    try:
        locate(base)
    except LoratuiError as error:
        return " ".join(str(error).split())
    return ""


def _native(base: str) -> int | None:
    try:
        location = locate(base)
        path = location.path or cached(location)
        if path is not None:
            return native_resolution(path)
        known = remembered(location)
        return usual_resolution(known.family.name) if known is not None else None
    except (LoratuiError, OSError):
        return None
