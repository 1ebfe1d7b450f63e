"""The wizard as a person has it: the real program in a terminal of its own, whose screen is read; keys are counted."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyte

from loratui.profile.store import write_profile
from tests import stand_in_worker
from tests.small_dataset import small_profile, write_pictures
from tests.small_project import processes_of, wait_until
from tests.terminal_session import TerminalSession

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "end": "\x1b[F",
    "home": "\x1b[H",
    "delete": "\x1b[3~",
    "backspace": "\x7f",
    "ctrl+n": "\x0e",
    "ctrl+u": "\x15",
}
# What this screen does not know and would draw as letters: strings for the terminal, and private control sequences.
_UNKNOWN = re.compile(rb"\x1b[_P^X][^\x1b]*\x1b\\|\x1b\[[<>=][0-9;]*[A-Za-z]|\x1b\[[?0-9;]*\$[a-z]")
_TITLE = re.compile(rb"\x1b\]2;([^\x07\x1b]*)\x07")
_UNFINISHED = re.compile(rb"\x1b(?:[_P^X\]][^\x1b\x07]*\x1b?|\[[<>=?0-9;:$]*)?\Z")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What the program finds in its environment: a home of its own, no terminal multiplexer, no hub."""
    left_out = ("TMUX", "SSH_", "COLUMNS", "LINES", "NO_COLOR", "HF_", "LORATUI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    root = Path(__file__).parents[1]
    return {
        **kept,
        "HOME": str(folder),
        "LORATUI_HOME": str(folder / "home"),
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": f"{kept['PYTHONPATH']}:{root}" if "PYTHONPATH" in kept else str(root),
        "LANG": "C.UTF-8",
        "COLORTERM": "truecolor",
        "OMP_NUM_THREADS": "1",
        **more,
    }


@contextlib.contextmanager
def everything_ends(folder: Path) -> Iterator[None]:
    """End whatever still works for the program's home in `folder` afterwards, as workers do."""
    try:
        yield
    finally:
        home = environment(folder)["LORATUI_HOME"]
        for pid in processes_of(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes_of(home))


@contextlib.contextmanager
def with_stand_in(folder: Path, body: str) -> Iterator[dict[str, str]]:
    """An environment in which `body` takes the worker's place; what it started ends with it."""
    stand_in = stand_in_worker.environment(folder / "stand-in", body)
    with everything_ends(folder):
        yield environment(folder, **{name: stand_in[name] for name in ("PYTHONPATH", "STAND_IN_WORKER")})


@contextlib.contextmanager
def holding_worker(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a person with the profile "emi"; its worker holds after its 20th step."""
    base = folder / "base"
    base.mkdir()
    (base / "model_index.json").write_text("{}")
    profile = small_profile(
        base, write_pictures(folder / "pictures"), folder / "out", output={"name": ""}, accelerate={"device": "cpu"}
    )
    write_profile(profile, folder / "home" / "config" / "profiles" / "emi.toml")
    with with_stand_in(folder, "train(60, hold_at=20)\nfinish()") as variables:
        yield variables


class WizardTerminal(TerminalSession):
    """`loratui` in a terminal.

    Attributes:
        keystrokes: Keys that were pressed so far; a text that was typed counts as one.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str] | None = None,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        program: tuple[str, ...] = (sys.executable, "-m", "loratui"),
    ) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._drawing = threading.Lock()
        self._rest = b""
        self.keystrokes = 0
        super().__init__([*program, *arguments], variables or environment(folder), folder, size=size)

    def heard(self, chunk: bytes) -> None:
        """Draw it."""
        text = _UNKNOWN.sub(b"", self._rest + chunk)
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished else len(text)
        self._rest = text[cut:]
        with self._drawing:
            self._stream.feed(text[:cut])

    @property
    def lines(self) -> list[str]:
        """What is on the screen now."""
        with self._drawing:
            return [line.rstrip() for line in self._screen.display]

    @property
    def reversed_text(self) -> str:
        """What is drawn with foreground and background exchanged."""
        with self._drawing:
            rows = [[self._screen.buffer[y][x] for x in range(self._screen.columns)] for y in range(self._screen.lines)]
        return "".join(cell.data for row in rows for cell in row if cell.reverse)

    @property
    def title(self) -> str:
        """The terminal's title."""
        titles = _TITLE.findall(self.sent)
        return titles[-1].decode(errors="replace") if titles else ""

    def sees(self, text: str) -> bool:
        """Whether a text is on the screen, broken into lines or not."""
        lines = self.lines
        return any(text in line for line in lines) or text in " ".join(line.strip() for line in lines)

    def wait_to_see(self, text: str, seconds: float = 60.0) -> list[str]:
        """Wait until `text` is on the screen; returns the lines."""
        self.wait_until(lambda: self.sees(text), f"{text!r}", seconds)
        return self.lines

    def wait_until(self, condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "\n".join([f"It never came to {what}:", *self.lines])
            time.sleep(0.02)

    def keys(self, *names: str) -> None:
        """Press keys one after the other, each by its name or its letter."""
        for name in names:
            self.keystrokes += 1
            self.press(KEYS.get(name, name))
            # A terminal cannot tell Esc from the beginning of another key but by the pause after it.
            time.sleep(0.8 if name == "escape" else 0.05)

    def type(self, text: str) -> None:
        """Type a text into a field."""
        self.keystrokes += 1
        self.press(text)
        time.sleep(0.1)

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        self._reader.join(5)
