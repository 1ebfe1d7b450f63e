"""Ctrl+C while a run is followed: signals are taken note of, and a question can be answered with one key."""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections import deque
from types import FrameType
from typing import Any


class Interruptions:
    """While in force, SIGINT and SIGTERM end nothing; `take` hands them out one by one."""

    def __init__(self) -> None:
        self._before: dict[int, object] = {}
        self._received: deque[int] = deque()

    def __enter__(self) -> "Interruptions":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # What the shell had us ignore, as for a command in the background, stays ignored.
                if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                    self._before[number] = handler
                    signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def take(self) -> int:
        """The number of the oldest signal that was not taken yet, 0 when there is none."""
        return self._received.popleft() if self._received else 0

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)


class Keys:
    """Single keys from the terminal, without Enter, between `open` and `close`."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    @property
    def is_open(self) -> bool:
        return self._before is not None

    def open(self) -> None:
        """Have every key reach us at once; Ctrl+C goes on to be a signal."""
        if self._before is None:
            with contextlib.suppress(termios.error):
                self._before = termios.tcgetattr(sys.stdin.fileno())
                tty.setcbreak(sys.stdin.fileno(), termios.TCSAFLUSH)

    def read(self) -> str:
        """The key that was pressed since, in lower case; "" when none was."""
        if not self.is_open or not select.select([sys.stdin.fileno()], [], [], 0)[0]:
            return ""
        with contextlib.suppress(OSError):
            return os.read(sys.stdin.fileno(), 1).decode("ascii", errors="replace").lower()
        return ""

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
            self._before = None

    def __enter__(self) -> "Keys":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
