"""The events of a run: one JSON object a line, appended by the worker and read by anybody at any time.

Knows nothing of what an event means. A reader never waits for a writer: a line that is not finished yet is joined
later, and one that was cut in half by a kill is passed over.
"""

import errno
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]

_CHUNK = 1 << 20
# How EventWriter begins the line of a step: nearly all lines of a file, and not needed to tell what became of a run.
_STEP_LINE = b'{"event": "step"'


class EventWriter:
    """Appends events to a file, each in a single write, so that two writers never mix their lines.

    Args:
        path: The events file; created when it is not there.
        attempt: Which start of the worker this is; written into every event.
    """

    def __init__(self, path: Path, attempt: int = 1) -> None:
        self._path = path
        self.attempt = attempt
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._line_is_cut = not _ends_with_newline(self._descriptor)

    def write(self, kind: str, /, **fields: Any) -> None:
        """Append the event `kind`; numbers that JSON lacks (NaN, infinity) become null.

        Raises:
            OSError: the line could not be written whole, as on a full disk; it names the file.
        """
        event: Event = {"event": kind, "time": time.time(), "attempt": self.attempt, **fields}
        line = json.dumps(_json_value(event), allow_nan=False).encode() + b"\n"
        if self._line_is_cut:
            line = b"\n" + line
        self._line_is_cut = True
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            error.filename = str(self._path)
            raise
        if written < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._line_is_cut = False

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventReader:
    """Reads what was appended since the last call, from byte `start` on."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path = path
        self._position = start
        self._unfinished = b""

    def read(self) -> Iterator[Event]:
        """Yield the events that are complete by now; a half last line waits for the next call."""
        yield from filter(None, map(_parsed, self.read_lines()))

    def read_lines(self) -> Iterator[bytes]:
        """Yield the complete lines as they stand in the file."""
        try:
            file = open(self._path, "rb")  # noqa: SIM115 - the with statement follows, outside of the try
        except FileNotFoundError:
            return
        with file:
            file.seek(self._position)
            while chunk := file.read(_CHUNK):
                self._position += len(chunk)
                *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
                yield from lines


def read_events(path: Path) -> list[Event]:
    """Read all complete events of a file; none when it is not there."""
    return list(EventReader(path).read())


def read_landmarks(path: Path) -> list[Event]:
    """Read all events but the steps, and of these the last: what became of a run, at a fraction of the cost."""
    landmarks: list[Event] = []
    last_step = b""
    for line in EventReader(path).read_lines():
        if line.startswith(_STEP_LINE):
            last_step = line if line.endswith(b"}") else last_step
            continue
        event = _parsed(line)
        if event is None:
            continue
        landmarks += filter(None, [_parsed(last_step)])
        landmarks.append(event)
        last_step = b""
    return [*landmarks, *filter(None, [_parsed(last_step)])]


def follow_reader(reader: EventReader, is_over: Callable[[], bool], *, interval: float = 0.1) -> Iterator[Event | None]:
    """Yield events as they appear, and None after each look that found nothing new.

    Args:
        reader: Of an events file, which may appear later; what it has read before is not yielded again.
        is_over: Says that nobody writes any more. What was written before it said so is still yielded.
        interval: Seconds between two looks.
    """
    while True:
        over = is_over()
        found = False
        for event in reader.read():
            found = True
            yield event
        if over:
            return
        if not found:
            yield None
            time.sleep(interval)


def pictures_drawn(event: Event) -> tuple[int, int]:
    """How many pictures a "drawing" event tells of, and how many there will be; zeros where it does not say.

    `done` and `of` count steps of the sampler, of which each picture takes as many.
    """
    done, of, pictures = (event.get(name) for name in ("done", "of", "pictures"))
    if not (isinstance(done, int) and isinstance(of, int) and isinstance(pictures, int)) or of <= 0:
        return 0, 0
    return min(done, of) * pictures // of, pictures


def events_size(path: Path) -> int:
    """Bytes in an events file so far: the `start` for a follower that wants only what comes next."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def next_attempt(path: Path) -> int:
    """Number of the next start of a worker: one more than the highest in the file."""
    attempts = (event.get("attempt") for event in read_landmarks(path))
    return 1 + max((attempt for attempt in attempts if isinstance(attempt, int)), default=0)


def _parsed(line: bytes) -> Event | None:
    if not line:
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("event"), str) else None


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _json_value(value: Any) -> Any:
    """`value` in what JSON holds: paths as text, tensors and numpy numbers as plain ones, no NaN."""
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_value(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "item"):
        return _json_value(value.item())
    return str(value)
