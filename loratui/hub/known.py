"""What the hub said last of a base, kept on disk: so that its size, family and terms are known before asking again.

A convenience: nothing depends on it, and what cannot be read is as good as never asked.
"""

import hashlib
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from loratui.hub.kinds import Family
from loratui.hub.location import BaseLocation
from loratui.kept_facts import keep_facts, read_facts
from loratui.paths import data_directory


@dataclass(frozen=True)
class Known:
    """What was learnt of a base on the hub.

    Attributes:
        size: Bytes of all the files that make it.
        family: Its family.
        gate: "" for an open one, "auto" or "manual" as the hub calls them.
        licence: As its card names it.
        private: Whether only its owner's friends see it.
    """

    size: int
    family: Family
    gate: str = ""
    licence: str = ""
    private: bool = False


def file_stem(location: BaseLocation) -> str:
    """A file name for what is kept of a base: readable, and no other base's."""
    full = f"{location.repo_id}/{location.filename}@{location.revision}"
    readable = re.sub(r"[^\w.-]+", "_", location.name, flags=re.ASCII)[:80]
    return f"{readable}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def remember(location: BaseLocation, known: Known) -> None:
    """Keep it; on a disk that takes nothing it is forgotten."""
    keep_facts(_path(location), asdict(known))


def remembered(location: BaseLocation) -> Known | None:
    """What was kept; None where the hub was never asked."""
    values = read_facts(_path(location))
    try:
        told = values.pop("family")
        if set(told) != {field.name for field in fields(Family)}:
            return None  # another version wrote it, which knew other families
        known = Known(family=Family(**told), **values)
    except (TypeError, KeyError):
        return None
    return known if isinstance(known.size, int) else None


def _path(location: BaseLocation) -> Path:
    return data_directory() / "hub" / f"{file_stem(location)}.json"
