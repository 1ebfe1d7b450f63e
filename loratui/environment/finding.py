"""One thing found out about this computer, and the one thing to do about it. Knows neither probes nor screens."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "warning", "bad"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what a person would do.

    Attributes:
        name: Short label, such as `Python` or `GPU 0`.
        value: What was found, on one line.
        state: "good", "warning" (works, with a loss) or "bad" (training does not work like this).
        todo: The one thing to do, a sentence; empty where there is nothing to do.
        lines: Exact lines to add to a file that `todo` names, in their order.
    """

    name: str
    value: str
    state: State = "good"
    todo: str = ""
    lines: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The finding for a program."""
        return {
            "name": self.name,
            "value": self.value,
            "state": self.state,
            "todo": self.todo,
            "lines": list(self.lines),
        }
