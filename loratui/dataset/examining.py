"""Decoding pictures in a process of its own, so that whoever shows them keeps its memory, its time and its life.

A hundred megapixels, thousands of files, or one that brings its decoder down: the screen's process meets none of them.
The child reads paths from its standard input, and writes one line of JSON a picture, in their order.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from loratui.dataset.checks import Examination, examine_all
from loratui.dataset.images import Examined
from loratui.dataset.problems import DatasetFault
from loratui.safe_text import printable

_NICENESS = 5
_MOST_THREADS = 8


def examine_elsewhere(
    pictures: Sequence[Path], tell: Callable[[int, Examination], None] | None = None
) -> tuple[Examination, ...]:
    """Decode all pictures in a child process.

    Args:
        pictures: The files.
        tell: As for `examine_all`; what it raises ends the child too.
    """
    results: list[Examination] = []

    def keep(result: Examination) -> None:
        results.append(result)
        if tell is not None:
            tell(len(results), result)

    alone = False
    while len(results) < len(pictures):
        before = len(results)
        _run(pictures[before:], alone, keep)
        if len(results) == len(pictures):
            break
        # The child was killed. Decoding one at a time shows by which picture.
        if alone and len(results) == before:
            keep(_fatal(pictures[before]))
        alone = True
    return tuple(results)


def _run(pictures: Sequence[Path], alone: bool, keep: Callable[[Examination], None]) -> None:
    command = [sys.executable, "-m", __spec__.name, "1" if alone else "0"]
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:  # no more processes or files: as bad as a child that dies at once
        return
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError), child.stdin as names:
            names.write(b"\0".join(os.fsencode(path) for path in pictures))
        for line in child.stdout:
            keep(_from_json(line))
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def _fatal(path: Path) -> DatasetFault:
    return DatasetFault(
        "unreadable-image",
        f"{printable(path.name)}: the program that decodes the picture breaks down over it.",
        "Open it in an image program and save it again as PNG, or take it away.",
    )


def _from_json(line: bytes) -> Examination:
    values = json.loads(line)
    return DatasetFault(*values) if len(values) == 3 and isinstance(values[1], str) else Examined(*values)


def _to_json(result: Examination) -> str:
    if isinstance(result, DatasetFault):
        return json.dumps([result.code, result.what, result.todo])
    return json.dumps([result.sha256, result.width, result.height])


def main(names: IO[bytes], answers: IO[str], alone: bool) -> None:
    """Decode the pictures that `names` lists, and answer a line each."""
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    pictures = [Path(os.fsdecode(name)) for name in names.read().split(b"\0") if name]

    def tell(_: int, result: Examination) -> None:
        print(_to_json(result), file=answers, flush=True)

    # One core is left to the screen.
    examine_all(pictures, tell, at_once=1 if alone else max(1, min(_MOST_THREADS, (os.cpu_count() or 1) - 1)))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main(sys.stdin.buffer, sys.stdout, sys.argv[1:] == ["1"])
