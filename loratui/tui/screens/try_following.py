"""What becomes of a run while Try is looked at: whether there may be more to try, and how far its own grid is.

Knows no widgets. One thread at a time may look.
"""

from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.history import fold
from loratui.runs.state import state_of
from loratui.tui.run_watch import COMPARING, RunWatch

# A run that is not at work is looked at once in so many times: it may be resumed.
_SELDOM = 5


class Following:
    """Follows a run that is not finished.

    Attributes:
        comparing: What it is drawing, and which share of it is done; "" while it draws nothing.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.comparing = ("", 0.0)
        self._watch = RunWatch(run)
        self._looks = 0
        self.look()

    @property
    def is_busy(self) -> bool:
        """Whether the run works or waits."""
        return self._watch.moment.is_busy

    @property
    def is_finished(self) -> bool:
        """Whether all that will be there to try is there."""
        return self._watch.state == "finished"

    def look(self) -> bool:
        """Learn what is new; whether there may be more to try than before, or the run has come to an end."""
        self._looks += 1
        if not self.is_busy and self._looks % _SELDOM and self._looks > 1:
            return False
        before = self._seen()
        self._watch.poll()
        moment = self._watch.moment
        is_drawing = moment.is_busy and moment.doing.startswith(COMPARING)
        self.comparing = (moment.doing, moment.share) if is_drawing else ("", 0.0)
        return self._seen() != before

    def _seen(self) -> tuple[object, ...]:
        history = self._watch.history
        ends = [None if end is None else end["event"] for end in (history.end, history.comparison_end)]
        return self._watch.state, bool(self.comparing[0]), len(history.written), *ends


def follow(run: RunDirectory) -> Following | None:
    """Follow a run; None where it is finished."""
    return None if state_of(fold(read_landmarks(run.events_path))) == "finished" else Following(run)
