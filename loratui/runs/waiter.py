"""The small process that waits for a run's turn and then for its worker: `python -m loratui.runs.waiter RUN LOCK`.

It needs no terminal and nobody who is logged in, and it never imports torch. When it is killed while its worker
lives, the worker goes on and still holds the slots' locks; only the last message is then left unsaid.
"""

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from loratui.errors import LoratuiError
from loratui.locks import take_lock
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, read_landmarks
from loratui.runs.further_machine import see_through
from loratui.runs.history import fold
from loratui.runs.launch import log_tail, settings_for, start_worker
from loratui.runs.lock import is_alive
from loratui.runs.notify import notify
from loratui.runs.queue import Ticket, ticket_of, tickets
from loratui.runs.slots import cuda_names, release, try_slots

_INTERVAL = 0.2


def main(arguments: list[str]) -> int:
    """Wait, work, and tell; returns the exit code."""
    if not 1 <= len(arguments) <= 2:
        print("usage: python -m loratui.runs.waiter RUN [LOCK]", file=sys.stderr)
        return 2
    run = RunDirectory(Path(arguments[0]))
    lock = int(arguments[1]) if len(arguments) == 2 else take_lock(run.waiter_lock_path)
    if lock is None:
        print("Another process waits for this run already.", file=sys.stderr)
        return 2
    os.set_inheritable(lock, False)
    ended = True
    try:
        ended = attend(run, lock)
    except Exception:  # whatever it was, as a disk that takes no more events: the person is told that the run is over
        traceback.print_exc()
    if ended and not run.is_trying:
        notify(run)
    return 0


def attend(run: RunDirectory, lock: int, *, command: Sequence[str] | None = None) -> bool:
    """Wait for the run's turn and see its worker to its end.

    Args:
        lock: Descriptor that holds the run's waiter lock; closed when the worker has ended.
        command: What to start instead of `python -m loratui.worker`.

    Returns:
        False when the run was taken out of the queue.
    """
    try:
        ticket = ticket_of(run)
        taken = _turn(ticket) if ticket is not None else None
        if taken is None:
            return False
        ticket, slots = taken
        try:
            _work(run, ticket, slots, command)
        finally:
            ticket.remove()
            release(slots.values())
        return True
    finally:
        release([lock])


def _turn(ticket: Ticket) -> tuple[Ticket, dict[str, int]] | None:
    """Return once the slots are held, or None once the ticket has been taken back."""
    while ticket.path.exists():
        if not any(other.is_before(ticket) for other in tickets()):
            slots = try_slots(ticket.wish, str(ticket.run.path))
            if slots is not None:
                begun = ticket.begin()
                if begun is not None:
                    return begun, slots
                release(slots.values())
        time.sleep(_INTERVAL)
    return None


def _work(run: RunDirectory, ticket: Ticket, slots: Mapping[str, int], command: Sequence[str] | None) -> None:
    before = fold(read_landmarks(run.events_path)).attempt

    def start() -> subprocess.Popen[bytes]:
        return start_worker(
            run,
            ticket.task,
            command=command,
            locks=tuple(slots.values()),
            gpus=cuda_names(slots),
            accept_smaller=ticket.accept_smaller,
        )

    try:
        if machine := settings_for(run, ticket.task).machine_rank:
            see_through(run, machine, before + 1, start, ticket.remove)
            return
        worker = start()
    except LoratuiError as error:
        with EventWriter(run.events_path, before + 1) as events:
            events.write("started", task=ticket.task)
            events.write("failed", what=error.what, todo=error.todo, log=run.log_path)
        return
    while not is_alive(run) and _lives(worker):
        time.sleep(0.02)
    ticket.remove()
    returncode = worker.wait()
    while is_alive(run):
        # A launcher of several processes that was killed may leave them behind, at work on the GPU.
        time.sleep(_INTERVAL)
    history = fold(read_landmarks(run.events_path))
    if history.attempt > before and history.last is not None and (returncode != 2 or "exit_code" in history.last):
        return
    # A worker that died before its first event has no number; this is then its only trace.
    with EventWriter(run.events_path, max(before + 1, history.attempt)) as events:
        events.write("exited", returncode=returncode, words=log_tail(run.log_path))


def _lives(worker: subprocess.Popen[bytes]) -> bool:
    return worker.poll() is None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
