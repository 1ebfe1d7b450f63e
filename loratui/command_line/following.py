"""Following a run from a terminal: events to a view, Ctrl+C to a question, and how it all ended.

Knows nothing of how anything is shown. Whoever follows can always leave; the run goes on without.
"""

import signal
import time
from collections.abc import Callable

from loratui.command_line.interruptions import Interruptions, Keys
from loratui.command_line.terminal import Terminal
from loratui.command_line.watching import View
from loratui.runs.directory import RunDirectory
from loratui.runs.ending import Ending, ending_of
from loratui.runs.events import EventReader, follow_reader
from loratui.runs.history import ENDS, History
from loratui.runs.lock import is_busy
from loratui.runs.queue import place_in_queue
from loratui.runs.stopping import Stopping

# After its last event a worker has only its own taking down left to do.
_TIME_TO_LEAVE = 20.0
# A run with a free slot has a ticket for an instant only; nobody needs to hear of it.
_QUEUE_IS_NEWS_AFTER = 1.5
_QUESTION = "Ctrl+C: [l]eave it running, [s]top and save, [k]eep watching? (Ctrl+C again leaves)"
_STOPPING = "Stopping after this step. Ctrl+C again leaves the worker running and returns at once."


class Follower:
    """Follows one run.

    Args:
        interruptions: In force for as long as the run is followed.
        owns: The run belongs to this command: without a terminal to ask in, Ctrl+C stops it. Else Ctrl+C only leaves.
        before_stop: Called before the run is stopped because of a signal.
    """

    def __init__(
        self,
        run: RunDirectory,
        terminal: Terminal,
        view: View,
        interruptions: Interruptions,
        *,
        owns: bool,
        before_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._run = run
        self._view = view
        self._owns = owns
        self._before_stop = before_stop
        self._may_ask = terminal.may_ask
        self._keys = Keys()
        self._interruptions = interruptions
        self._stopping: Stopping | None = None
        self._asked: int | None = None
        self._place = ""
        self._place_asked_at = time.monotonic() + _QUEUE_IS_NEWS_AFTER

    def follow(self, history: History, reader: EventReader) -> Ending:
        """Show every further event until the run is over or nobody wants to see more.

        Args:
            history: What the reader has read so far; learns what comes.

        Raises:
            WorkerFailed: the worker failed or died.
        """
        deadline: float | None = None
        with self._keys:
            for event in follow_reader(reader, lambda: not is_busy(self._run)):
                if left := self._heed():
                    return left
                if self._stopping is not None:
                    self._stopping.pursue(history)
                if event is not None:
                    history.take(event)
                    self._view.show(event)
                    if event["event"] in (*ENDS, "started"):
                        deadline = time.monotonic() + _TIME_TO_LEAVE if event["event"] in ENDS else None
                elif deadline is not None and time.monotonic() > deadline:
                    break
                elif deadline is None:
                    self._tell_place()
        if self._stopping is not None and self._stopping.taken_back:
            return Ending("stopped", signal_number=self._asked or 0)
        return ending_of(self._run, history, self._asked)

    def _heed(self) -> Ending | None:
        """React to Ctrl+C and to the answer; returns an ending when the follower shall leave."""
        number = self._interruptions.take()
        if number:
            asks = self._may_ask and number == signal.SIGINT
            if self._keys.is_open or self._stopping is not None or not (self._owns or asks):
                return Ending("left", signal_number=number)
            if asks:
                self._keys.open()
                self._view.note(_QUESTION)
            else:
                self._before_stop()
                self._stop(number)
        match self._keys.read():
            case "l":
                return Ending("left")
            case "s":
                self._keys.close()
                self._stop(0)
            case "k" | "w" | "\x1b" | "\n":
                self._keys.close()
                self._view.note("Watching on.")
        return None

    def _stop(self, number: int) -> None:
        self._asked = number
        self._stopping = Stopping(self._run, by_signal=number != 0)
        self._view.note(_STOPPING)

    def _tell_place(self) -> None:
        """Say behind whom the run waits, whenever that changes."""
        if time.monotonic() < self._place_asked_at:
            return
        self._place_asked_at = time.monotonic() + 1.0
        place = place_in_queue(self._run)
        if place and place != self._place:
            self._view.note(place)
        self._place = place
