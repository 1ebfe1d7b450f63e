"""What is known of a run at one moment, as a value that any screen may draw.

Knows neither how it was found out nor how it looks.
"""

from dataclasses import dataclass, field
from pathlib import Path

from loratui.runs.ending import WorkerFailed
from loratui.runs.events import Event
from loratui.runs.state import State
from loratui.tui.loss_curve import Curve


@dataclass(frozen=True)
class Preview:
    """A picture that was drawn in the middle of the training."""

    file: Path
    prompt: str
    step: int


@dataclass(frozen=True)
class Moment:
    """What is known of a run at one moment.

    Attributes:
        is_known: False until somebody has looked.
        has_begun: Whether a worker ever began with it; one that was taken out of the queue before has not.
        doing: What the worker is busy with while it takes no steps; "" otherwise.
        share: How far it is with that, from 0 to 1.
        rate: Steps a second; 0 while that is not known.
        left: Seconds of training that remain; None while that is not known.
        before: The validation loss before the latest.
        happened: Events worth a line, the oldest first; those of steps are not among them.
        memory_peak, memory_reserved: In bytes, as the worker told; 0 where it did not.
        place: What the run waits for, in words; "" when it does not wait.
        is_left_behind: It waits, but what waited for it is gone, as after a restart.
        proposal: With what smaller pieces a training that did not fit into memory could go on.
        failure: Why it failed or was interrupted.
        worked: Seconds that it took so far.
        stopping: When it will stop, in words, where it was told to.
    """

    is_known: bool = False
    state: State = "interrupted"
    task: str = "train"
    has_begun: bool = True
    doing: str = ""
    share: float = 0.0
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    rate: float = 0.0
    left: float | None = None
    loss: float | None = None
    smoothed: float | None = None
    validation: float | None = None
    before: float | None = None
    learning_rate: float | None = None
    best_epoch: int | None = None
    curve: Curve = field(default_factory=Curve)
    happened: tuple[Event, ...] = ()
    previews: tuple[Preview, ...] = ()
    device: str = ""
    pid: int | None = None
    memory_peak: int = 0
    memory_reserved: int = 0
    place: str = ""
    is_left_behind: bool = False
    proposal: str = ""
    failure: WorkerFailed | None = None
    end: Event = field(default_factory=dict)
    saved: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    verified: bool = False
    worked: float = 0.0
    stopping: str = ""

    @property
    def is_busy(self) -> bool:
        """Whether it trains, or waits to."""
        return self.state in ("running", "queued")

    @property
    def is_finishing(self) -> bool:
        """Whether all steps are taken, and only the proof and the grid remain."""
        return 0 < self.steps <= self.step

    @property
    def never_began(self) -> bool:
        """Whether it was stopped before any worker began with it."""
        return self.state in ("stopped", "interrupted") and not self.has_begun
