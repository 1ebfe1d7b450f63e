"""Ending the workers that try strengths: when their wizard is left, and where a training needs what they hold.

Whoever waits for a picture of such a worker is told why it does not come: the reason stands among the requests.
"""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, read_landmarks
from loratui.runs.history import fold
from loratui.runs.launch import settings_for
from loratui.runs.lock import is_busy
from loratui.runs.slots import slot_holders, slots_of
from loratui.runs.stopping import Stopping
from loratui.runs.trying import requests_path

FOR_TRAINING = "It was stopped for a training."
LEFT = "It was stopped when another loratui was left."


def stop_session(run: RunDirectory, patience: float = 10.0, *, why: str = LEFT) -> bool:
    """End the worker that tries a run's strengths; returns whether there was one.

    Args:
        patience: Seconds after which it is waited for no longer; it was sent SIGTERM after half of them.
        why: What is said wherever somebody waits for a picture of it.
    """
    trying = run.trying
    if not is_busy(trying):
        return False
    with contextlib.suppress(OSError), EventWriter(requests_path(trying), 0) as requests:
        requests.write("cancel", what=why)
    stopping = Stopping(trying, patience=patience / 2)
    deadline = time.monotonic() + patience
    while True:
        stopping.pursue(fold(read_landmarks(trying.events_path)))
        if time.monotonic() > deadline or not is_busy(trying):
            return True
        time.sleep(0.05)


def stop_sessions(runs: Iterable[RunDirectory], patience: float = 10.0) -> None:
    """End the workers that try the strengths of these runs, when the wizard that asked them is left.

    Args:
        patience: Seconds after which each is waited for no longer.
    """
    for run in tuple(runs):
        stop_session(run, patience)


def make_room(run: RunDirectory, patience: float = 5.0) -> None:
    """End the workers that try strengths where a run is about to be trained; those on other devices go on.

    Args:
        patience: Seconds after which each is waited for no longer.

    Raises:
        ProfileError: the run's profile cannot be read.
    """
    wanted = slots_of(settings_for(run, "train")).slots
    holders = {holder for slot, holder in slot_holders().items() if slot in wanted}
    for holder in (RunDirectory(Path(name)) for name in sorted(holders)):
        if holder.is_trying:
            stop_session(RunDirectory(holder.path.parent), patience, why=FOR_TRAINING)
