"""Downloads that outlive the wizard: each is a process in its own session that tells of itself in a file.

What is shown of a download is read from that file; that it lives, from a lock which the kernel drops at any kind of
death. What has come is kept by any death, so that starting again goes on. Knows nothing of networks and tokens.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loratui.errors import BaseModelError
from loratui.hub.known import file_stem
from loratui.hub.models import locate
from loratui.locks import forget_holder, holder, is_held, take_lock
from loratui.paths import data_directory
from loratui.safe_text import printable
from loratui.whole_files import write_whole

DownloadState = Literal["running", "finished", "failed", "cancelled", "interrupted"]

_TAIL_BYTES = 8192
_PATIENCE = 5.0
# Whoever asks whether a download lives holds its lock for an instant.
_PATIENCE_WITH_ASKERS = 0.2


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is.

    Attributes:
        done: Bytes that are here of those that it has to bring.
        total: Bytes that it has to bring; 0 while it asks the hub.
        state: "interrupted" when it died without a word; starting it again goes on.
        what: Of a failed one: what happened.
        todo: Of a failed one: what to try.
        bytes_per_second: Lately; 0 while nothing can be said.
    """

    done: int
    total: int
    state: DownloadState
    what: str = ""
    todo: str = ""
    bytes_per_second: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Until it is done at this speed; None while nothing can be said."""
        return (self.total - self.done) / self.bytes_per_second if self.bytes_per_second > 0 else None


@dataclass(frozen=True)
class Download:
    """A download of `base`, told of in `journal`."""

    base: str
    journal: Path

    def is_alive(self) -> bool:
        """Whether its process is at work."""
        try:
            return is_held(_lock_path(self.journal))
        except OSError:
            return False

    def progress(self) -> DownloadProgress:
        """How far it is; reads the end of its file."""
        alive = self.is_alive()  # asked first: what it wrote before it died is there then
        lines = _tail(self.journal)
        last = lines[-1] if lines else {}
        state = last.get("state", "running")
        if state == "running" and not alive:
            state = "interrupted"
        counted = [line for line in lines if "done" in line]
        newest = counted[-1] if counted else {}
        return DownloadProgress(
            int(newest.get("done", 0)),
            int(newest.get("total", 0)),
            state,
            str(last.get("what", "")),
            str(last.get("todo", "")),
            _speed(counted) if state == "running" else 0.0,
        )

    def cancel(self) -> None:
        """End it; what has come is kept."""
        deadline = time.monotonic() + _PATIENCE
        told: int | None = None
        while self.is_alive() and time.monotonic() < deadline:
            # One that has only just begun has not written its number yet.
            process = holder(_lock_path(self.journal))
            if process is not None and process != told:
                told = process
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM)
            time.sleep(0.02)
        if self.progress().state == "interrupted":
            _append(self.journal, {"state": "cancelled"})


def start_download(base: str) -> Download:
    """Begin or go on bringing a base from the hub; one that is under way is returned as it is.

    Raises:
        BaseModelError: it is not a base on the hub, or nothing can be started.
    """
    download = _download_of(base)
    if download is None:
        raise BaseModelError(f"{printable(base)} is not on the hub: there is nothing to download.", "")
    try:
        download.journal.parent.mkdir(parents=True, exist_ok=True)
        descriptor = take_lock(_lock_path(download.journal), _PATIENCE_WITH_ASKERS)
        if descriptor is not None:
            try:
                _start(download, descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise _not_started(download, error) from error
    return download


def find_download(base: str) -> Download | None:
    """The latest download of a base, whatever became of it; None when there was none.

    Raises:
        BaseModelError: the name means nothing.
    """
    download = _download_of(base)
    return download if download is not None and download.journal.is_file() else None


def list_downloads() -> Iterator[Download]:
    """The latest download of every base that ever had one."""
    for journal in sorted((data_directory() / "downloads").glob("*.jsonl")):
        base = _first_line(journal).get("base")
        if isinstance(base, str):
            yield Download(base, journal)


def _download_of(base: str) -> Download | None:
    location = locate(base)
    if location.path is not None:
        return None
    return Download(base.strip(), data_directory() / "downloads" / f"{file_stem(location)}.jsonl")


def _start(download: Download, descriptor: int) -> None:
    """Start the process; it inherits the lock, and whoever reads the file before it writes finds it alive."""
    journal = download.journal
    forget_holder(descriptor)  # the new one writes its own number
    first = {"base": download.base, "state": "running", "time": time.time()}
    write_whole(journal, json.dumps(first) + "\n", durable=False)
    with open(journal.with_suffix(".log"), "wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", "loratui.hub.downloading", download.base, str(journal), str(descriptor)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=journal.parent,
            env={**os.environ, "HF_HUB_VERBOSITY": "critical"},
            pass_fds=(descriptor,),
        )


def _not_started(download: Download, error: OSError) -> BaseModelError:
    return BaseModelError(
        f"The download of {printable(download.base)} cannot be started: {error.strerror or error}.",
        f"Check that {printable(download.journal.parent)} can be written.",
    )


def _lock_path(journal: Path) -> Path:
    return journal.with_suffix(".lock")


def _append(journal: Path, line: dict[str, Any]) -> None:
    with contextlib.suppress(OSError), open(journal, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _first_line(journal: Path) -> dict[str, Any]:
    try:
        with open(journal, "rb") as file:
            return _parsed(file.readline(_TAIL_BYTES))
    except OSError:
        return {}


def _tail(journal: Path) -> list[dict[str, Any]]:
    try:
        with open(journal, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            return [line for line in map(_parsed, file.read().splitlines()) if line]
    except OSError:
        return []


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _speed(counted: list[dict[str, Any]]) -> float:
    """Bytes a second between the first and the last of the lines that are looked at."""
    if len(counted) < 2:
        return 0.0
    first, last = counted[0], counted[-1]
    seconds = float(last.get("time", 0)) - float(first.get("time", 0))
    return max(0.0, (last["done"] - first["done"]) / seconds) if seconds > 0 else 0.0
