"""All runs looked at over and over again: a look reads only what has changed since the one before.

For a list that stays on a screen; knows no screen. One thread at a time may look.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.events import EventReader, events_size, read_landmarks
from loratui.runs.finding import output_name
from loratui.runs.history import History, fold
from loratui.runs.lock import is_alive
from loratui.runs.queue import Ticket, tickets
from loratui.runs.state import State, state_of


@dataclass(frozen=True)
class Glance:
    """One run as a line of a list tells it.

    Attributes:
        title: Of the LoRA that it makes.
        origin: The profile it came from, by name or absolute path; "" when nobody wrote it down.
        draws: Whether it works or waits only to draw pictures of what was trained.
        steps: Of the whole training; 0 until a worker has counted them.
        loss: Of the latest step.
        left: Seconds of training that remain, by the pace of now; None when that is not known.
        place: In the queue, 1 for the next; 0 when it does not wait.
        began: Whether a worker was ever started for it.
        ended: When its training had its last word, in seconds since 1970; None when it has none.
        moved: When anything was last written about it.
        lora: Path of the finished file, where it is still there.
    """

    run: RunDirectory
    title: str
    origin: str
    state: State
    draws: bool
    step: int
    steps: int
    loss: float | None
    left: float | None
    place: int
    began: bool
    started: float | None
    ended: float | None
    moved: float
    lora: str

    @property
    def is_busy(self) -> bool:
        """Whether it works or waits."""
        return self.state in ("running", "queued") or self.draws

    @property
    def can_go_on(self) -> bool:
        """Whether a person can have it continued."""
        return self.state in ("interrupted", "stopped", "failed") and not self.draws


@dataclass
class _Known:
    """What was read of a run, when its origin was written, and how long its events were then."""

    origin: str = ""
    named: int = 0
    size: int = -1
    moved: float = 0.0
    history: History = field(default_factory=History)
    reader: EventReader | None = None


class Glances:
    """The runs below a directory.

    Args:
        root: Directory of runs; it need not exist.
        is_there: Says whether a LoRA file is there, which may lie on a disk that does not answer.
    """

    def __init__(self, root: Path, is_there: Callable[[str], bool] = os.path.isfile) -> None:
        self._root = root
        self._is_there = is_there
        self._known: dict[str, _Known] = {}

    def look(self) -> list[Glance]:
        """All runs, the newest first; one that went away meanwhile, or cannot be read, is left out."""
        runs = list_runs(self._root)
        waiting = tickets()
        by_run = {ticket.run.path: ticket for ticket in waiting}
        places = _places(waiting)
        known: dict[str, _Known] = {}
        seen = []
        for run in runs:
            known[run.name] = self._known.get(run.name) or _Known()
            try:
                _read_origin(run, known[run.name])
                seen.append(self._glance(run, known[run.name], by_run.get(run.path.absolute()), places))
            except OSError:
                del known[run.name]
        self._known = known
        return seen

    def _glance(self, run: RunDirectory, known: _Known, ticket: Ticket | None, places: dict[int, int]) -> Glance:
        # The lock is asked first: a worker that ends in between has then written its last event.
        alive = is_alive(run)
        self._read(run, known, alive)
        history = known.history
        state: State = "running" if alive else state_of(history)
        draws = False
        if not alive and ticket is not None:
            draws = ticket.task != "train"
            state = state if draws else "running" if ticket.starting else "queued"
        elif alive and history.task != "train":
            state, draws = state_of(history), True
        end = history.end or {}
        lora = str(end.get("lora") or "")
        return Glance(
            run=run,
            title=output_name(run),
            origin=known.origin,
            state=state,
            draws=draws,
            step=history.step,
            steps=history.steps,
            loss=history.last_loss,
            left=_left(history) if alive and not draws else None,
            place=places.get(ticket.number, 0) if ticket is not None else 0,
            began=history.attempts > 0,
            started=history.started,
            ended=_number(end.get("time")),
            moved=known.moved,
            lora=lora if lora and self._is_there(lora) else "",
        )

    def _read(self, run: RunDirectory, known: _Known, alive: bool) -> None:
        """Learn what is new. Of a run at work each new line is read once; of others only the landmarks."""
        path = run.events_path
        size = events_size(path)
        if size == known.size:
            return
        known.size = size
        known.moved = path.stat().st_mtime if size else run.path.stat().st_mtime
        if known.reader is not None:
            for event in known.reader.read():
                known.history.take(event)
        else:
            known.history = fold(read_landmarks(path))
            known.reader = EventReader(path, size) if alive else None


def _read_origin(run: RunDirectory, known: _Known) -> None:
    """Learn which profile it came from, by another name once that is renamed."""
    try:
        named = run.origin_path.stat().st_mtime_ns
    except FileNotFoundError:
        named = -1
    if named != known.named:
        known.named, known.origin = named, run.read_origin()


def _places(waiting: list[Ticket]) -> dict[int, int]:
    """The place of each ticket's number among those that wait."""
    numbers = [ticket.number for ticket in waiting if not ticket.starting]
    return {number: place for place, number in enumerate(numbers, start=1)}


def _left(history: History) -> float | None:
    if not history.steps or not history.pace:
        return None
    return max(0, history.steps - history.step) * history.pace


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
