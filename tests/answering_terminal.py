"""A terminal that answers what programs ask it, in the way of the one it plays, and counts what it is sent."""

import bisect
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.terminal_session import TerminalSession

Replies = Mapping[str, str]

_CURSOR = "\x1b[6n"
_KITTY = re.escape("\x1b_G") + "i=([0-9]+),[^\x1b]*a=q[^\x1b]*" + re.escape("\x1b\\")
_LONGEST_QUESTION = 100
_CELL, _NAME, _ATTRIBUTES = "\x1b[16t", "\x1b[>0q", "\x1b[c"

# What terminals send for the questions above; `cursor` is the column after three signs.
KITTY: Replies = {
    "cursor": "\x1b[2;4R",
    "kitty": "\x1b_Gi=31;OK\x1b\\",
    "cell": "\x1b[6;18;9t",
    "name": "\x1bP>|kitty(0.36.4)\x1b\\",
    "attributes": "\x1b[?62;52;c",
}
FOOT: Replies = {
    "cursor": "\x1b[2;4R",
    "cell": "\x1b[6;20;10t",
    "name": "\x1bP>|foot(1.16.2)\x1b\\",
    "attributes": "\x1b[?62;4;22c",
}
XTERM: Replies = {"cursor": "\x1b[2;4R", "attributes": "\x1b[?64;1;2;6;9;15;18;21;22c"}
WIDE_PUTTY: Replies = {"cursor": "\x1b[2;7R", "attributes": "\x1b[?6c"}
SILENT: Replies = {}
_PATTERNS = {
    "cursor": re.escape(_CURSOR),
    "kitty": _KITTY,
    "cell": re.escape(_CELL),
    "name": re.escape(_NAME),
    "attributes": re.escape(_ATTRIBUTES),
}
_QUESTION = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()).encode())


class AnsweringTerminal(TerminalSession):
    """A program in a terminal that answers.

    Attributes:
        answered: How many questions were answered.
        arrivals: When something came, and how many bytes there were by then.

    Args:
        replies: What is answered to which question.
        delay: Seconds that an answer takes.
        piece: Bytes that arrive at a time; 0 sends an answer whole.
        size: Columns and rows.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        replies: Replies = KITTY,
        *,
        delay: float = 0.0,
        piece: int = 0,
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self._replies, self._delay, self._piece = replies, delay, piece
        self._asked = 0
        self._line = threading.Lock()
        self.answered = 0
        self.arrivals: list[tuple[float, int]] = []
        super().__init__(arguments, environment, folder, size=size)

    def heard(self, chunk: bytes) -> None:
        """Answer the questions of what was sent, and note when it came."""
        self.arrivals.append((time.monotonic(), len(self._said)))
        # A question may have begun in what came before.
        begin = max(self._asked, len(self._said) - len(chunk) - _LONGEST_QUESTION)
        for question in _QUESTION.finditer(self.part(begin, len(self._said))):
            self._asked = begin + question.end()
            reply = self._replies.get(question.lastgroup or "", "")
            if reply:
                self._answer(reply.encode())

    def press(self, keys: str) -> None:
        """Type; a terminal sends keys before or after an answer, never within one."""
        with self._line:
            super().press(keys)

    @property
    def length(self) -> int:
        """How many bytes have come."""
        return len(self._said)

    def part(self, begin: int, end: int) -> bytes:
        """Some of what has come."""
        return bytes(self._said[begin:end])

    def arrivals_within(self, length: int) -> int:
        """How many arrivals make up the first bytes."""
        return bisect.bisect_right(self.arrivals, length, key=lambda arrival: arrival[1])

    def arrival(self, length: int) -> float:
        """When so many bytes had come, by `time.monotonic`."""
        return self.arrivals[bisect.bisect_left(self.arrivals, length, key=lambda arrival: arrival[1])][0]

    def _answer(self, reply: bytes) -> None:
        time.sleep(self._delay)
        size = self._piece or len(reply)
        with self._line:
            for start in range(0, len(reply), size):
                os.write(self._terminal, reply[start : start + size])
                if self._piece:
                    time.sleep(0.02)
        self.answered += 1
