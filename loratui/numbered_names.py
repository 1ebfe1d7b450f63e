"""The names that follow a taken one: `emi-2` after `emi`, `emi-v3` after `emi-v2`. Which are taken, callers know."""

import re
from collections.abc import Iterator


def numbered(name: str, mark: str) -> Iterator[str]:
    """Yield `name`, then `name` with `mark` and 2, 3, …; a name that carries a number is counted on from there."""
    yield name
    stem, number = name, 1
    if found := re.fullmatch(rf"(.+){re.escape(mark)}(\d{{1,6}})", name):
        stem, number = found[1], int(found[2])
    while True:
        number += 1
        yield f"{stem}{mark}{number}"
