"""A program in a pseudo-terminal of its own, as a person behind an SSH link has it."""

import contextlib
import os
import pty
import select
import signal
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class TerminalSession:
    """A running program whose terminal we type into, read from, and can take away."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        size: tuple[int, int] | None = None,
    ) -> None:
        told = {"TERM": "xterm-256color"} if size else {"TERM": "xterm-256color", "COLUMNS": "100"}
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            try:
                if size:
                    termios.tcsetwinsize(0, (size[1], size[0]))
                os.chdir(folder)
                os.execve(arguments[0], list(arguments), {**environment, **told})
            finally:
                os._exit(127)
        self._said = bytearray()
        self._gone = False
        self._is_read = threading.Event()
        self._is_read.set()
        self._status: int | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        """Everything that the program has written so far."""
        return self._said.decode(errors="replace")

    @property
    def sent(self) -> bytes:
        """The same as it came."""
        return bytes(self._said)

    @property
    def modes(self) -> list[Any]:
        """How the terminal treats keys: whether it echoes them, and waits for Enter."""
        return termios.tcgetattr(self._terminal)

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Wait until the program has written `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < deadline, f"{text!r} never came:\n{self.said}"
            time.sleep(0.02)

    def press(self, keys: str) -> None:
        """Type; "\\x03" is Ctrl+C."""
        os.write(self._terminal, keys.encode())

    def stall(self) -> None:
        """Read nothing any more, as a link that hangs: what the program writes piles up until it has to wait."""
        self._is_read.clear()

    def hang_up(self) -> None:
        """Take the terminal away, as a dropped link does: the program gets SIGHUP."""
        self._gone = True
        self._reader.join(5)
        os.close(self._terminal)
        self._terminal = -1

    def wait(self, seconds: float = 60.0) -> int:
        """Wait for the end; returns the exit code, or minus the signal's number."""
        deadline = time.monotonic() + seconds
        while self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
                self._is_read.set()
            else:
                assert time.monotonic() < deadline, f"It does not end:\n{self.said}"
                time.sleep(0.02)
        if self._terminal >= 0:
            self._reader.join(5)
        return self._status

    def __enter__(self) -> "TerminalSession":
        return self

    def __exit__(self, *_: object) -> None:
        self._is_read.set()
        if self._status is None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        if self._terminal >= 0:
            os.close(self._terminal)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                if not self._gone:
                    self._is_read.wait()
                # A terminal is not closed while somebody reads from it.
                if not select.select([self._terminal], [], [], 0.05)[0]:
                    if self._gone:
                        return
                    continue
                chunk = os.read(self._terminal, 65536)
                if not chunk:
                    return
                self._said += chunk
                self.heard(chunk)

    def heard(self, chunk: bytes) -> None:
        """What the terminal does about something that the program has just written."""
