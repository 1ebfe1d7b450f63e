"""All runs at a glance: what has become of each, how far it is, and what it left behind."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.events import read_landmarks
from loratui.runs.history import History, fold
from loratui.runs.lock import worker_pid
from loratui.runs.state import State, run_state


@dataclass(frozen=True)
class RunOverview:
    """One line of the list of runs.

    Attributes:
        pid: The living worker, as the machine that runs it counts; None when none lives.
        steps: Of the whole training; None until a worker has counted them.
        loss: Of the latest step.
        started: When its first worker began, in seconds since 1970; None when none has.
        outputs: LoRA files and grids that are there.
    """

    name: str
    state: State
    pid: int | None
    step: int
    steps: int | None
    loss: float | None
    started: float | None
    directory: str
    outputs: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The object of `loratui runs --json`."""
        return asdict(self)


def overview(run: RunDirectory) -> RunOverview:
    """What has become of one run."""
    pid = worker_pid(run)
    history = fold(read_landmarks(run.events_path))
    return RunOverview(
        name=run.name,
        state=run_state(run),
        pid=pid,
        step=history.step,
        steps=history.steps or None,
        loss=history.last_loss,
        started=history.started,
        directory=str(run.path),
        outputs=tuple(outputs(history)),
    )


def overviews(root: Path) -> Iterator[RunOverview]:
    """All runs below `root`, the newest first; one whose files may not be read is left out."""
    for run in list_runs(root):
        try:
            seen = overview(run)
        except OSError:
            continue
        yield seen


def outputs(history: History) -> list[str]:
    """LoRA files and grids that a run wrote and that are still there; the finished file first."""
    ends = [end for end in (history.end, history.comparison_end) if end is not None]
    named = [str(end[key]) for end in ends for key in ("lora", "grid") if end.get(key)]
    return [file for file in dict.fromkeys([*named, *history.written]) if os.path.isfile(file)]
