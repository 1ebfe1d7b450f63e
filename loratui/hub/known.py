"""What the hub said last of a base, kept on disk: so that its size, family and terms are known before asking again.

A convenience: nothing depends on it, and what cannot be read is as good as never asked.
"""

import contextlib
import hashlib
import json
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from loratui.hub.family import Family
from loratui.hub.location import BaseLocation
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
    path = _path(location)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        draft.write_text(json.dumps(asdict(known)), encoding="utf-8")
        draft.replace(path)


def remembered(location: BaseLocation) -> Known | None:
    """What was kept; None where the hub was never asked."""
    try:
        values = json.loads(_path(location).read_text(encoding="utf-8"))
        family = Family(**values.pop("family"))
        known = Known(family=family, **values)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return known if isinstance(known.size, int) else None


def _path(location: BaseLocation) -> Path:
    return data_directory() / "hub" / f"{file_stem(location)}.json"
