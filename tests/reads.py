"""Which files are opened by the event loop, which shall wait for no disk."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Reads:
    """Notes which files and folders below a place are opened or listed, by whether the main thread does it."""

    def __init__(self) -> None:
        self.below = ""
        self.by_main: list[str] = []
        self.by_others: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.below or event not in ("open", "os.scandir", "os.listdir"):
            return
        place = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | os.PathLike) else ""
        if place.startswith(self.below):
            is_main = threading.current_thread() is threading.main_thread()
            (self.by_main if is_main else self.by_others).append(place)


_reads = Reads()
sys.addaudithook(_reads)  # nothing can remove it again


@contextmanager
def reads_below(place: Path) -> Iterator[Reads]:
    """What is read below a folder within the block."""
    _reads.by_main, _reads.by_others = [], []
    _reads.below = str(place)
    try:
        yield _reads
    finally:
        _reads.below = ""
