"""Where the commands speak: text for a person, or one JSON object for a program.

Everything said here may come from files, so it is made printable and never read as rich's markup.
"""

import json
import os
import re
import sys
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from loratui.errors import LoratuiError
from loratui.safe_text import printable

_WIDTH_ELSEWHERE = 80
# How a line begins that is a command to be copied.
_COMMAND = "python -c "


class Refused(LoratuiError):
    """A refusal with figures that a program may want beside the sentence."""

    def __init__(self, what: str, todo: str = "", **details: Any) -> None:
        super().__init__(what, todo)
        self.details = details


def _console(*, error: bool = False) -> Console:
    stream = sys.stderr if error else sys.stdout
    return Console(
        stderr=error, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False, soft_wrap=True
    )


@dataclass(frozen=True)
class Terminal:
    """What a command writes to: with `json`, stdout gets nothing but the one object of `answer`."""

    json: bool = False
    out: Console = field(default_factory=_console)
    err: Console = field(default_factory=lambda: _console(error=True))

    @property
    def is_live(self) -> bool:
        """Whether a person watches stdout in a terminal that can redraw a line."""
        return not self.json and self.out.is_terminal and os.environ.get("TERM", "") not in ("", "dumb")

    @property
    def speaks_unicode(self) -> bool:
        """Whether stdout takes more than ASCII."""
        return self.out.encoding.lower().replace("-", "").startswith("utf")

    @property
    def may_ask(self) -> bool:
        """Whether a person can be asked and answer with a key."""
        return not self.json and self.out.is_terminal and sys.stdin is not None and sys.stdin.isatty()

    @property
    def width(self) -> int:
        """Columns to lay a table out in."""
        return self.out.width if self.out.is_terminal else _WIDTH_ELSEWHERE

    def say(self, text: str = "", style: str = "", *, verbatim: bool = False) -> None:
        """Write a line for a person, in a terminal wrapped at spaces.

        Args:
            verbatim: Leave the line whole, as one that ends with a path or is a line of a file.
        """
        if not self.json:
            line = printable(text)
            self.out.print(Text(line if verbatim else _wrapped(line, self.out), style=style))

    def warn(self, text: str) -> None:
        """Write a line to stderr for a person."""
        if not self.json:
            self.err.print(Text(_wrapped(printable(text), self.err), style="yellow"))

    def answer(self, **fields: Any) -> None:
        """Write the JSON object, where one was asked for."""
        if self.json:
            self._write(fields)

    def answer_list(self, values: list[dict[str, Any]]) -> None:
        """Write a JSON array instead of an object, where one was asked for."""
        if self.json:
            self._write(values)

    def refuse(self, error: LoratuiError) -> None:
        """Say what is wrong and what to do about it."""
        if self.json:
            details = error.details if isinstance(error, Refused) else {}
            self._write({"error": error.what, "todo": error.todo, **details})
            return
        self.complain(error)

    def complain(self, error: LoratuiError) -> None:
        """Say to a person only what is wrong; the JSON object is still to come."""
        if self.json:
            return
        said = Text(_wrapped("error: " + _lines(error.what), self.err))
        said.stylize("bold red", 0, len("error: "))
        self.err.print(said)
        if error.todo:
            self.err.print(Text(_wrapped("  " + _lines(error.todo), self.err)))

    @staticmethod
    def _write(value: dict[str, Any] | list[dict[str, Any]]) -> None:
        # ASCII, so that what a file's name holds reaches a terminal as \u escapes only.
        sys.stdout.write(json.dumps(value, default=str) + "\n")
        sys.stdout.flush()


def _lines(text: str) -> str:
    """`text` with its own line ends kept and everything else made printable."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _wrapped(text: str, console: Console) -> str:
    """`text` wrapped at spaces to a terminal's width, further lines indented by two; unchanged elsewhere.

    A word that is longer than a line, such as a path, is never cut, nor is a command: both can still be copied whole.
    """
    if not console.is_terminal:
        return text
    lines = text.split("\n")
    return "\n".join(line if line.lstrip().startswith(_COMMAND) else _wrap(line, console.width) for line in lines)


def _wrap(line: str, width: int) -> str:
    words = re.findall(r" *[^ ]+", line)
    indent = len(line) - len(line.lstrip(" ")) + 2
    rows, used = words[:1], cell_len(words[0]) if words else 0
    for word in words[1:]:
        if used + cell_len(word) > width:
            rows.append(" " * indent + word.lstrip(" "))
            used = cell_len(rows[-1])
        else:
            rows[-1] += word
            used += cell_len(word)
    return "\n".join(rows)


def number(value: object, pattern: str = ".4f") -> str:
    """A figure from an event, which may be missing, as text."""
    return format(value, pattern) if isinstance(value, int | float) else "?"
