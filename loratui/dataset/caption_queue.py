"""What is done to caption files in the background: one thread, one job after the other, in the order of asking.

Knows what files will say once the jobs before are done, so that nobody goes on from a text that is about to change.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from loratui.dataset.caption_files import EditableCaption

Job = Callable[[], Callable[[], None]]
Outcome = Mapping[Path, EditableCaption]


_threads: set[threading.Thread] = set()


def all_written(seconds: float) -> bool:
    """Wait until every queue has done its jobs, but no longer; the program is about to end, and its threads with it."""
    deadline = time.monotonic() + seconds
    for thread in tuple(_threads):
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in tuple(_threads))


class CaptionQueue:
    """Does jobs in a thread that lives as long as there are any; at the end of the program see `all_written`."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """Begin with nothing to do; `failed` is told what a job did not expect, in the thread."""
        self._failed = failed
        self._lock = threading.Lock()
        self._jobs: deque[tuple[Job, Outcome | None]] = deque()
        self._is_at_work = False

    def put(self, job: Job, outcome: Outcome | None) -> None:
        """Have something done after all that was asked for before.

        Args:
            job: Returns how to tell of it, which is called once the job counts as done.
            outcome: What the files will say afterwards; None where only the job finds that out.
        """
        with self._lock:
            self._jobs.append((job, outcome))
            if self._is_at_work:
                return
            self._is_at_work = True
        thread = threading.Thread(target=self._work, name="captions", daemon=True)
        _threads.add(thread)
        thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether everything has been done."""
        with self._lock:
            return not self._jobs

    @property
    def is_foreseeable(self) -> bool:
        """Whether it is known what files will say when everything has been done."""
        with self._lock:
            return all(outcome is not None for _, outcome in self._jobs)

    def foreseen(self, path: Path) -> EditableCaption | None:
        """What the file will say when everything has been done; None for what it says now."""
        with self._lock:
            outcomes = [outcome for _, outcome in self._jobs if outcome is not None and path in outcome]
        return outcomes[-1][path] if outcomes else None

    def _work(self) -> None:
        try:
            self._work_off()
        finally:
            _threads.discard(threading.current_thread())

    def _work_off(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._is_at_work = False
                    return
                job = self._jobs[0][0]
            try:
                tell = job()
            except Exception as error:
                tell = partial(self._failed, error)
            with self._lock:
                self._jobs.popleft()
            try:
                tell()
            except Exception as error:
                self._failed(error)
