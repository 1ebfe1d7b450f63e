"""Resume checkpoints: everything that a training needs to go on exactly, published whole or not at all.

A state is a directory `step-00000120` with `tensors.safetensors` (masters, optimizer) and `state.json` (position,
losses, adjustments, checksum of the tensors). It is written beside, synced to the disk and renamed. The last two are
kept, and a damaged one is passed over for the one before.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from loratui.training.adjustments import Adjustments

FORMAT = 1
KEPT = 2
# More than any UNet has: how a state says "all" that was written before levels were checkpointed one by one.
_ALL_LEVELS = 99
_TENSORS, _FACTS = "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class TrainingState:
    """A training between two steps.

    Attributes:
        step: Updates taken.
        ended_epochs: Epochs whose validation and file are done too.
        tensors: Masters and optimizer state, on the CPU.
        scalars: What else `TrainingStep` keeps: the loss scale.
        losses: Loss of every step taken.
        adjustments: What trouble changed.
        epoch_files: Saved file of each epoch, by number.
        conditions: Build, processes and threads, which exact equality depends on.
    """

    step: int
    ended_epochs: int
    tensors: dict[str, torch.Tensor]
    scalars: dict[str, float]
    losses: list[float]
    adjustments: Adjustments
    epoch_files: dict[int, str] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedState:
    """A published state: where it is, how large, and how long it took to write."""

    path: Path
    bytes: int
    seconds: float


def save_state(directory: Path, state: TrainingState) -> SavedState:
    """Publish `state` in `directory` and remove all but the last two.

    Raises:
        OSError: It could not be written; what was there before is untouched.
    """
    began = time.monotonic()
    content = save({name: tensor.contiguous() for name, tensor in state.tensors.items()})
    facts = {key: value for key, value in vars(state).items() if key != "tensors"}
    facts |= {"format": FORMAT, "adjustments": asdict(state.adjustments)}
    facts["tensors_sha256"] = hashlib.sha256(content).hexdigest()
    facts = json.loads(json.dumps(facts))  # keys as text, as they will be read
    target = directory / f"step-{state.step:08d}"
    directory.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=directory, prefix=".draft-"))
    try:
        _write_synced(draft / _TENSORS, content)
        _write_synced(draft / _FACTS, _sealed(facts))
        _sync(draft)
        if target.exists():  # after a rollback the same step is reached again
            target.rename(Path(tempfile.mkdtemp(dir=directory, prefix=".old-")) / "state")
        draft.rename(target)
        _sync(directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _tidy(directory, state.step)
    return SavedState(target, len(content), time.monotonic() - began)


def load_newest_state(directory: Path) -> tuple[TrainingState | None, list[Path]]:
    """Return the newest state that is whole, and the damaged ones that were passed over."""
    damaged: list[Path] = []
    for path in sorted(_states(directory), reverse=True):
        state = _load(path)
        if state is not None:
            return state, damaged
        damaged.append(path)
    return None, damaged


def newest_step(directory: Path) -> int:
    """Return the step of the newest state by its name alone, 0 when there is none."""
    return max((int(path.name.removeprefix("step-")) for path in _states(directory)), default=0)


def _load(path: Path) -> TrainingState | None:
    try:
        facts = json.loads((path / _FACTS).read_bytes())
        seal = facts.pop("seal")
        content = (path / _TENSORS).read_bytes()
        if seal != _seal(facts) or hashlib.sha256(content).hexdigest() != facts.pop("tensors_sha256"):
            return None
        if facts.pop("format") != FORMAT:
            return None
        changed = facts.pop("adjustments")
        if changed.pop("gradient_checkpointing", False):
            changed["checkpointed_levels"] = _ALL_LEVELS
        adjustments = Adjustments(**changed)
        epoch_files = {int(epoch): file for epoch, file in facts.pop("epoch_files").items()}
        return TrainingState(tensors=load(content), adjustments=adjustments, epoch_files=epoch_files, **facts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None


def _states(directory: Path) -> Iterator[Path]:
    return (path for path in directory.glob("step-[0-9]*") if path.is_dir())


def _tidy(directory: Path, newest: int) -> None:
    """Remove drafts, all but the last two states, and states of steps that a rollback took back."""
    states = sorted(_states(directory))
    later = [path for path in states if path.name > f"step-{newest:08d}"]
    current = [path for path in states if path not in later]
    for path in [*later, *current[:-KEPT], *directory.glob(".draft-*"), *directory.glob(".old-*")]:
        shutil.rmtree(path, ignore_errors=True)


def _sealed(facts: dict[str, Any]) -> bytes:
    return json.dumps({**facts, "seal": _seal(facts)}).encode()


def _seal(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _write_synced(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
