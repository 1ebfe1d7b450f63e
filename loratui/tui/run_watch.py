"""A run as its directory tells it, taken in bit by bit; what a screen shows of it is a `Moment`, which never changes.

Knows no widgets. Everything comes from events, locks and the queue, so whoever comes later sees the same as somebody
who watched from the beginning.
"""

import time
from collections import deque
from dataclasses import replace
from pathlib import Path

from loratui.dataset.problems import counted
from loratui.runs.commands import STOP, STOP_AFTER_EPOCH
from loratui.runs.directory import RunDirectory
from loratui.runs.ending import Ending, WorkerFailed, ending_of
from loratui.runs.events import Event, EventReader, pictures_drawn
from loratui.runs.history import History
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.queue import Ticket, place_in_queue, ticket_of
from loratui.runs.state import State, state_of
from loratui.runs.stopping import Stopping
from loratui.safe_text import printable
from loratui.tui.loss_curve import Curve, GrowingCurve
from loratui.tui.moment import Moment, Preview

# What a worker is said to be at that draws the run's own grid.
COMPARING = "drawing the comparison"
# The pace is that of the steps of this many last seconds, and of at least so many steps.
_PACE_SECONDS = 30.0
_PACE_STEPS = 10
_REMEMBERED = 1000
# So often the curve is handed out anew while it grows.
_CURVE_SECONDS = 1.0
_MADE_EACH_TIME = ("step", "caching", "drawing", "cell", "state")


