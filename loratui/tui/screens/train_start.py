"""From an order to a run that waits or works: check, bring what is missing, write the run, queue it. For a thread.

Knows no widgets: what it is busy with is told through a function, and it gives up when that says so. A download that
was begun goes on by itself all the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from loratui.dataset.examining import examine_elsewhere
from loratui.errors import BaseModelError, RunError
from loratui.generation.check import check_kinds
from loratui.hub.downloads import DownloadProgress, find_download, start_download
from loratui.hub.presence import presence
from loratui.orders.preparing import Order, Prepared, bases_of, create_all, prepare_each
from loratui.profile.store import profile_path
from loratui.quantities import disk_size, duration
from loratui.runs.directory import RunDirectory
from loratui.runs.launch import start_again, start_run
from loratui.runs.queue import ticket_of
from loratui.runs.try_stopping import make_room
from loratui.safe_text import printable
from loratui.tui.session import Session

_SECONDS_BETWEEN_LOOKS = 0.5


class GivenUp(Exception):
    """Nobody waits for the start any more."""


@dataclass(frozen=True)
class Stage:
    """What a start is busy with.

    Attributes:
        share: From 0 to 1; None where it cannot be told.
        base: The base that is being brought; "" while none is.
    """

    what: str
    share: float | None = None
    base: str = ""


Tell = Callable[[Stage], None]


def order_of_session(session: Session) -> Order:
    """The training that the open profile asks for."""
    profile = session.profile.model_copy(deep=True)
    return Order(profile, profile.output.name or session.name, origin_of_session(session))


def origin_of_session(session: Session) -> str:
    """Where the orders of the open profile come from; "" while none is open."""
    return str(profile_path(session.name).absolute()) if session.name else ""


def start(order: Order, tell: Tell) -> RunDirectory:
    """Check an order, bring its bases, write its run and queue it.

    Args:
        tell: Called with each stage; raises `GivenUp` when nobody waits any more.

    Raises:
        LoratuiError: it cannot be trained, or a base cannot be brought.
    """
    tell(Stage("Looking through the pictures"))
    [prepared] = prepare_each([order], progress=lambda done, of: tell(_checking(done, of)), examiner=examine_elsewhere)
    bring_bases(prepared, tell)
    tell(Stage("Writing the run"))
    [run] = create_all([prepared])
    make_room(run)
    start_run(run)
    return run


def go_on(run: RunDirectory, accept_smaller: bool) -> None:
    """Queue a run again that was stopped, interrupted or failed, or attend again to one that waits for nobody.

    Raises:
        RunError: it is at work already, or cannot be started.
    """
    ticket = ticket_of(run)
    if ticket is not None and not ticket.is_living:
        start_again(ticket)
    else:
        make_room(run)
        start_run(run, accept_smaller=accept_smaller)


def bring_bases(prepared: Prepared, tell: Tell) -> None:
    """See to it that every base is on this computer.

    Raises:
        LoratuiError: one of them cannot be brought, its download was cancelled, or it does not belong with the others.
    """
    for base in bases_of(prepared.profile):
        here = presence(base)
        if here.here:
            continue
        name = printable(here.location.name)
        download = start_download(base)
        while (progress := download.progress()).state == "running":
            tell(_bringing(name, base, progress))
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        if progress.state == "cancelled":
            raise BaseModelError(f"The download of {name} was stopped.", "Enter goes on with it; what came is kept.")
        if progress.state != "finished":
            raise BaseModelError(
                progress.what or f"The download of {name} ended before it was done.",
                progress.todo or "Enter goes on with it; what came is kept.",
            )
    if prepared.profile.comparison.enabled:
        check_kinds(prepared.profile.model, prepared.profile.comparison)


def stop_download(base: str) -> None:
    """End the download of a base; what has come is kept.

    Raises:
        RunError: there is none.
    """
    download = find_download(base)
    if download is None:
        raise RunError(f"Nothing of {printable(base)} is being downloaded.")
    download.cancel()


def _checking(done: int, of: int) -> Stage:
    return Stage(f"Looking through the pictures, {done} of {of}", done / of if of else None)


def _bringing(name: str, base: str, progress: DownloadProgress) -> Stage:
    what = f"Bringing {name} from Hugging Face"
    if not progress.total:
        return Stage(what, None, base)
    what += f": {disk_size(progress.done)} of {disk_size(progress.total)}"
    if progress.seconds_left is not None:
        what += f", {duration(progress.seconds_left)} left"
    return Stage(what, progress.done / progress.total, base)
