"""The process that brings a base from the hub: `python -m loratui.hub.downloading BASE JOURNAL LOCK`.

Tells how far it is in JOURNAL, one JSON object a line; that it lives, and under which number, by LOCK, a locked
descriptor that it inherited. Any signal ends it, and what has come is kept. Writes no word that a library said, since
such words can quote tokens.
"""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from loratui.errors import BaseModelError
from loratui.hub.models import fetch, locate
from loratui.locks import write_holder

_SECONDS_BETWEEN_LINES = 0.5


class Journal:
    """Writes lines, at most two a second while bytes come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0

    def report(self, done: int, total: int) -> None:
        """Tell how far it is, now and then."""
        now = time.time()
        if now - self._last >= _SECONDS_BETWEEN_LINES or done == total:
            self._last = now
            self.write({"state": "running", "done": done, "total": total, "time": round(now, 3)})

    def write(self, line: dict[str, Any]) -> None:
        """Append one line, whole."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)


def main(base: str, journal_path: Path, lock: int) -> int:
    """Bring `base`, and tell how it ended."""
    write_holder(lock)
    journal = Journal(journal_path)
    try:
        location = locate(base)
        path = fetch(location, report=journal.report)
        if location.kind == "hub_file":
            _bring_tokenizer()
    except BaseModelError as error:
        journal.write({"state": "failed", "what": error.what, "todo": error.todo})
        return 1
    except Exception as failure:
        what = f"The download of {base} broke off ({type(failure).__name__})."
        journal.write({"state": "failed", "what": what, "todo": "Start it again: what has come is kept."})
        return 1
    journal.write({"state": "finished", "path": str(path)})
    return 0


def _bring_tokenizer() -> None:
    """A single file holds no tokenizer: have CLIP's here too, so that nothing is left to fetch."""
    from loratui.hub.tokenizer_files import single_file_tokenizer

    # The base itself is here; whoever needs the tokenizer asks again, and says what is wrong.
    with contextlib.suppress(BaseModelError):
        single_file_tokenizer("")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
