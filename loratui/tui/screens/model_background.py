"""Questions to a network that may never answer, asked in threads that nobody waits for at the end.

Textual's own thread workers are joined when the program ends: with one of them waiting for a hub that is not there,
`q` would hang.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

T = TypeVar("T")


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


async def in_thread(ask: Callable[[], T]) -> T:
    """What `ask` returns; asked in a thread that nobody waits for when the program ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def take(value: T | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)  # type: ignore[arg-type]

    def work() -> None:
        try:
            value, error = ask(), None
        except Exception as failure:
            value, error = None, failure
        if not loop.is_closed():
            loop.call_soon_threadsafe(take, value, error)

    threading.Thread(target=work, daemon=True, name="hub").start()
    return await answer


class Later:
    """Does something once it has not been asked for anew for a while.

    Args:
        widget: Whose timers are used.
        seconds: How long to wait after the last time that it was asked for.
        act: What to do.
    """

    def __init__(self, widget: Widget, seconds: float, act: Callable[[], None]) -> None:
        self._widget, self._seconds, self._act = widget, seconds, act
        self._timer: Timer | None = None

    def ask(self) -> None:
        """Ask for it."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._widget.set_timer(self._seconds, self._act)
