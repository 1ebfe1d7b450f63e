"""Makes README's pictures from a real session: `python .readme/make_pictures.py` (about three minutes).

Opens the wizard in a pseudo-terminal of 80 × 24, presses the keys that a new user presses, and keeps what the terminal
shows as SVG: the training half-way, pictures, settings, and the strengths. The grid is the one that the demo drew.
"""

import fcntl
import io
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, TerminalTheme
from rich.text import Text

COLUMNS, ROWS = 80, 24
HERE = Path(__file__).parent
PATIENCE = 300.0
# The wizard's own background: what is only background needs no rectangle.
BACKGROUND = "16161e"
THEME = TerminalTheme((0x16, 0x16, 0x1E), (0xD5, 0xD9, 0xE8), DEFAULT_TERMINAL_THEME.ansi_colors._colors)
# Questions in kitty's protocol, which pyte would print; real terminals swallow what they do not know.
KITTY = re.compile(rb"\x1b_.*?\x1b\\", re.DOTALL)


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        session = Session(home)
        session.wait_for("Try the demo")
        session.press("D")
        session.wait_for(r"step +(8|9|10)\d/\d+")
        session.keep("train")
        session.wait_for("finished at")
        session.press("6")
        session.wait_for("strength 0.8")
        time.sleep(2)
        session.keep("try")
        session.press("3")
        session.wait_for("the model sees")
        time.sleep(2)
        session.keep("pictures")
        session.press("4")
        session.wait_for("The basics")
        time.sleep(1)
        session.keep("settings")
        session.press("q")
        session.end()
        shutil.copy(home / "output" / "emi-grid.png", HERE / "grid.png")


class Session:
    """The wizard in a terminal that nobody sees."""

    def __init__(self, directory: Path) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        first, second = pty.openpty()
        fcntl.ioctl(second, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "HOME": str(directory),
            "LORATUI_HOME": str(directory / ".loratui"),
            "PYTHONPATH": str(HERE.parent),
        }
        command = [sys.executable, "-m", "loratui", "--images", "halfcell"]
        self._process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=second, stdout=second, stderr=second, start_new_session=True
        )
        os.close(second)
        self._terminal = first
        threading.Thread(target=self._read, daemon=True).start()

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._terminal, keys.encode())

    def wait_for(self, pattern: str) -> None:
        """Wait until the screen shows what `pattern` matches."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self._text()):
            if time.monotonic() > deadline:
                self._process.kill()
                raise SystemExit(f"{pattern} never came:\n{self._text()}")
            time.sleep(0.05)

    def keep(self, name: str) -> None:
        """Draw what the terminal shows now as `name.svg`."""
        console = Console(width=COLUMNS, record=True, file=io.StringIO(), color_system="truecolor")
        with self._lock:
            for row in range(ROWS):
                console.print(self._row(row), no_wrap=True, crop=True)
        console.save_svg(str(HERE / f"{name}.svg"), title="loratui", theme=THEME)

    def end(self) -> None:
        """Wait until the program has ended."""
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._terminal, 65536)
            except OSError:  # the terminal's other end was closed
                return
            with self._lock:
                self._stream.feed(KITTY.sub(b"", data))

    def _text(self) -> str:
        with self._lock:
            return "\n".join(self._screen.display)

    def _row(self, row: int) -> Text:
        text = Text(end="")
        for column in range(COLUMNS):
            cell = self._screen.buffer[row][column]
            fore, back = colour(cell.fg), colour(cell.bg)
            if cell.reverse:
                fore, back = back, fore
            text.append(cell.data or " ", Style(color=fore, bgcolor=back, bold=cell.bold))
        return text


def colour(name: str) -> str | None:
    """Translate pyte's colour names into rich's."""
    if name in ("default", BACKGROUND):
        return None
    if len(name) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in name):
        return f"#{name}"
    return {"brown": "yellow"}.get(name, name.replace("bright", "bright_"))


if __name__ == "__main__":
    main()
