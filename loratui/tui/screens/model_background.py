"""Questions to a network that may never answer, asked in threads that nobody waits for at the end.

Textual's own thread workers are joined when the program ends: with one of them waiting for a hub that is not there,
`q` would hang.
"""

import contextlib
import threading
from collections.abc import Callable

from textual.message import Message
from textual.widget import Widget


class Fault(Message):
    """A thread met a fault of the program; whoever gets this raises it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def in_background(widget: Widget, ask: Callable[[], Message | None]) -> None:
    """Call `ask` in a thread of its own, and post to `widget` the message that it returns."""

    def work() -> None:
        try:
            message = ask()
        except Exception as error:
            message = Fault(error)
        if message is not None:
            with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
                widget.post_message(message)

    threading.Thread(target=work, daemon=True, name="hub").start()
