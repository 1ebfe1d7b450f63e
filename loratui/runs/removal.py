"""Taking a run's directory away, and nothing that it wrote elsewhere."""

import os
import shutil
from pathlib import Path

from loratui.errors import ProfileError, RunError
from loratui.locks import take_lock
from loratui.runs.directory import RunDirectory
from loratui.runs.queue import clear_away, ticket_of
from loratui.safe_text import printable


def remove_run(run: RunDirectory) -> None:
    """Remove a run that nobody works on; its LoRA files and grids stay where they are.

    Raises:
        RunError: it is at work or waits, its outputs lie inside it, or it cannot be removed.
    """
    shown = printable(run.path)
    ticket = ticket_of(run)
    if ticket is not None and ticket.is_living:
        raise RunError(f"The run {shown} waits for its turn.", f"Take it out: loratui queue remove {run.name}")
    locks: list[int] = []
    try:
        # Held while the directory goes away, so that nobody begins to work in it.
        held = [run.waiter_lock_path, run.lock_path]
        if run.trying.path.is_dir():
            held += [run.trying.waiter_lock_path, run.trying.lock_path]
        for path in held:
            lock = take_lock(path, patience=0.3)
            if lock is None:
                raise RunError(f"The run {shown} is still at work.", f"Stop it first: loratui stop {run.name}")
            locks.append(lock)
        _refuse_outputs_inside(run)
        doomed = run.path.with_name(f".{run.name}.removed-{os.getpid()}")
        clear_away(run)
        clear_away(run.trying)
        os.rename(run.path, doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise RunError(f"The run {shown} cannot be removed: {error.strerror or error}.") from error
    finally:
        for lock in locks:
            os.close(lock)


def _refuse_outputs_inside(run: RunDirectory) -> None:
    try:
        directory = Path(run.read_profile().output.directory)
    except ProfileError:
        return  # a run from another version of loratui can be removed all the same
    if directory.resolve().is_relative_to(run.path.resolve()) and directory.is_dir() and any(directory.iterdir()):
        raise RunError(
            f"The outputs of the run lie inside it, in {printable(directory)}.", "Move them out of it first."
        )
