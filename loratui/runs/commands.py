"""What a person tells a worker while it works: one JSON object a line in `commands.jsonl`, read between two steps.

Knows nothing of what a command does. Several terminals may write at once; the worker answers by "told" events.
"""

import contextlib
import errno
import json
import os
import time
from pathlib import Path
from typing import Any

from loratui.errors import RunError
from loratui.runs.directory import RunDirectory
from loratui.safe_text import printable

SAVE = "save"
PREVIEW = "preview"
STOP = "stop"
STOP_AFTER_EPOCH = "stop-after-epoch"
COMMANDS = (SAVE, PREVIEW, STOP, STOP_AFTER_EPOCH)


def send(run: RunDirectory, command: str) -> None:
    """Append a command for the run's worker, in a single write.

    Raises:
        RunError: there is no such command, or it cannot be written.
    """
    if command not in COMMANDS:
        raise RunError(f"There is no command “{printable(command)}”.", f"There are {', '.join(COMMANDS)}.")
    # The line begins with a line end, so that one cut in half by a full disk spoils only itself.
    line = b"\n" + json.dumps({"command": command, "time": time.time()}).encode() + b"\n"
    try:
        descriptor = os.open(run.commands_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunError(
            f"Nothing can be written into {printable(run.commands_path)}: {error.strerror or error}.",
            "Make room there, or send the worker SIGTERM, which stops it after its step.",
        ) from error


def commands_size(path: Path) -> int:
    """Bytes in a commands file so far: the `start` for a reader that wants only what comes next."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


class CommandReader:
    """Reads the commands that were appended since the last call, from byte `start` on."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path = path
        self._position = start
        self._unfinished = b""

    def read(self) -> list[str]:
        """The commands that are complete by now, in order; a line that is none is passed over."""
        try:
            # Asked after every step of a training: usually there is nothing new, and nothing to open.
            if os.stat(self._path).st_size <= self._position:
                return []
            with open(self._path, "rb") as file:
                file.seek(self._position)
                appended = file.read()
        except OSError:
            return []
        self._position += len(appended)
        *lines, self._unfinished = (self._unfinished + appended).split(b"\n")
        return [command for command in map(_command_of, lines) if command in COMMANDS]


def _command_of(line: bytes) -> Any:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value.get("command") if isinstance(value, dict) else None
