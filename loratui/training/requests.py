"""What people and the system ask of a running training, noticed between two steps: signals and `commands.jsonl`."""

import signal
from types import FrameType

from loratui.runs.commands import CommandReader
from loratui.runs.directory import RunDirectory


class Requests:
    """Remembers the first stop signal and reads the commands that came since the last look."""

    def __init__(self, run: RunDirectory, start: int = 0) -> None:
        """Read `run`'s commands from byte `start` of the file on; what lies before was for an earlier start."""
        self._commands = CommandReader(run.commands_path, start)
        self.signal_number = 0

    def listen(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP as requests instead of being ended by them."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._remember)

    @property
    def signalled(self) -> bool:
        """Whether a signal asked for a stop."""
        return self.signal_number != 0

    def commands(self) -> list[str]:
        """Return the commands that came since the last call."""
        return self._commands.read()

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.signal_number = self.signal_number or number
