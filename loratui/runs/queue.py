"""Who is next: one ticket file a waiting run, with increasing numbers; the oldest living one may take its slots.

Knows nothing of processes. A ticket whose waiter is dead (its lock is not held) is passed over by the living ones and
waits for somebody to start its waiter again, as after a reboot. A ticket is gone once its worker lives.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from loratui.errors import RunError
from loratui.runs.directory import RunDirectory, Task
from loratui.runs.events import EventWriter, events_size
from loratui.runs.lock import is_attended
from loratui.runs.slots import Wish, queue_directory, slot_holders
from loratui.safe_text import printable
from loratui.whole_files import write_whole

_WAITING, _STARTING = ".waiting", ".starting"


@dataclass(frozen=True)
class Ticket:
    """A run's place in the queue.

    Attributes:
        accept_smaller: When memory does not suffice, the worker may go on in smaller pieces without asking.
        starting: Its turn has come: its slots are taken and its worker is being started.
    """

    number: int
    run: RunDirectory
    task: Task
    wish: Wish
    path: Path
    accept_smaller: bool = False
    starting: bool = False

    @property
    def is_living(self) -> bool:
        """Whether a process waits for its turn."""
        try:
            return is_attended(self.run)
        except OSError:  # a lock that may not be opened is somebody else's
            return False

    def is_before(self, other: "Ticket") -> bool:
        """Whether `other` has to let this one go first."""
        if self.starting:
            return False  # it has its slots, and their locks say so
        shares = not set(self.wish.slots).isdisjoint(other.wish.slots)
        return self.number < other.number and shares and self.is_living

    def begin(self) -> "Ticket | None":
        """Mark the ticket as starting; None when it was taken back."""
        path = self.path.with_suffix(_STARTING)
        with _queue_lock():
            try:
                os.rename(self.path, path)
            except FileNotFoundError:
                return None
        return replace(self, path=path, starting=True)

    def remove(self) -> None:
        """Take the ticket away; a second time does nothing."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def add_ticket(run: RunDirectory, task: Task, wish: Wish, *, accept_smaller: bool = False) -> Ticket:
    """Put a run at the end of the queue; a ticket that it left there before is replaced.

    Raises:
        RunError: the queue cannot be written.
    """
    fields = {"run": str(run.path.absolute()), "task": task, "slots": list(wish.slots), "count": wish.count}
    content = json.dumps({**fields, "accept_smaller": accept_smaller})
    try:
        with _queue_lock():
            for old in _ticket_files():
                if (ticket := _read(old)) is not None and ticket.run.path == run.path.absolute():
                    ticket.remove()
            number = 1 + max(map(_number, _ticket_files()), default=0)
            name = run.name[:200].replace(os.sep, "-")
            path = queue_directory() / f"{number:06d}-{name}{_WAITING}"
            write_whole(path, content)
    except OSError as error:
        raise RunError(
            f"The queue {queue_directory()} cannot be written: {error.strerror or error}.",
            "Make room there, or set LORATUI_HOME to a directory that can be written.",
        ) from error
    return Ticket(number, RunDirectory(run.path.absolute()), task, wish, path, accept_smaller)


def tickets() -> list[Ticket]:
    """The tickets by number: those that wait, living or not, and those whose worker is just being started."""
    read = filter(None, map(_read, _ticket_files()))
    return [ticket for ticket in read if not ticket.starting or ticket.is_living]


def ticket_of(run: RunDirectory) -> Ticket | None:
    """The run's ticket; None when it does not wait."""
    path = run.path.absolute()
    return next((ticket for ticket in tickets() if ticket.run.path == path), None)


def left_behind() -> list[Ticket]:
    """The tickets that nobody attends to, as after a reboot."""
    return [ticket for ticket in tickets() if not ticket.is_living]


def take_back(run: RunDirectory) -> bool:
    """Take a waiting run out of the queue; its waiter notices and leaves. False when it does not wait any more."""
    with _queue_lock():
        ticket = ticket_of(run)
        if ticket is None or ticket.starting:
            return False
        ticket.remove()
    if ticket.task == "train" and not events_size(run.events_path):
        # Without it, a run that never began would look like one that was killed.
        with contextlib.suppress(OSError), EventWriter(run.events_path, 0) as events:
            events.write("stopped", signal=0, step=0, command="stop")
    return True


def clear_away(run: RunDirectory) -> None:
    """Remove every ticket of a run, those of a start that was cut short included."""
    for file in _ticket_files():
        if (ticket := _read(file)) is not None and ticket.run.path == run.path.absolute():
            ticket.remove()


def place_in_queue(run: RunDirectory) -> str:
    """What the run waits for, in words; "" when it does not wait."""
    ticket = ticket_of(run)
    if ticket is None or ticket.starting:
        return ""
    holders = {slot: holder for slot, holder in slot_holders().items() if slot in ticket.wish.slots}
    at_work = ", ".join(dict.fromkeys(RunDirectory(Path(holder)).name for holder in holders.values()))
    before = sum(other.is_before(ticket) for other in tickets())
    if not at_work and not before:
        return ""
    return (
        f"Waiting for {describe_slots(ticket.wish)}"
        + (f", where {at_work} is at work" if at_work else "")
        + (f"; {before} more {'is' if before == 1 else 'are'} before this one" if before else "")
        + "."
    )


def describe_slots(wish: Wish) -> str:
    """Slots in words, safe to print: `the CPU`, `GPU 0 and 1`, `GPU 0 or 1`, `2 of GPU 0, 1 and 2`."""
    gpus = [slot.removeprefix("gpu-") for slot in wish.slots if slot.startswith("gpu-")]
    if not gpus:
        return "the CPU"
    last = " or " if wish.count == 1 else " and "
    named = f"GPU {last.join(filter(None, [', '.join(gpus[:-1]), gpus[-1]]))}"
    return printable(named if wish.count in (1, len(gpus)) else f"{wish.count} of {named}")


@contextlib.contextmanager
def _queue_lock() -> Iterator[None]:
    """Only one at a time draws a number, begins or takes back; each is over in an instant."""
    queue_directory().mkdir(parents=True, exist_ok=True)
    descriptor = os.open(queue_directory() / ".tickets", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _ticket_files() -> list[Path]:
    try:
        names = os.listdir(queue_directory())
    except OSError:
        return []
    files = [queue_directory() / name for name in names if name.endswith((_WAITING, _STARTING)) and name[0] != "."]
    return sorted(files, key=_number)


def _number(path: Path) -> int:
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _read(path: Path) -> Ticket | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        run = RunDirectory(Path(content["run"]))
        task: Task = content["task"] if content["task"] in ("compare", "try") else "train"
        slots = tuple(map(str, content["slots"]))
        wish = Wish(slots, int(content.get("count", len(slots))))
        accept_smaller = content.get("accept_smaller") is True
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # A run whose directory was removed by hand does not hold up the others.
    if not run.path.is_dir():
        return None
    return Ticket(_number(path), run, task, wish, path, accept_smaller, path.suffix == _STARTING)
