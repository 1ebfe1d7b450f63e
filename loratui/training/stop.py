"""A person's or the system's wish to stop, noticed between two steps."""

import signal
from types import FrameType


class StopRequest:
    """Remembers the first stop signal; training asks after every step."""

    def __init__(self) -> None:
        self.signal_number = 0

    @property
    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.signal_number != 0

    def listen(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP as requests instead of being ended by them."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._remember)

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.signal_number = self.signal_number or number
