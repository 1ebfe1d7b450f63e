"""Small facts that loratui keeps for itself as JSON: read from one time to the next, and changed by several at once.

A convenience, on which nothing depends: a file that cannot be read is as good as none, and what the disk does not take
is forgotten. Does not know what the facts are about.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from loratui.locks import take_lock
from loratui.whole_files import write_whole

_LARGEST_FILE = 16 << 20
# Seconds; a change is over in an instant, and it is better to lose one than to wait for somebody who hangs.
_PATIENCE = 0.5


def read_facts(path: Path) -> dict[str, Any]:
    """The facts by name; none where there is no file, or one that is damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.loads(file.read(_LARGEST_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def keep_facts(path: Path, facts: dict[str, Any]) -> bool:
    """Put these in the place of all that was kept there; False when the disk does not take them."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A surrogate, which stands for an undecodable byte of a file name, becomes an escape of JSON's own.
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        write_whole(path, text.encode("utf-8", "backslashreplace"), durable=False)
    except OSError:
        return False
    return True


def change_facts(path: Path, change: Callable[[dict[str, Any]], object]) -> bool:
    """Have `change` alter what is kept there by now, whoever wrote it; False when the disk does not take it."""
    with _alone(path):
        facts = read_facts(path)
        change(facts)
        return keep_facts(path, facts)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep others from changing the file meanwhile, where its disk has locks."""
    descriptor = None
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = take_lock(path.with_name(f".{path.name}.lock"), _PATIENCE)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