class RunWatch:
    """Reads a run again and again; one thread at a time may `poll`.

    Attributes:
        history: Everything that its events tell.
        ending: How it ended, None while it has not, or has failed.
        moment: What the latest poll found; may be read from any thread.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.history = History()
        self.ending: Ending | None = None
        self.moment = Moment()
        self._reader = EventReader(run.events_path)
        self._curve = GrowingCurve()
        self._curve_taken_at = 0.0
        self._paces: deque[tuple[float, int]] = deque()
        self._happened: deque[Event] = deque(maxlen=_REMEMBERED)
        self._previews: list[Preview] = []
        self._latest: Event = {}
        self._epoch = 0
        self._proposal = ""
        self._memory = (0, 0)
        self._stopping: Stopping | None = None

    @property
    def state(self) -> State:
        """What had become of it at the latest poll."""
        return self.moment.state

    def stop(self) -> None:
        """Have the run stop and save; each further poll sees to it."""
        self._stopping = Stopping(self.run)

    def poll(self) -> bool:
        """Take in what is new; returns whether anything has changed."""
        # Asked first: whoever has ended in between has then written its last event.
        busy = is_busy(self.run)
        found = False
        for event in self._reader.read():
            found = True
            self._take(event)
        if self._stopping is not None:
            if busy and not self._stopping.taken_back:
                self._stopping.pursue(self.history)
            else:
                self._stopping = None
        moment = self._look(found, busy)
        if moment == self.moment:
            return False
        self.moment = moment
        return True

    def _take(self, event: Event) -> None:
        history, attempt = self.history, event.get("attempt")
        before = history.attempt, history.attempts
        history.take(event)
        if isinstance(attempt, int) and attempt < history.attempt:
            return
        kind = event["event"]
        if before != (history.attempt, history.attempts):
            self._paces.clear()
            self._proposal = ""
        self._curve.forget_after(history.step)
        if kind not in _MADE_EACH_TIME:
            self._happened.append(event)
        if kind in ("step", "caching", "drawing", "started", "base", "training", "trained"):
            self._latest = event
        match kind:
            case "step":
                self._take_step(event)
            case "training":
                self._curve.last = history.steps
            case "resumed":
                self._curve.last = history.steps
                self._paces.clear()
            case "validation":
                self._take_validation(event)
            case "preview" if event.get("file"):
                preview = Preview(Path(str(event["file"])), str(event.get("prompt") or ""), _whole(event.get("step")))
                self._previews = [*(one for one in self._previews if one.file != preview.file), preview]
            case "proposed":
                self._proposal = str(event.get("what") or "")
            case "preflight" | "finished":
                peak = event.get("peak_gpu_memory_bytes", event.get("peak_memory_bytes"))
                self._memory = (max(self._memory[0], _whole(peak)), self._memory[1])

    def _take_step(self, event: Event) -> None:
        step, loss, at = event.get("step"), event.get("loss"), event.get("time")
        if not isinstance(step, int):
            return
        self._epoch = _whole(event.get("epoch")) or self._epoch
        if isinstance(loss, int | float):
            self._curve.add(step, float(loss))
        if isinstance(at, int | float):
            if self._paces and self._paces[-1][1] >= step:
                self._paces.clear()
            self._paces.append((float(at), step))
            while len(self._paces) > _PACE_STEPS and self._paces[0][0] < at - _PACE_SECONDS:
                self._paces.popleft()

    def _take_validation(self, event: Event) -> None:
        if isinstance(loss := event.get("loss"), int | float):
            self._curve.add_validation(_whole(event.get("step")), float(loss))
        peak, reserved = _whole(event.get("peak_memory_bytes")), _whole(event.get("reserved_memory_bytes"))
        self._memory = (max(self._memory[0], peak), reserved or self._memory[1])

    def _look(self, found: bool, busy: bool) -> Moment:
        history = self.history
        ticket = ticket_of(self.run)
        ticket = ticket if ticket is not None and ticket.task == "train" else None
        state = self._state(ticket)
        training = history.training or {}
        epochs = _whole(training.get("epochs"))
        rate = self._rate()
        validation = list(history.validation.values())
        curve = self._taken_curve(found, busy)
        ended = state not in ("running", "queued")
        failure = self._failure(state)
        self.ending = self._ending(state)
        # Whether the files are still there is asked of the disk, and only where it is shown.
        saved = self.moment.saved if ended and not found and self.moment.state == state else ()
        if ended and not saved:
            saved = tuple(history.saved)
        doing, share = self._doing(state)
        return Moment(
            is_known=True,
            state=state,
            task=history.task,
            has_begun=history.attempts > 0,
            doing=doing,
            share=share,
            step=history.step,
            steps=history.steps,
            epoch=min(self._epoch, epochs) if epochs else self._epoch,
            epochs=epochs,
            rate=rate,
            left=(history.steps - history.step) / rate if rate and history.steps else None,
            loss=history.last_loss,
            smoothed=self._curve.latest,
            validation=validation[-1] if validation else None,
            before=validation[-2] if len(validation) > 1 else None,
            learning_rate=history.rates.get(history.step),
            best_epoch=history.best_epoch,
            curve=curve,
            happened=self.moment.happened if not found else tuple(self._happened),
            previews=tuple(self._previews),
            device=str((history.base or {}).get("device") or ""),
            pid=history.pid if state == "running" else None,
            memory_peak=self._memory[0],
            memory_reserved=self._memory[1],
            place=place_in_queue(self.run) if state == "queued" else "",
            is_left_behind=state == "queued" and ticket is not None and not ticket.is_living,
            proposal=self._proposal if state == "failed" else "",
            failure=failure,
            end=history.end or {},
            saved=saved,
            installed=tuple(history.installed),
            verified=history.verified is not None,
            worked=history.worked,
            stopping=self._when_stopping() if state == "running" else "",
        )

    def _state(self, ticket: Ticket | None) -> State:
        history = self.history
        if history.task == "train" and history.end is None and is_alive(self.run):
            return "running"
        if ticket is not None:
            return "running" if ticket.starting else "queued"
        return state_of(history)

    def _doing(self, state: State) -> tuple[str, float]:
        """What a worker is at that takes no steps yet, or no more."""
        if state != "running":
            return "", 0.0
        kind, done, of = self._latest.get("event"), _whole(self._latest.get("done")), _whole(self._latest.get("of"))
        share = done / of if of else 0.0
        match kind:
            case "caching":
                return f"caching {printable(self._latest.get('what') or 'pictures')} {done} of {of}", share
            case "drawing":
                drawn, pictures = pictures_drawn(self._latest)
                return COMPARING + (f": {drawn} of {counted(pictures, 'picture')}" if pictures else ""), share
            case "trained":
                return COMPARING, 0.0
            case "base":
                return "getting the pictures ready", 0.0
            case "training":
                if self.history.preflight is None and self.history.resumed is None:
                    return "two trial steps, to measure memory and time", 0.0
                return "beginning", 0.0
            case "step":
                return ("proving the finished file" if self.history.step >= self.history.steps > 0 else ""), 1.0
        return "loading the base", 0.0

    def _when_stopping(self) -> str:
        if self._stopping is not None or STOP in self.history.told:
            return "after this step"
        return "after this epoch" if STOP_AFTER_EPOCH in self.history.told else ""

    def _taken_curve(self, found: bool, busy: bool) -> Curve:
        now = time.monotonic()
        if not found and self._curve.is_taken:
            return self.moment.curve
        if busy and now - self._curve_taken_at < _CURVE_SECONDS:
            return self.moment.curve
        self._curve_taken_at = now
        return self._curve.taken()

    def _rate(self) -> float:
        if len(self._paces) < 2:
            return 1 / self.history.pace if self.history.pace else 0.0
        (began, first), (ended, last) = self._paces[0], self._paces[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def _failure(self, state: State) -> WorkerFailed | None:
        """Why the training failed; a comparison drawn later does not change that."""
        if state not in ("failed", "interrupted"):
            return None
        if self.moment.failure is not None and self.moment.end == (self.history.end or {}):
            return self.moment.failure
        history = self.history if self.history.task == "train" else replace(self.history, task="train", exited=None)
        try:
            ending_of(self.run, history)
        except WorkerFailed as failure:
            return failure
        return None

    def _ending(self, state: State) -> Ending | None:
        end = self.history.end
        if state == "finished" and end is not None:
            return Ending("finished", end)
        if state == "stopped" and end is not None:
            return Ending("stopped", end, _whole(end.get("signal")))
        return None


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
