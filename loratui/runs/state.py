"""What has become of a run, read from its lock and its events alone."""

from collections.abc import Iterable
from typing import Literal

from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, read_events
from loratui.runs.lock import is_alive

State = Literal["running", "finished", "failed", "stopped", "interrupted"]

ENDS: dict[str, State] = {"finished": "finished", "failed": "failed", "stopped": "stopped"}


def run_state(run: RunDirectory) -> State:
    """The state of a run: the lock says whether it is running, the last event of its training how it ended.

    Without either it is "interrupted": killed, or never started. A comparison that is drawn again later does not
    change what became of the training.
    """
    # The lock is asked first: a worker that ends in between has then written its last event.
    if is_alive(run):
        return "running"
    return ended_as(read_events(run.events_path))


def ended_as(events: Iterable[Event]) -> State:
    """How the latest training attempt among `events` ended; without an ending it was interrupted."""
    state: State = "interrupted"
    attempt: object = None
    comparing = False
    for event in events:
        if event["event"] == "started" or event.get("attempt") != attempt:
            attempt = event.get("attempt")
            comparing = event.get("task") == "compare"
            if not comparing:
                state = "interrupted"
        if not comparing:
            state = ENDS.get(event["event"], state)
    return state
