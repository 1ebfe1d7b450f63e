"""Threads for whatever may take long: disks, processes and the hub. None of them is waited for when the program ends.

Textual's own thread workers and `asyncio.to_thread` share a few threads, which are joined at the end: with one of them
at a disk that no longer answers, `q` would hang, and with all of them there nothing else would ever be looked at.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from textual import work
from textual.dom import DOMNode
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker, active_worker, get_current_worker

P = ParamSpec("P")
T = TypeVar("T")

# What workers are described as that no key has to wait for: they look at something beside whoever types.
BACKGROUND = "background"


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

    _start(work)


async def in_thread(ask: Callable[[], T]) -> T:
    """What `ask` returns; whoever is cancelled while waiting leaves the thread to itself."""
    return await _ask(ask, lambda: None)


class OneAtATime:
    """Asks in a thread, and the next question only once the one before is answered or lies elsewhere.

    So a disk that does not answer holds one thread, and not one for each letter of a path.
    """

    def __init__(self) -> None:
        self._open: dict[object, tuple[str, ...]] = {}
        self._answered = asyncio.Event()

    async def ask(self, question: Callable[[], T], *about: str) -> T:
        """What `question` returns; one that is cancelled while it waits for its turn is never asked.

        Args:
            question: Called in a thread.
            about: The paths that it looks at. It waits only for questions that look into the same folders; without
                paths for every one.
        """
        while any(are_near(about, other) for other in self._open.values()):
            self._answered.clear()
            await self._answered.wait()
        ticket = object()
        self._open[ticket] = about
        return await _ask(question, partial(self._close, ticket))

    def _close(self, ticket: object) -> None:
        del self._open[ticket]
        self._answered.set()


class _Decorator(Protocol):
    def __call__(self, method: Callable[P, T], /) -> Callable[P, Worker[T]]: ...


def threaded(
    *, group: str, exclusive: bool = False, about: Callable[..., tuple[str, ...]] = lambda *_: ()
) -> _Decorator:
    """Make a method of a widget, a screen or the app a worker in a thread, as Textual's `work(thread=True)` does.

    Whatever it raises ends the worker, whose node says so. `get_current_worker` tells the thread whether the worker
    was cancelled meanwhile.

    Args:
        group: Of the worker.
        exclusive: A new call cancels those before, and begins once their threads have noticed.
        about: Called with the method's arguments: the paths that an exclusive method looks at. A call about others
            does not wait.
    """

    def decorate(method: Callable[P, T]) -> Callable[P, Worker[T]]:
        @wraps(method)
        async def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            question = partial(_as_worker, get_current_worker(), partial(method, *args, **kwargs))
            if not exclusive:
                return await in_thread(question)
            return await _turns_of(cast(DOMNode, args[0]), group).ask(question, *about(*args, **kwargs))

        return work(group=group, exclusive=exclusive, exit_on_error=False, description=BACKGROUND)(ask)

    return decorate


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


_turns: "WeakKeyDictionary[DOMNode, dict[str, OneAtATime]]" = WeakKeyDictionary()


def _turns_of(node: DOMNode, group: str) -> OneAtATime:
    return _turns.setdefault(node, {}).setdefault(group, OneAtATime())


def _as_worker(worker: Worker[Any], ask: Callable[[], T]) -> T:
    active_worker.set(worker)
    return ask()


async def _ask(ask: Callable[[], T], answered: Callable[[], None]) -> T:
    """What `ask` returns; `answered` is called in the event loop when the thread is done, waited for or not."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def take(value: T | None, error: Exception | None) -> None:
        answered()
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast(T, value))

    def work() -> None:
        value, error = None, None
        try:
            value = ask()
        except Exception as failure:
            error = failure
        with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(take, value, error)

    _start(work)
    return await answer


def _start(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True, name="background").start()


def are_near(paths: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether each of the paths may lie on the disk of the other one in its place."""
    return all(_is_near(path, other) for path, other in zip(paths, others, strict=False))


def _is_near(path: str, other: str) -> bool:
    """Whether one lies in the folder of the other, or may become it when more is typed."""
    folder = min(os.path.dirname(path), os.path.dirname(other), key=len)
    if len(folder) > 1 and path.startswith(folder) and other.startswith(folder):
        return True
    return path == other or (bool(path and other) and (path.startswith(other) or other.startswith(path)))
