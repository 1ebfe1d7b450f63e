"""What has become of a run, read from its locks, its place in the queue and its events alone."""

from typing import Literal

from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.history import History, fold
from loratui.runs.lock import is_alive
from loratui.runs.queue import ticket_of

State = Literal["queued", "running", "finished", "failed", "stopped", "interrupted"]


def run_state(run: RunDirectory, history: History | None = None) -> State:
    """The state of a run: the lock says whether it is running, the queue whether it waits, its events how it ended.

    Without any of these it is "interrupted": killed, or never started. A comparison that is drawn again later does
    not change what became of the training.

    Args:
        history: What its events tell, where it was read after the run was known not to be alive.
    """
    # The lock is asked first: a worker that ends in between has then written its last event.
    if is_alive(run):
        return "running"
    ticket = ticket_of(run)
    if ticket is not None and ticket.task == "train":
        return "running" if ticket.starting else "queued"
    return state_of(history or fold(read_landmarks(run.events_path)))


def state_of(history: History) -> State:
    """How the latest training attempt ended; without an ending it was interrupted."""
    if history.end is not None:
        ending: State = history.end["event"]
        return ending
    # A worker that left by itself without a last word, as one that cannot import torch does.
    returncode = history.exited.get("returncode") if history.exited and history.task == "train" else None
    return "failed" if isinstance(returncode, int) and 0 < returncode < 128 else "interrupted"
