"""How a run that somebody followed ended: finished, stopped, or failed with its cause in plain words."""

import signal
from dataclasses import dataclass, field
from typing import Literal

from loratui.errors import RunError
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event
from loratui.runs.history import History
from loratui.runs.launch import log_tail
from loratui.safe_text import printable

FailedState = Literal["failed", "interrupted"]


class WorkerFailed(RunError):
    """The worker said that the run failed or cannot go on, or it died without a word."""

    exit_code = 1

    def __init__(self, what: str, todo: str, state: FailedState = "failed") -> None:
        super().__init__(what, todo)
        self.state = state


@dataclass(frozen=True)
class Ending:
    """How a followed run ended, other than by failing.

    Attributes:
        kind: "left" means that the follower went away and the run goes on.
        fields: The worker's last event; empty when it wrote none.
        signal_number: The signal that ended it, 0 when none did.
    """

    kind: Literal["finished", "stopped", "left"]
    fields: Event = field(default_factory=dict)
    signal_number: int = 0

    @property
    def exit_code(self) -> int:
        """0 when finished or stopped by a command, else 128 + the signal's number."""
        return 128 + self.signal_number if self.kind != "finished" and self.signal_number else 0


def ending_of(run: RunDirectory, history: History, asked: int | None = None) -> Ending:
    """How the latest worker of a run ended.

    Args:
        history: Everything that the run's events tell.
        asked: How the follower itself asked it to stop: by this signal, or 0 for by a command; None when it did not.

    Raises:
        WorkerFailed: the worker failed or died.
    """
    last = history.last
    returncode = history.exited.get("returncode") if history.exited else None
    if last is None:
        if asked is not None and returncode in (-signal.SIGTERM, None):
            return Ending("stopped", signal_number=asked)
        raise _died(run, history, returncode)
    if last["event"] == "finished":
        return Ending("finished", last)
    if last["event"] == "stopped":
        told = last.get("signal")
        return Ending("stopped", last, (told if isinstance(told, int) else 0) if asked is None else asked)
    failure = WorkerFailed(
        printable(last.get("what") or "The run failed."),
        printable(last.get("todo") or f"The worker's own words are in {run.log_path}."),
        "interrupted" if last["event"] == "interrupted" else "failed",
    )
    # Input that only the worker could look into is still bad input.
    failure.exit_code = 2 if last["event"] == "failed" and last.get("exit_code", returncode) == 2 else 1
    raise failure


def _died(run: RunDirectory, history: History, returncode: object) -> WorkerFailed:
    if history.attempts == 0:
        return WorkerFailed(f"The run {printable(run.path)} was never started.", _resume(run, history), "interrupted")
    words = str(history.exited.get("words") or "") if history.exited else log_tail(run.log_path)
    what = (
        f"The worker ended without a last word{_cause_of_death(returncode)}"
        + (f", at step {history.step}" if history.step else "")
        + (f". The last line of its log: {printable(words)}" if words else ". Its log is empty.")
    )
    if isinstance(returncode, int) and 0 < returncode < 128:
        return WorkerFailed(what, f"Its log is {printable(run.log_path)}")
    return WorkerFailed(what, f"{_resume(run, history)} Its log is {printable(run.log_path)}", "interrupted")


def _resume(run: RunDirectory, history: History) -> str:
    if history.task == "try":
        return "Draw again; it is started anew."
    if history.task == "compare":
        return f"Draw it again: loratui compare {printable(run.name)}."
    return f"Go on with it: loratui resume {printable(run.name)}."


def _cause_of_death(returncode: object) -> str:
    if not isinstance(returncode, int):
        return ""
    if returncode >= 0:
        return f", with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f", killed by {name}" + (" (as happens when memory runs out)" if name == "SIGKILL" else "")
