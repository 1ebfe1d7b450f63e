"""What a dataset check has to say: one `Problem` per finding, with a code that programs can rely on.

Refuses to know how a finding is shown; its sentences are already safe for a terminal (`printable`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loratui.errors import DatasetError
from loratui.safe_text import printable

Severity = Literal["stop", "warning", "note"]

_RANK: dict[Severity, int] = {"stop": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Problem:
    """One finding.

    Attributes:
        severity: "stop" forbids a run; "warning" lets it go on with something left out or replaced; "note" informs.
        code: Stable name of the kind of finding, such as "missing-caption".
        path: The file or folder meant, or None when it is the dataset as a whole. Not safe for a terminal as it is.
        message: What was found, safe for a terminal.
        fix: What a person can do about it.
    """

    severity: Severity
    code: str
    path: Path | None
    message: str
    fix: str


class DatasetFault(DatasetError):
    """A `DatasetError` that knows its code, so that a check can report it instead of stopping at it."""

    def __init__(self, code: str, what: str, todo: str) -> None:
        super().__init__(what, todo)
        self.code = code

    def problem(self, severity: Severity, path: Path | None) -> Problem:
        """This fault as a finding of a check."""
        return Problem(severity, self.code, path, self.what, self.todo)


def most_serious_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Stops, then warnings, then notes; otherwise in the order in which they were found."""
    return tuple(sorted(problems, key=lambda problem: _RANK[problem.severity]))


def counted(number: int, one: str, more: str = "") -> str:
    """A number with its noun: "1 picture", "2 pictures"; `more` is the plural where it is not `one` with an s."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def name_some(paths: Sequence[Path], most: int = 3) -> str:
    """The names of the first few `paths`, safe for a terminal: "1.png, 2.png, 3.png and 4 more"."""
    names = ", ".join(printable(path.name) for path in paths[:most])
    return f"{names} and {len(paths) - most} more" if len(paths) > most else names
