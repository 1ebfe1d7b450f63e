"""Trying strengths, seen from the screen: which pictures there are, what is being drawn, and asking for more.

Everything is read from `RUN/try` and the run's own comparison, so leaving and coming back shows the same. A worker is
started when something has to be drawn, and leaves by itself. Imports no torch.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loratui.errors import RunError
from loratui.profile.schema import Comparison
from loratui.profile.store import write_profile
from loratui.runs.directory import RunDirectory
from loratui.runs.ending import WorkerFailed, ending_of
from loratui.runs.events import Event, EventReader, EventWriter, read_landmarks
from loratui.runs.history import fold
from loratui.runs.launch import start_run
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.queue import place_in_queue, take_back
from loratui.runs.tried_files import TriedFile, compared_cells
from loratui.runs.trying import ANSWERS, IDLE_SECONDS, Kind, Request, Wish, requests_path

# What the worker is at: "away" there is none, "waiting" for its turn, "starting" it loads its libraries.
Standing = Literal["away", "waiting", "starting", "loading", "drawing", "ready"]
_STANDINGS: dict[str, Standing] = {
    "started": "starting",
    "loading": "loading",
    "drawing": "drawing",
    "cell": "drawing",
    "done": "ready",
    "refused": "ready",
    "superseded": "ready",
}


@dataclass(frozen=True)
class Refusal:
    """Why something was not drawn, and what to do about it."""

    what: str
    todo: str = "Draw it again."


class TrySession:
    """One run's strengths being tried. `poll` learns what is new; everything else only looks.

    A screen looks while a thread polls: `cells` and `pending` are never changed, only replaced by others.

    Attributes:
        cells: The pictures that are there, by row and strength.
        standing: What the worker is at.
        progress: Steps of the sampler that are done, and how many there are.
        pending: Requests that are not answered, by id.
        refusal: Why the latest request was not drawn, until the next one.
        grid: The grid that was written last.
        place: Whom the worker waits for, in words.
        latest: The row that was asked for last, and its strength.
    """

    def __init__(self, run: RunDirectory, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self.run = run
        self.trying = run.trying
        self.cells: Mapping[tuple[Wish, float], Path] = compared_cells(run)
        self.standing: Standing = "away"
        self.progress = (0, 0)
        self.pending: Mapping[str, Request] = {}
        self.refusal: Refusal | None = None
        self.grid: Path | None = None
        self.place = ""
        self.latest: tuple[Wish, float] | None = None
        self._idle_seconds = idle_seconds
        self._events = EventReader(self.trying.events_path)
        self._requests = EventReader(requests_path(self.trying))
        self._own: set[str] = set()
        self._answered: set[str] = set()
        # A screen asks and looks from different threads.
        self._lock = threading.RLock()
        self.poll()

    def picture(self, wish: Wish, strength: float) -> Path | None:
        """The file that shows this; None where it was not drawn, or is gone."""
        path = self.cells.get((wish, strength))
        return path if path is not None and path.is_file() else None

    def draw(self, wish: Wish, strengths: Sequence[float], file: Path) -> str:
        """Ask for pictures of one row; what was asked before and is not drawn is given up. Returns the request's id.

        Raises:
            LoratuiError: the prompt or a strength cannot be used, or no worker can be started.
        """
        settings = wish.settings(tuple(strengths))
        return self._ask("draw", settings, ((wish.label, file),), wish.base, (wish.width, wish.height), None)

    def fill(
        self, settings: Comparison, files: Sequence[TriedFile], base: str, size: tuple[int, int], grid: Path
    ) -> str:
        """Ask for all rows of a comparison and its labelled grid; returns the request's id.

        Args:
            settings: With its prompts named.
            size: Where the settings say 0.
            grid: The finished LoRA's file, beside which the grid is put.

        Raises:
            LoratuiError: no worker can be started.
        """
        return self._ask("grid", settings, tuple((file.label, file.path) for file in files), base, size, grid)

    def read_comparison(self) -> None:
        """Learn what the run itself has drawn by now."""
        with self._lock:
            self.cells = {**compared_cells(self.run), **self.cells}

    def cancel(self) -> None:
        """Take back whatever is not drawn yet."""
        with self._lock:
            self._write("cancel")
            self.pending = {}
        if not is_alive(self.trying):
            take_back(self.trying)

    def poll(self) -> bool:
        """Learn what is new; True when anything is."""
        with self._lock:
            return self._poll()

    def _poll(self) -> bool:
        before = (self.standing, self.place, self.refusal)
        news = self._read()
        busy, alive = is_busy(self.trying), is_alive(self.trying)
        if not busy:
            # What it wrote before it left is there by now.
            news |= self._read()
            self.standing, self.place = "away", ""
            if self.pending:
                self._attend()
        elif not alive:
            self.place = place_in_queue(self.trying)
            self.standing = "waiting" if self.place else "starting"
        else:
            self.place = ""
            self.standing = "starting" if self.standing in ("away", "waiting") else self.standing
        return news or before != (self.standing, self.place, self.refusal)

    def _ask(
        self,
        kind: Kind,
        settings: Comparison,
        files: tuple[tuple[str, Path], ...],
        base: str,
        size: tuple[int, int],
        lora: Path | None,
    ) -> str:
        directory, stem = (lora.parent, lora.stem) if lora is not None else (Path(), "")
        identity = f"{time.time():.3f}-{secrets.token_hex(3)}"
        request = Request(identity, kind, settings, files, base, size, directory, stem, self._idle_seconds)
        with self._lock:
            self._read()
            busy = is_busy(self.trying)
            if not busy:
                self._prepare()
                self.pending = {}
                # What an earlier worker left undone is not what anybody waits for now.
                self._write("cancel")
            self._write(kind, **request.fields())
            self._own.add(request.id)
            self.refusal = None
            self._read()
            if not busy:
                self._start()
        return request.id

    def _prepare(self) -> None:
        with self._writable():
            self.trying.path.mkdir(exist_ok=True)
        write_profile(self.run.read_profile(), self.trying.profile_path, self.trying.name)

    def _start(self) -> None:
        try:
            start_run(self.trying, "try")
        except RunError:
            if not is_busy(self.trying):  # else somebody else just did
                self.pending = {}
                raise

    def _write(self, kind: str, **fields: Any) -> None:
        with self._writable(), EventWriter(requests_path(self.trying), 0) as requests:
            requests.write(kind, **fields)

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"Nothing can be written into {self.trying.path}: {error.strerror or error}.", "Make room there."
            ) from error

    def _read(self) -> bool:
        # In this order: what led to these answers is among the requests by now.
        events, requests = list(self._events.read()), list(self._requests.read())
        for line in requests:
            if line["event"] == "cancel":
                self._give_up(line)
            elif (request := Request.read(line)) is not None:
                self._take_request(request)
        cells: dict[tuple[Wish, float], Path] = {}
        for event in events:
            if event["event"] == "cell" and (wish := Wish.read(event.get("wish"))) is not None:
                cells[wish, float(event["strength"])] = Path(str(event["file"]))
            self._take(event)
        if cells:
            self.cells = {**self.cells, **cells}
        return bool(events or requests)

    def _give_up(self, line: Event) -> None:
        """Nothing comes of what was asked for until then; if somebody else took it back, this is said."""
        if not self._own.isdisjoint(self.pending):
            self.refusal = Refusal(str(line.get("what") or "It was taken back elsewhere."))
        self.pending = {}

    def _take_request(self, request: Request) -> None:
        """A request that takes the place of older ones of its kind."""
        if request.kind == "draw":
            strength = next((strength for strength in request.settings.strengths if strength), 0.0)
            self.latest = (request.first_row, strength)
        if request.id in self._answered:
            return
        others = {name: older for name, older in self.pending.items() if older.kind != request.kind}
        self.pending = {**others, request.id: request}

    def _take(self, event: Event) -> None:
        kind, request = event["event"], str(event.get("request", ""))
        self.standing = _STANDINGS.get(kind, self.standing)
        if kind == "drawing":
            self.progress = (int(event.get("done", 0)), int(event.get("of", 0)))
        elif kind in ANSWERS:
            self._answered.add(request)
            self.pending = {name: asked for name, asked in self.pending.items() if name != request}
            self.progress = (0, 0)
            if kind == "refused" and request in self._own:
                self.refusal = Refusal(str(event.get("what", "")), str(event.get("todo", "")))
            elif event.get("grid"):
                self.grid = Path(str(event["grid"]))

    def _attend(self) -> None:
        """Somebody waits and nobody draws: start a worker that had just left, else say what became of it."""
        self.pending = {name: request for name, request in self.pending.items() if name in self._own}
        history = fold(read_landmarks(self.trying.events_path))
        if not self.pending or is_busy(self.trying):
            return
        try:
            ending = ending_of(self.trying, history)
        except WorkerFailed as error:
            self.refusal = Refusal(error.what, error.todo)
            self.pending = {}
            return
        if ending.kind == "finished":
            self._start()
        else:
            self.refusal = Refusal("The drawing was stopped.")
            self.pending = {}
