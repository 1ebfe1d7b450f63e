"""What people and the system ask of a running training, noticed between two steps: signals and `commands.jsonl`."""

import signal
from types import FrameType

from loratui.runs.commands import STOP, CommandReader
from loratui.runs.directory import RunDirectory


class Requests:
    """Remembers the first stop signal and reads the commands that came since the last look."""

    def __init__(self, run: RunDirectory, start: int) -> None:
        """Read `run`'s commands from byte `start` of the file on; what lies before was for an earlier start."""
        self._reader = CommandReader(run.commands_path, start)
        self._waiting: list[str] = []
        self.signal_number = 0

    def listen(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP as requests instead of being ended by them."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._remember)

    @property
    def signalled(self) -> bool:
        """Whether a signal asked for a stop."""
        return self.signal_number != 0

    @property
    def stop_commanded(self) -> bool:
        """Whether the command `stop` waits to be taken."""
        self._waiting += self._reader.read()
        return STOP in self._waiting

    def take_commands(self) -> list[str]:
        """Return the commands that came since the last call."""
        commands = self._waiting + self._reader.read()
        self._waiting = []
        return commands

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.signal_number = self.signal_number or number
