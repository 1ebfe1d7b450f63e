"""Taking another base: with it goes the resolution that it was made for, unless a person chose one of their own."""

from pathlib import Path
from typing import Any

from loratui.errors import LoratuiError
from loratui.hub.family import native_resolution
from loratui.hub.presence import presence
from loratui.profile.schema import Dataset
from loratui.tui.session import Session


def choose_base(session: Session, base: str) -> tuple[str, str]:
    """Make `base` the profile's; returns what is wrong with it, and what else was changed."""
    changes: dict[str, Any] = {"model.base": base}
    dataset, usual = session.profile.dataset, Dataset().resolution
    native, before = _native(base) or usual, _native(session.profile.model.base)
    remark = ""
    if native != dataset.resolution and dataset.resolution in (usual, before):
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


def _native(base: str) -> int | None:
    try:
        path: Path | None = presence(base).path
    except LoratuiError:
        return None
    return native_resolution(path) if path is not None else None
