"""Textual's driver, with manners: one question before the first paint, and a title that is given back.

The answers to the question never arrive as keys, however late or split; the app gets them as `ProbeAnswered`. A
terminal that is gone is written to without complaint, so that the program can still end in order.
"""

import contextlib
import os
import selectors
import sys
import threading
import time
from codecs import getincrementaldecoder
from typing import Any, TextIO, cast

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from loratui.environment.terminal import Answers
from loratui.safe_text import printable
from loratui.tui.terminal_probe import AnswerFilter, question

# A terminal that has said nothing for so long is taken to say nothing.
_SECONDS_TO_ANSWER = 1.0
_TICK = 0.1
_WITHOUT_TITLE = ("dumb", "linux", "")
_GONE = 128 + 1


class ProbeAnswered(Message):
    """The terminal has answered, or is taken to say nothing; may come again when it answers late."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.answers = answers


class WizardDriver(LinuxDriver):
    """Asks the terminal once, filters its answers out of the keys, and minds its title."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = cast(Any, _Outlet(self._file))
        self._filter = AnswerFilter()
        self._asked_at: float | None = None
        self._told: Answers | None = None
        self._answered = threading.Event()
        self._has_title = os.environ.get("TERM", "") not in _WITHOUT_TITLE

    def start_application_mode(self) -> None:
        """Take the terminal over, and put the question before anything is painted."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is None:
            return
        if self._has_title:
            self.write("\x1b[22;2t")
        if self._asked_at is None and self.input_tty and os.environ.get("TERM", "") != "dumb":
            self._asked_at = time.monotonic()
            self._filter.asked(self._asked_at)
            self.write(question(tmux="TMUX" in os.environ))

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was; answers that are still under way are awaited, lest a shell gets them."""
        if self._has_title:
            self.write("\x1b[23;2t")
        if self._asked_at is not None:
            self._answered.wait(max(0.0, self._asked_at + _SECONDS_TO_ANSWER - time.monotonic()))
        super().stop_application_mode()

    def set_title(self, text: str) -> None:
        """Show a text in the terminal's title until the program ends."""
        if self._has_title:
            self.write(f"\x1b]2;{printable(text)}\x07")

    def run_input_thread(self) -> None:
        """Read what the terminal sends until the program ends; keys and answers go their own ways."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                typed = ""
                if selector.select(_TICK):
                    data = self._read()
                    if not data:
                        break
                    typed = self._filter.feed(decode(data), time.monotonic())
                typed += self._filter.release(time.monotonic())
                self._tell()
                if typed:
                    for event in parser.feed(typed):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
        with contextlib.suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass

    def _read(self) -> bytes:
        """What the terminal sent; nothing when it is gone, which ends the program."""
        data = b""
        with contextlib.suppress(OSError):
            data = os.read(self.fileno, 4096)
        if not data:
            self._answered.set()
            self._app.call_later(self._app.exit, return_code=_GONE)
        return data

    def _tell(self) -> None:
        """Tell the app what the terminal answered: once it is complete or late, and when more comes after that."""
        answers = self._filter.answers
        if answers.complete:
            self._answered.set()
        if self._asked_at is None or answers == self._told:
            return
        if answers.complete or time.monotonic() - self._asked_at >= _SECONDS_TO_ANSWER:
            self._told = answers
            self.process_message(ProbeAnswered(answers))


class _Outlet:
    """The terminal to write to; once it is gone, what is written is lost without complaint."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file if file is not None else sys.stderr
        self._gone = False

    def write(self, text: str) -> None:
        """Write, as far as there is somebody."""
        if not self._gone:
            try:
                self._file.write(text)
            except (OSError, ValueError):
                self._gone = True

    def flush(self) -> None:
        """Have it sent."""
        if not self._gone:
            try:
                self._file.flush()
            except (OSError, ValueError):
                self._gone = True

    def fileno(self) -> int:
        """The terminal's number."""
        return self._file.fileno()
