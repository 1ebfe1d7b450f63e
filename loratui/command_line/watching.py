"""A worker's events as a person sees them arrive: a progress bar in a terminal, few plain lines elsewhere."""

import time
from typing import Protocol

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from loratui.command_line.replay import say_replay
from loratui.command_line.telling import amount_of, counts_of, event_line, figures_of, phase_of, training_line
from loratui.command_line.terminal import Terminal
from loratui.quantities import duration
from loratui.runs.events import Event
from loratui.runs.history import History

_PLAIN_LINES = 20


class View(Protocol):
    """Something that shows events."""

    def begin(self, history: History, *, resumes: bool = False) -> None:
        """Show what came before the first event, where anything did.

        Args:
            resumes: Another worker begins and will say itself where it goes on.
        """

    def show(self, event: Event) -> None:
        """Show one event."""

    def note(self, text: str) -> None:
        """Show a sentence that is no event."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def view_for(terminal: Terminal) -> View:
    """The view that suits where stdout goes."""
    if terminal.json:
        return SilentView()
    return LiveView(terminal) if terminal.is_live else PlainView(terminal)


class SilentView:
    """Shows nothing: stdout belongs to the JSON object."""

    def begin(self, history: History, *, resumes: bool = False) -> None:
        pass

    def show(self, event: Event) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class PlainView:
    """Lines without control codes, at most one for every twentieth of the steps."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._phase = ""
        self._steps = 0
        self._next_step = 1
        self._validation: object = None
        self._said: frozenset[str] = frozenset()
        self._clock = _StepClock()

    def begin(self, history: History, *, resumes: bool = False) -> None:
        self._said = say_replay(history, self._terminal, position=not resumes)
        self._steps = history.steps
        self._next_step = history.step + 1

    def show(self, event: Event) -> None:
        kind = event["event"]
        if kind == "training":
            self._steps = _count(event, "steps")
            if (line := training_line(event)) not in self._said:
                self._terminal.say(line)
        elif kind == "resumed":
            # What the worker before it still did is done again.
            self._next_step = _count(event, "step") + 1
            self._clock = _StepClock()
            self._terminal.say(event_line(event))
        elif kind == "step":
            self._step(event)
        elif kind == "validation":
            self._validation = event.get("loss")
        elif kind in ("caching", "drawing"):
            self._enter(event)
        elif (line := event_line(event, quiet=True)) and line not in self._said:
            self._terminal.say(line)

    def note(self, text: str) -> None:
        self._terminal.say(text)

    def close(self) -> None:
        pass

    def _enter(self, event: Event) -> None:
        phase = phase_of(event)
        if phase != self._phase:
            self._phase = phase
            self._terminal.say(f"{phase} ({amount_of(event)})")

    def _step(self, event: Event) -> None:
        step = _count(event, "step")
        self._clock.tick(step)
        if step < self._next_step and step != self._steps:
            return
        self._next_step = step - step % (share := max(1, -(-self._steps // _PLAIN_LINES))) + share
        parts = [f"step {step}/{self._steps}", figures_of(event)]
        if isinstance(self._validation, float):
            parts.append(f"validation {self._validation:.4f}")
            self._validation = None
        if remaining := self._clock.remaining(step, self._steps):
            parts.append(f"about {duration(remaining)} left")
        self._terminal.say("  ".join(parts))


class LiveView:
    """One progress bar that moves through the phases, with what stays worth knowing above it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counted]}", markup=False),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(),
            console=terminal.out,
            transient=True,
        )
        self._task: TaskID | None = None
        self._phase = ""
        self._steps = 0
        self._said: frozenset[str] = frozenset()
        self._progress.start()
        self._enter("starting", None)

    def begin(self, history: History, *, resumes: bool = False) -> None:
        self._said = say_replay(history, self._terminal, position=not resumes)
        self._steps = history.steps
        if history.step:
            self._enter("training", self._steps)
            self._advance(history.step, self._steps)

    def show(self, event: Event) -> None:
        kind = event["event"]
        if kind == "training":
            self._steps = _count(event, "steps")
            if (line := training_line(event)) not in self._said:
                self._terminal.say(line)
            self._enter("training", self._steps)
        elif kind == "step":
            self._enter("training", self._steps)
            self._advance(_count(event, "step"), self._steps, figures_of(event))
        elif kind in ("caching", "drawing"):
            done, of = counts_of(event)
            self._enter(phase_of(event), of)
            self._advance(done, of)
        elif (line := event_line(event)) and line not in self._said:
            self._terminal.say(line)

    def note(self, text: str) -> None:
        self._terminal.say(text)

    def close(self) -> None:
        self._progress.stop()

    def _enter(self, phase: str, total: int | None) -> None:
        if phase == self._phase:
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._phase = phase
        self._task = self._progress.add_task(phase, total=total, counted="", figures="")

    def _advance(self, done: int, total: int, figures: str = "") -> None:
        if self._task is not None:
            self._progress.update(
                self._task, completed=done, total=total or None, counted=f"{done}/{total}", figures=figures
            )


class _StepClock:
    """Tells from the pace so far how long the rest will take."""

    def __init__(self) -> None:
        self._since: tuple[float, int] | None = None

    def tick(self, step: int) -> None:
        if self._since is None:
            self._since = (time.monotonic(), step)

    def remaining(self, step: int, steps: int) -> float:
        """Seconds, or 0 when they cannot be told."""
        started, first = self._since or (0.0, step)
        return (time.monotonic() - started) / (step - first) * (steps - step) if step > first else 0.0


def _count(event: Event, key: str) -> int:
    value = event.get(key)
    return value if isinstance(value, int) else 0
