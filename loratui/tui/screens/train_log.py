"""What there is to read of a run: everything that happened, in words, and the end of what its worker printed."""

import os

from loratui.crash import without_tokens
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event
from loratui.safe_text import printable
from loratui.tui.screens.train_events import event_lines
from loratui.tui.widgets.changing_lines import plain

_TAIL_BYTES = 32_768
_EVENTS = 200


def log_text(run: RunDirectory, happened: tuple[Event, ...]) -> str:
    """The latest events in words, then the end of the worker's log."""
    events = plain(event_lines(happened, _EVENTS)) or "Nothing has happened yet."
    return without_tokens(f"{events}\n\n{printable(run.log_path)}\n\n{_tail(run)}")


def _tail(run: RunDirectory) -> str:
    try:
        with open(run.log_path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError as error:
        return f"It cannot be read: {error.strerror or error}."
    lines = text.splitlines()
    if size > _TAIL_BYTES:
        lines = ["…", *lines[1:]]
    return "\n".join(printable(line.expandtabs()) for line in lines) or "It is empty."
