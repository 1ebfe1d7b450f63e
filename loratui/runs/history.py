"""What is known of a run by its events, folded into one object: the whole loss curve, files, trouble and endings.

Every event carries its attempt. After a kill some steps are taken again; for a step the latest attempt counts. The
same goes for a worker that went back to an earlier state by itself: what it takes again replaces what it took.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from loratui.runs.directory import Task
from loratui.runs.events import Event

ENDS = ("finished", "failed", "stopped", "interrupted")
Phase = Literal["starting", "training", "finishing"]


@dataclass
class History:
    """The figures of a run, learnt from its events one by one by `take`.

    Attributes:
        attempt: The latest start of a worker; `task` is what it does.
        losses, rates: Training loss and learning rate by step, those of the latest attempt.
        validation: Validation loss by epoch; epoch 0 is the bare base.
        end: The last word on the training, None while it has none; `comparison_end` that on a redrawn comparison.
        exited: What the waiter saw of the latest worker's death, where the worker itself had no last word.
        worked: Seconds that all attempts took together.
        phase: What the latest worker is at; the proof of the finished file and what follows is "finishing".
    """

    attempt: int = 0
    attempts: int = 0
    task: Task = "train"
    pid: int | None = None
    started: float | None = None
    steps: int = 0
    step: int = 0
    losses: dict[int, float] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    seconds_per_step: float = 0.0
    validation: dict[int, float] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    previews: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    recovered: list[Event] = field(default_factory=list)
    base: Event | None = None
    training: Event | None = None
    preflight: Event | None = None
    compilation: Event | None = None
    verified: Event | None = None
    state: Event | None = None
    resumed: Event | None = None
    end: Event | None = None
    comparison_end: Event | None = None
    exited: Event | None = None
    worked: float = 0.0
    phase: Phase = "starting"
    _begun: float = 0.0

    def take(self, event: Event) -> None:
        """Learn from an event; one whose fields are missing or odd is passed over."""
        kind, attempt = event["event"], event.get("attempt")
        if attempt != self.attempt and isinstance(attempt, int):
            if attempt < self.attempt:
                return
            self._begin(attempt, event)
        elif kind == "started":
            self._begin(self.attempt, event)
        self._tell_time(event)
        self.phase = _PHASES.get(kind, self.phase)
        if kind == "step":
            self._take_step(event)
        elif kind in ENDS:
            if self.task != "train":
                self.comparison_end = event
            else:
                self.end = event
        elif kind in _LISTS:
            name, key = _LISTS[kind]
            if event.get(key):
                getattr(self, name).append(str(event[key]))
        elif kind in ("base", "preflight", "compilation", "verified", "state", "exited"):
            setattr(self, kind, event)
        elif kind == "started":
            self.pid = _whole(event.get("pid")) or None
        elif kind == "training":
            self.training, self.steps = event, _whole(event.get("steps"))
        elif kind == "validation" and isinstance(loss := event.get("loss"), int | float):
            self.validation[_whole(event.get("epoch"))] = loss
        elif kind == "recovered":
            self.recovered.append(event)
        elif kind == "resumed":
            self.resumed, self.steps = event, _whole(event.get("steps")) or self.steps
            self._go_back(_whole(event.get("step")))

    @property
    def pace(self) -> float:
        """Seconds that a step takes, as the latest one or the trial before the first did; 0 while nothing is known."""
        tried = self.preflight.get("seconds_per_step") if self.preflight else None
        return self.seconds_per_step or (float(tried) if isinstance(tried, int | float) else 0.0)

    @property
    def is_training(self) -> bool:
        """Whether the latest worker takes steps."""
        return self.phase == "training" and not (self.steps and self.step >= self.steps)

    @property
    def last(self) -> Event | None:
        """The last word on the task that the latest attempt does."""
        return self.end if self.task == "train" else self.comparison_end

    @property
    def first_loss(self) -> float | None:
        """Loss of the first step that is known."""
        return next(iter(self.losses.values()), None)

    @property
    def last_loss(self) -> float | None:
        """Loss of the latest step."""
        return self.losses.get(self.step)

    @property
    def saved(self) -> list[str]:
        """The LoRA files that were written and are still there; `training.keep_last` takes older ones away."""
        return [file for file in dict.fromkeys(self.written) if os.path.isfile(file)]

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation loss; 0, before training, does not count."""
        epochs = (epoch for epoch in self.validation if epoch > 0)
        return min(epochs, key=lambda epoch: self.validation[epoch], default=None)

    def _begin(self, attempt: int, event: Event) -> None:
        """A worker was started: what only the one before it said is over."""
        self.attempt, self.attempts = attempt, self.attempts + 1
        task = event.get("task")
        self.task = task if task in ("compare", "try") else "train"
        if self.task == "train":
            self.end = None
        self.comparison_end = self.exited = self.resumed = self.pid = None
        self.phase = "starting"
        self.told.clear()
        self._begun = 0.0

    def _tell_time(self, event: Event) -> None:
        time = event.get("time")
        if isinstance(time, int | float):
            if self.started is None:
                self.started = time
            if self._begun and self.task == "train":
                self.worked += max(0.0, time - self._begun)
            self._begun = time

    def _take_step(self, event: Event) -> None:
        step, loss = event.get("step"), event.get("loss")
        if not isinstance(step, int):
            return
        if step <= self.step:
            self._go_back(step - 1)
        self.step = step
        if isinstance(loss, int | float):
            self.losses[step] = loss
        if isinstance(rate := event.get("lr"), int | float):
            self.rates[step] = rate
        if isinstance(seconds := event.get("seconds"), int | float):
            self.seconds_per_step = seconds

    def _go_back(self, step: int) -> None:
        """Forget what was taken after `step`, since it is taken again."""
        if step < self.step:
            for figures in (self.losses, self.rates):
                for later in [taken for taken in figures if taken > step]:
                    del figures[later]
        self.step = step


# Events that add one of their fields to a list.
_LISTS = {
    "saved": ("written", "file"),
    "installed": ("installed", "file"),
    "preview": ("previews", "file"),
    "warning": ("warnings", "message"),
    "told": ("told", "command"),
}


# Events by which a worker enters another phase.
_PHASES: dict[str, Phase] = {
    "training": "training",
    "step": "training",
    "verified": "finishing",
    "trained": "finishing",
    "drawing": "finishing",
}


def fold(events: Iterable[Event]) -> History:
    """The history that `events` tell."""
    history = History()
    for event in events:
        history.take(event)
    return history


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
