"""Leaving the program: what is alive is named, and a person says what shall become of it."""

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from loratui.crash import write_crash_log
from loratui.errors import LoratuiError
from loratui.paths import runs_directory
from loratui.profile.groups import setting_named
from loratui.runs.commands import STOP, send
from loratui.runs.events import read_landmarks
from loratui.runs.finding import living_runs
from loratui.runs.history import fold
from loratui.runs.queue import take_back, ticket_of
from loratui.runs.try_stopping import stop_sessions
from loratui.safe_text import printable
from loratui.tui.background import in_thread
from loratui.tui.dialogs import Ask, Choice
from loratui.tui.session import Session

if TYPE_CHECKING:
    from loratui.runs.directory import RunDirectory
    from loratui.tui.leaving import Leaving

_LEAVE, _STOP, _STAY = "leave", "stop", "stay"
# A worker that loads a base leaves after that; nobody waits for it.
_PATIENCE = 1.0
# A disk that has not said by then which runs there are may never say it.
_SECONDS_TO_LOOK = 2.0


class QuitDialog(Ask):
    """What shall become of the run that is alive."""


async def ask_and_quit(app: "Leaving", session: Session, always_ask: bool) -> None:
    """End the program; where runs are alive, or texts were refused, only after a person has said so."""
    try:
        living = await asyncio.wait_for(in_thread(_at_work), _SECONDS_TO_LOOK)
    except TimeoutError:
        living, always_ask = None, True
    lost = not_taken(session)
    if not living and not always_ask and not lost:
        await leave(app, session)
        return
    answer = await app.push_screen_wait(_question(living, lost))
    if answer == _STOP:
        try:
            for run in living or ():
                await in_thread(partial(_stop, run))
        except LoratuiError as error:
            app.show_error(error)
            return
    if answer in (_LEAVE, _STOP):
        await leave(app, session)


async def ask_in_spite_of(app: "Leaving", error: Exception) -> None:
    """Offer to leave where it could not be found out whether a run is alive."""
    told = write_crash_log(error)
    choices = [Choice(_LEAVE, "Leave", "runs go on by themselves"), Choice(_STAY, "Stay here")]
    if await app.push_screen_wait(QuitDialog("Leave loratui?", f"{told.what}\n{told.todo}", choices)) == _LEAVE:
        app.leave()


async def leave(app: "Leaving", session: Session, message: str = "") -> None:
    """End the program, and the workers that were asked here for pictures of strengths; another wizard's go on."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(in_thread(partial(stop_sessions, session.tried, _PATIENCE)), 2 * _PATIENCE)
    app.leave(message=message)


def _at_work() -> "list[RunDirectory]":
    """The runs that work or wait; a worker that has said its last word and is about to go is none of them."""
    return [run for run in living_runs(runs_directory()) if ticket_of(run) is not None or not _has_ended(run)]


def _has_ended(run: "RunDirectory") -> bool:
    return fold(read_landmarks(run.events_path)).last is not None


def not_taken(session: Session) -> str:
    """Which settings have a text that was not taken, and what becomes of them; "" where none has."""
    refused = [
        setting_named(setting).title + ("" if name == session.name else f" of {printable(name)}")
        for name, texts in session.refused.items()
        for setting in texts
    ]
    if not refused:
        return ""
    subject = "1 value is" if len(refused) == 1 else f"{len(refused)} values are"
    them = "It is" if len(refused) == 1 else "They are"
    return f"{subject} not taken: {', '.join(refused)}. {them} as before the next time; step 4 says why."


def _question(living: "list[RunDirectory] | None", lost: str) -> QuitDialog:
    """What is asked of the runs that are alive; None where the disk does not say which these are.

    Args:
        living: The runs.
        lost: What else there is to say.
    """
    if living is None:
        told = f"Whether a run is at work is not known: the disk does not answer.\n{lost}".rstrip()
        choices = [Choice(_LEAVE, "Leave", "runs go on by themselves"), Choice(_STAY, "Stay here")]
        return QuitDialog("Leave loratui?", told, choices)
    if not living and lost:
        return QuitDialog("Leave loratui?", lost, [Choice(_STAY, "Stay here"), Choice(_LEAVE, "Leave")])
    if not living:
        return QuitDialog("Leave loratui?", "", [Choice(_LEAVE, "Leave", "all is saved"), Choice(_STAY, "Stay here")])
    names = ", ".join(printable(run.name) for run in living[:3]) + (" …" if len(living) > 3 else "")
    subject = "A run is" if len(living) == 1 else f"{len(living)} runs are"
    them = "it" if len(living) == 1 else "them"
    return QuitDialog(
        "Leave loratui?",
        f"{subject} at work or waiting: {names}\n{lost}".rstrip(),
        [
            Choice(_LEAVE, "Leave, and let it go on", f"loratui shows {them} again"),
            Choice(_STOP, "Stop and leave", "saved first; it can be resumed"),
            Choice(_STAY, "Stay here"),
        ],
    )


def _stop(run: "RunDirectory") -> None:
    """Take a run out of the queue, or tell its worker to save and end."""
    if not take_back(run):
        send(run, STOP)
