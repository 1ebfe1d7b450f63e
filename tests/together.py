"""Processes that begin their work at the same moment."""

import subprocess
import sys
from collections.abc import Iterable, Sequence


def run_together(script: str, arguments: Iterable[Sequence[str]]) -> None:
    """Run a script once for each of `arguments`, all at once, to its end.

    Each prints a line when it is ready, and then waits for a line before it goes on.
    """
    processes = [
        subprocess.Popen([sys.executable, "-c", script, *own], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for own in arguments
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
