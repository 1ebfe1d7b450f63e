"""How soon programs paint their first frame: the wizard, posting, a minimal Textual app, and a bare import.

Each starts in a fresh pseudo-terminal of 80×24 that answers its questions, or does not. The programs take turns, so
that a busy moment of the machine falls on all of them.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.answering_terminal import KITTY, SILENT, AnsweringTerminal, Replies

ROOT = Path(__file__).parents[2]
IMPORTS = "import textual.app; from textual.widgets import Input, DataTable, Footer"
MINIMAL = """
from textual.app import App
from textual.widgets import Static

class Minimal(App):
    def compose(self):
        yield Static("A minimal Textual app paints nothing but this line.")

Minimal().run()
"""
LAST_ROW = b"\x1b[24;1H"
_ESCAPES = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[_P][^\x1b]*\x1b\\|[ -/]*[0-~])")
_LETTERS = 20
_PATIENCE = 30.0


@dataclass
class Starts:
    """Seconds to the first frame, by program, in a terminal that answers and in one that does not."""

    answering: dict[str, list[float]] = field(default_factory=dict)
    silent: dict[str, list[float]] = field(default_factory=dict)
    imports: list[float] = field(default_factory=list)

    def median(self, program: str, *, answering: bool) -> float:
        """The median of a program's starts."""
        return statistics.median((self.answering if answering else self.silent)[program])


def environment(home: Path) -> dict[str, str]:
    """The variables of a person who has just logged in: a home of their own, and nothing that changes a terminal."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(home), "COLORTERM": "truecolor", "HF_HUB_OFFLINE": "1"}


def measure_starts(directory: Path, repetitions: int) -> Starts:
    """Start every program `repetitions` times in both kinds of terminal, after one start that does not count."""
    home = directory / "start"
    home.mkdir()
    programs = {
        "loratui": [sys.executable, "-m", "loratui"],
        "posting": [str(posting())],
        "minimal": [sys.executable, "-c", MINIMAL],
    }
    variables = {**environment(home), "PYTHONPATH": str(ROOT), "LORATUI_HOME": str(home / "loratui")}
    starts = Starts()
    for turn in range(repetitions + 1):
        imported = seconds_to_import(variables)
        if turn:
            starts.imports.append(imported)
        for replies, into in ((KITTY, starts.answering), (SILENT, starts.silent)):
            for name, command in programs.items():
                seconds = first_frame(command, variables, home, replies)
                if turn:
                    into.setdefault(name, []).append(seconds)
    return starts


def seconds_to_import(variables: Mapping[str, str]) -> float:
    """Seconds of `python -c` with the imports that any Textual program has."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, env=dict(variables))
    return time.monotonic() - begun


def first_frame(command: Sequence[str], variables: Mapping[str, str], folder: Path, replies: Replies) -> float:
    """Seconds from the start of a program to its first painted frame."""
    begun = time.monotonic()
    with AnsweringTerminal(command, variables, folder, replies) as session:
        length = wait_for(session, is_painted)
        return session.arrival(length) - begun


def is_painted(sent: bytes) -> bool:
    """Whether the last row was painted, and there is something to read."""
    return LAST_ROW in sent and len(re.findall(rb"[A-Za-z]", _ESCAPES.sub(b"", sent))) >= _LETTERS


def wait_for(session: AnsweringTerminal, holds: Callable[[bytes], bool], since: int = 0) -> int:
    """Wait until something holds of what was sent; returns the number of bytes with which it began to hold.

    Args:
        session: The terminal.
        holds: Asked about what was sent, again whenever more arrives.
        since: Bytes at the beginning that do not count.
    """
    deadline = time.monotonic() + _PATIENCE
    looked_at = session.arrivals_within(since)
    while True:
        arrivals = session.arrivals[looked_at:]
        for _, total in arrivals:
            if holds(session.part(since, total)):
                return total
        looked_at += len(arrivals)
        if time.monotonic() > deadline:
            raise AssertionError(f"It never came:\n{session.said[-4000:]}")
        time.sleep(0.002)


def posting() -> Path:
    """The program posting, installed into a virtual environment of its own, which is kept for the next time."""
    directory = Path(tempfile.gettempdir()) / "loratui-benchmark-posting"
    program = directory / "bin" / "posting"
    if not program.exists():
        venv.create(directory, clear=True, with_pip=True)
        # With tree-sitter 0.26 the grammars that posting asks for end it by a segmentation fault.
        subprocess.run(
            [str(directory / "bin" / "pip"), "install", "--quiet", "posting", "tree-sitter<0.26"], check=True
        )
    return program
