"""What the terminal can show: its size, colours, signs and pictures, and what tmux keeps from it.

Judges what others have found out: the answers of the terminal itself come from whoever talks to it. Refuses to know
screens, and asks no terminal anything; tmux is asked by a command.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from loratui.environment.finding import Finding
from loratui.safe_text import printable

SMALLEST = (80, 24)
# Shown by a terminal to find out how wide it draws them: a rule, an arrow and a half block.
PROBED_SIGNS = "─→▀"
# These show a picture where characters of it are written, which is how it moves and disappears with the text.
_KITTY_PLACEHOLDERS = ("kitty", "ghostty")
_TMUX_OPTIONS = ("set-clipboard", "allow-passthrough", "escape-time", "default-terminal", "version")
_TMUX_PATIENCE = 2.0
_ESCAPE_MILLISECONDS = 50


@dataclass(frozen=True)
class Answers:
    """What a terminal said when it was asked.

    Attributes:
        name: What it calls itself, such as "kitty(0.36.4)"; "" where it does not say.
        kitty: Whether it takes pictures in kitty's protocol.
        sixel: Whether it takes sixel pictures.
        cell: Width and height of a cell in pixels; None where it does not say.
        sign_columns: Columns that `PROBED_SIGNS` took; None where it does not say.
        complete: Whether it has answered to the end.
    """

    name: str = ""
    kitty: bool = False
    sixel: bool = False
    cell: tuple[int, int] | None = None
    sign_columns: int | None = None
    complete: bool = False

    @property
    def doubles_signs(self) -> bool:
        """Whether rules, arrows and blocks take more than their one column."""
        return self.sign_columns is not None and self.sign_columns > len(PROBED_SIGNS)


def wants_ascii(answers: Answers | None, encoding: str = "") -> bool:
    """Whether only ASCII signs keep their places.

    Args:
        answers: What the terminal said, if it was asked.
        encoding: What the program writes in; stdout's if empty.
    """
    return not _is_utf8(encoding) or (answers is not None and answers.doubles_signs)


def choose_images(asked: str, answers: Answers | None, environ: Mapping[str, str] = os.environ) -> str:
    """How pictures are drawn: "kitty", "sixel", "halfcell" or "off".

    Args:
        asked: What a person asked for; "auto" leaves it to the terminal.
        answers: What the terminal said, if it was asked.
    """
    if asked != "auto":
        return asked
    if environ.get("NO_COLOR"):
        return "off"
    if answers is None:
        return "halfcell"
    if answers.kitty and answers.name.lower().startswith(_KITTY_PLACEHOLDERS):
        return "kitty"
    return "sixel" if answers.sixel else "halfcell"


def terminal_findings(
    size: tuple[int, int], answers: Answers | None, environ: Mapping[str, str] = os.environ, images: str = "auto"
) -> list[Finding]:
    """What there is to say about the terminal; asks tmux, which may take some milliseconds.

    Args:
        size: Its width and height in cells.
        answers: What it said, if it was asked.
        environ: The environment variables that describe it.
        images: How a person wants pictures drawn.
    """
    found = [_find_size(size, answers, environ), _find_colours(environ), _find_signs(answers)]
    found.append(_find_images(answers, images, environ))
    if environ.get("TMUX"):
        found.append(_find_tmux(ask_tmux()))
    return found


def _find_size(size: tuple[int, int], answers: Answers | None, environ: Mapping[str, str]) -> Finding:
    name = printable((answers and answers.name) or environ.get("TERM_PROGRAM") or environ.get("TERM") or "unknown")
    value = f"{name}, {size[0]} × {size[1]}"
    if size[0] >= SMALLEST[0] and size[1] >= SMALLEST[1]:
        return Finding("Terminal", value)
    return Finding("Terminal", value, "warning", f"Make the window at least {SMALLEST[0]} × {SMALLEST[1]} characters.")


def _find_colours(environ: Mapping[str, str]) -> Finding:
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR"):
        return Finding("Colours", "none: NO_COLOR is set")
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return Finding("Colours", "16.7 million (24 bits)")
    if term.endswith(("256color", "-kitty", "-ghostty")):
        todo = "If the terminal shows 24-bit colours, pictures gain from saying so in ~/.profile."
        return Finding("Colours", "256", "good", todo, ("export COLORTERM=truecolor",))
    return Finding(
        "Colours",
        f"16 (TERM is {printable(term) or 'not set'})",
        "warning",
        "Pictures need 256: set the terminal's type to xterm-256color.",
        ("export TERM=xterm-256color",),
    )


def _find_signs(answers: Answers | None) -> Finding:
    if not _is_utf8():
        todo = "Choose a locale in UTF-8; until then the wizard draws in ASCII."
        return Finding("Characters", f"{sys.stdout.encoding}, not UTF-8", "warning", todo, ("export LC_ALL=C.UTF-8",))
    if answers is None or answers.sign_columns is None:
        return Finding("Characters", "UTF-8")
    if not answers.doubles_signs:
        return Finding("Characters", "UTF-8, every sign in its column")
    if answers.sign_columns == 2 * len(PROBED_SIGNS):
        todo = "Nothing is lost but looks: have ambiguous characters drawn narrow to see lines and half-block pictures."
        return Finding("Characters", "UTF-8, lines and arrows drawn double: ASCII instead", "warning", todo)
    todo = "Set the terminal's character set to UTF-8; until then the wizard draws in ASCII."
    return Finding("Characters", "the terminal does not read UTF-8", "warning", todo)


def _find_images(answers: Answers | None, asked: str, environ: Mapping[str, str]) -> Finding:
    images = choose_images(asked, answers, environ)
    if images == "halfcell" and wants_ascii(answers):
        images = "off"
    said = {
        "kitty": "kitty's protocol, every pixel",
        "sixel": "sixel, every pixel",
        "halfcell": "half blocks, two pixels a character",
        "off": "off: their paths are shown",
    }[images]
    return Finding("Pictures", said)


def _find_tmux(options: Mapping[str, str] | None) -> Finding:
    if options is None:
        return Finding("tmux", "does not say how it is set up")
    lines = tmux_lines(options)
    value = f"tmux {printable(options['version'])}"
    if not lines:
        return Finding("tmux", f"{value}, copying and pictures pass through")
    todo = "Add to ~/.tmux.conf, then run: tmux source-file ~/.tmux.conf"
    return Finding("tmux", f"{value}, {_tmux_losses(lines)}", "warning", todo, lines)


def tmux_lines(options: Mapping[str, str]) -> tuple[str, ...]:
    """Lines of `~/.tmux.conf` that let copying, pictures, Esc and colours through.

    Args:
        options: The options of `ask_tmux`; one that this tmux does not know is empty.
    """
    lines = []
    if options["set-clipboard"] not in ("on", "2"):
        lines.append("set -g set-clipboard on")
    if options["allow-passthrough"] in ("off", "0"):
        lines.append("set -g allow-passthrough on")
    delay = options["escape-time"]
    if delay.isdecimal() and int(delay) > _ESCAPE_MILLISECONDS:
        lines.append("set -g escape-time 20")
    if "256color" not in options["default-terminal"] and "direct" not in options["default-terminal"]:
        lines.append('set -g default-terminal "tmux-256color"')
    return tuple(lines)


def _tmux_losses(lines: tuple[str, ...]) -> str:
    losses = {
        "set-clipboard": "keeps copied text to itself",
        "allow-passthrough": "holds pictures back",
        "escape-time": "delays Esc",
        "default-terminal": "has few colours",
    }
    return "; ".join(losses[line.split()[2]] for line in lines)


def ask_tmux() -> dict[str, str] | None:
    """The options of the tmux that this program runs in; None where it does not answer."""
    wanted = "\t".join("#{" + option + "}" for option in _TMUX_OPTIONS)
    command = ["tmux", "display-message", "-p", wanted]
    try:
        said = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_TMUX_PATIENCE, encoding="utf-8"
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    values = said.stdout.rstrip("\n").split("\t")
    return dict(zip(_TMUX_OPTIONS, values, strict=True)) if len(values) == len(_TMUX_OPTIONS) else None


def _is_utf8(encoding: str = "") -> bool:
    known = encoding or getattr(sys.__stdout__, "encoding", "") or "utf-8"
    return known.lower().replace("-", "").startswith("utf8")
