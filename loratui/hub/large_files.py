"""Brings the large files of a repository into the hub's cache so that a cut, or a kill, costs only what was in flight.

huggingface_hub begins a file anew in every process and removes what a broken one left. Here the bytes are appended to a
partial file beside the cache's blobs, asked for from where they end, and published as a blob by rename when size and
hash are right; the library then finds the blob and makes its links. Decides nothing about which files are wanted.
"""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from huggingface_hub import HfApi, HfFileMetadata, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from loratui.hub.cache import PARTIAL_ENDING, repository_folder
from loratui.hub.location import BaseLocation
from loratui.hub.refusals import is_transport

LARGE_BYTES = 4_000_000
_CHUNK_BYTES = 1 << 20
_SECONDS_TO_ANSWER = 30
_TRIES_WITHOUT_PROGRESS = 5
_FIRST_WAIT, _LONGEST_WAIT, _LONGEST_WISH = 0.5, 15.0, 120
_TOO_MANY_REQUESTS = 429
_SHA256 = re.compile(r"[0-9a-f]{64}")

Brought = Callable[[int], None]
"""Called with bytes that have come since the last call; with a negative number when some have to be fetched again."""


def bring_large_files(location: BaseLocation, names: Iterable[str], brought: Brought) -> None:
    """Put the files into the cache's blobs, going on where an earlier attempt ended.

    Raises:
        Exception: whatever the library, the network or the disk raise; what has come is kept.
    """
    endpoint = HfApi().endpoint
    for name in names:
        url = hf_hub_url(location.repo_id, name, revision=location.revision, endpoint=endpoint)
        facts = _facts(url, endpoint)
        if facts.etag is None or facts.size is None or "/" in facts.etag:
            continue  # the library knows what to do with it
        blob = repository_folder(location.repo_id) / "blobs" / facts.etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        with _opened_alone(blob.with_name(blob.name + PARTIAL_ENDING)) as partial:
            if blob.exists():  # somebody else brought it meanwhile
                Path(partial.name).unlink()
                brought(facts.size)
                continue
            brought(partial.tell())
            _complete(url, partial, facts.size, brought)
            if not _is_right(partial, facts):  # what an earlier attempt left was damaged
                _begin_again(partial, brought)
                _complete(url, partial, facts.size, brought)
            if not _is_right(partial, facts):
                _begin_again(partial, brought)
                raise ConnectionError("what has come is not the file that was asked for")
            os.replace(partial.name, blob)


@contextmanager
def _opened_alone(path: Path) -> Iterator[IO[bytes]]:
    """The partial file, locked: of two programs that bring the same one, the second waits and finds it complete."""
    while True:
        with open(path, "ab") as partial:
            with suppress(OSError):  # some network disks have no locks
                fcntl.flock(partial, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(partial.fileno()), os.stat(path)):
                partial.seek(0, os.SEEK_END)
                yield partial
                return
        # It was published or thrown away while we waited.


def _facts(url: str, endpoint: str) -> HfFileMetadata:
    tries = 0
    while True:
        try:
            return get_hf_file_metadata(url, timeout=_SECONDS_TO_ANSWER, endpoint=endpoint)
        except Exception as failure:
            tries += 1
            if not _may_pass(failure) or tries >= _TRIES_WITHOUT_PROGRESS:
                raise
            _wait(tries, failure)


def _complete(url: str, partial: IO[bytes], size: int, brought: Brought) -> None:
    tries = 0
    while partial.tell() < size:
        before, failure = partial.tell(), None
        try:
            _append(url, partial, brought)
        except Exception as error:
            if not _may_pass(error):
                raise
            failure = error
        if failure is None and partial.tell() >= size:
            return
        tries = 0 if partial.tell() > before else tries + 1
        if tries >= _TRIES_WITHOUT_PROGRESS:
            raise failure or ConnectionError("the connection ends before the file does")
        _wait(tries, failure)


def _may_pass(failure: Exception) -> bool:
    """Whether asking again may help: the connection broke, or the hub has trouble or too much to do."""
    if isinstance(failure, HfHubHTTPError):
        status = failure.response.status_code
        return status == _TOO_MANY_REQUESTS or status >= 500
    return is_transport(failure)


def _wait(tries: int, failure: Exception | None) -> None:
    """Wait longer each time, and as long as the hub asks for where that is bearable."""
    wished = failure.response.headers.get("Retry-After", "") if isinstance(failure, HfHubHTTPError) else ""
    seconds = int(wished) if wished.isdecimal() else 0  # it may also be a date
    time.sleep(max(min(_FIRST_WAIT * 2**tries, _LONGEST_WAIT), min(seconds, _LONGEST_WISH)))


def _append(url: str, partial: IO[bytes], brought: Brought) -> None:
    start = partial.tell()
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}  # a packed answer has other offsets
    if start:
        headers["Range"] = f"bytes={start}-"
    session: Any = get_session()
    with session.stream("GET", url, headers=headers, timeout=_SECONDS_TO_ANSWER) as response:
        hf_raise_for_status(response)
        if start and response.status_code != 206:  # the whole file comes again
            _begin_again(partial, brought)
        try:
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                partial.write(chunk)
                brought(len(chunk))
        finally:
            partial.flush()


def _begin_again(partial: IO[bytes], brought: Brought) -> None:
    brought(-partial.tell())
    partial.truncate(0)
    partial.seek(0)


def _is_right(partial: IO[bytes], facts: HfFileMetadata) -> bool:
    """Large files are named by their sha256; other names say nothing about the content."""
    partial.flush()
    if partial.tell() != facts.size or not _SHA256.fullmatch(facts.etag or ""):
        return partial.tell() == facts.size
    with open(partial.name, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == facts.etag
