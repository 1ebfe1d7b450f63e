"""Makes README's pictures from a real run: `python .readme/make_pictures.py` (about two minutes).

Runs `loratui demo` in a pseudo-terminal, keeps what the terminal shows at the end as `demo.svg`, and the grid that the
demo drew as `grid.png`.
"""

import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS, ROWS = 100, 64
HERE = Path(__file__).parent


def main() -> None:
    """Make both pictures."""
    with tempfile.TemporaryDirectory() as directory:
        screen = run_in_terminal(
            [sys.executable, "-m", "loratui", "demo", "--out", "output", "--images", "halfcell"], Path(directory)
        )
        write_svg(screen, HERE / "demo.svg")
        shutil.copy(Path(directory) / "output" / "emi-grid.png", HERE / "grid.png")


def run_in_terminal(command: list[str], directory: Path) -> pyte.Screen:
    """Run `command` to its end in a terminal of COLUMNS × ROWS and return what it shows then."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    first, second = pty.openpty()
    fcntl.ioctl(second, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LORATUI_HOME": str(directory / "home"),
        "PYTHONPATH": str(HERE.parent),
    }
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdin=second, stdout=second, stderr=second, start_new_session=True
    )
    os.close(second)
    shown = b""
    while True:
        try:
            data = os.read(first, 65536)
        except OSError:  # the terminal's other end was closed
            break
        if not data:
            break
        shown += data
    # Questions in kitty's protocol, which pyte would print; real terminals swallow what they do not know.
    stream.feed(re.sub(rb"\x1b_.*?\x1b\\", b"", shown, flags=re.DOTALL))
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return screen


def write_svg(screen: pyte.Screen, file: Path) -> None:
    """Draw the used part of `screen` as SVG."""
    lines = [row_text(screen, row) for row in range(screen.lines)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    console = Console(width=screen.columns, record=True, file=io.StringIO(), color_system="truecolor")
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    console.save_svg(str(file), title="loratui demo")


def row_text(screen: pyte.Screen, row: int) -> Text:
    """Return a row of the screen with its colours."""
    text = Text(end="")
    for column in range(screen.columns):
        cell = screen.buffer[row][column]
        text.append(cell.data or " ", Style(color=colour(cell.fg), bgcolor=colour(cell.bg), bold=cell.bold))
    text.rstrip()
    return text


def colour(name: str) -> str | None:
    """Translate pyte's colour names into rich's."""
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in name):
        return f"#{name}"
    return {"brown": "yellow"}.get(name, name.replace("bright", "bright_"))


if __name__ == "__main__":
    main()
