"""Opens the wizard in this terminal and gives the terminal back whatever happens: quit, signal or crash."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from loratui.errors import LoratuiError
from loratui.tui.app import Options, Wizard
from loratui.tui.driver import WizardDriver
from loratui.tui.session import Session

# A terminal that takes no more output would hold the program for ever.
_PATIENCE = 3.0
# For the workers that try strengths, which go by themselves after some minutes.
_PATIENCE_WITH_SESSIONS = 1.0
# What is left to write when the screens are gone; longer only a disk takes that does not answer.
_PATIENCE_WITH_CAPTIONS = 1.0


def open_wizard(options: Options | None = None) -> int:
    """Run the wizard until it is left; returns the exit code: 0 left, 1 crashed, 128 + n for signal n.

    Raises:
        LoratuiError: there is no terminal.
    """
    if not (os.isatty(0) and os.isatty(1)):
        raise LoratuiError(
            "The wizard needs a terminal to draw on.",
            "Over SSH add -t: ssh -t HOST loratui. Without a terminal: loratui run PROFILE, loratui --help.",
        )
    options = options or Options()
    app = Wizard(Session(), options, WizardDriver)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leaver(app))
    app.run(mouse=options.mouse)
    code = app.return_code or 0
    _finish_captions()
    if code != 128 + signal.SIGHUP:  # whose link is lost comes back
        _end_sessions(app.session)
    return code


def _finish_captions() -> None:
    """Wait for captions that are being written, as far as leaving has not done it: after a fault nobody has."""
    from loratui.dataset.caption_queue import all_written

    all_written(_PATIENCE_WITH_CAPTIONS)


def _end_sessions(session: Session) -> None:
    """End the workers that were asked here for pictures of strengths, as far as that has not been done."""
    from loratui.runs.try_stopping import stop_session

    deadline = time.monotonic() + _PATIENCE_WITH_SESSIONS
    ends = [
        threading.Thread(target=stop_session, args=(run, _PATIENCE_WITH_SESSIONS), daemon=True) for run in session.tried
    ]
    for end in ends:
        end.start()
    for end in ends:
        end.join(max(0.0, deadline - time.monotonic()))


def _leaver(app: Wizard) -> Callable[[int, FrameType | None], None]:
    def on_signal(number: int, _frame: FrameType | None) -> None:
        code = 128 + number
        watchdog = threading.Timer(_PATIENCE, _leave_at_once, (app, code))
        watchdog.daemon = True
        watchdog.start()
        app.leave_from_signal(code)

    return on_signal


def _leave_at_once(app: Wizard, code: int) -> None:
    """End without the event loop, which waits for a terminal that takes no output."""
    driver = app._driver
    attributes = getattr(driver, "attrs_before", None)
    if attributes is not None:
        import termios

        with contextlib.suppress(termios.error, OSError, ValueError):
            termios.tcsetattr(sys.__stdin__.fileno() if sys.__stdin__ else 0, termios.TCSANOW, attributes)
    os._exit(code)
