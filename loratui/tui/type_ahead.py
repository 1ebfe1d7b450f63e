"""Keys that come quicker than the program answers: each is given to the one whom it was typed for.

Textual gives a key to whatever has the focus when it arrives, while what the key before began, such as a dialog or a
text field, gets the focus only later: typed into a laggy link, a text would act as commands. Here the next key waits
until all that the one before began has come to rest. Knows no screen, no key and no action.
"""

import time
from collections import deque
from typing import Any, TypeVar, cast

from textual._queue import Queue
from textual.app import App
from textual.events import Event, Key, Paste
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input, TextArea
from textual.worker import Worker, get_current_worker

from loratui.tui.background import BACKGROUND

Answer = TypeVar("Answer")

# Nothing that a key begins, such as a look at a disk that does not answer, holds the next key up for longer.
_SECONDS_OF_PATIENCE = 1.0
_TICK = 0.002


class TypeAhead(App[int]):
    """An app that takes keys and pasted texts one at a time, in their order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._held: deque[Event] = deque()
        self._given_at = float("-inf")
        self._typed_into: object = None
        self._older_work: set[Worker[Any]] = set()
        self._asked: dict[Worker[Any], Screen[Any] | str] = {}
        super().__init__(*args, **kwargs)

    async def on_event(self, event: Event) -> None:
        """Let a key or a pasted text wait for what came before it; everything else goes its way."""
        if not isinstance(event, Key | Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._is_over:
            event.stop()
        elif self._held or self._has_to_wait(event):
            self._held.append(event)
            if len(self._held) == 1:
                self.set_timer(_TICK, self._give_held)
        else:
            await self._give(event)

    async def take_typed(self, event: Event) -> None:
        """Take a key or a pasted text, now that it is its turn."""
        await super().on_event(event)

    async def push_screen_wait(self, screen: Screen[Answer] | str, *, mode: str | None = None) -> Answer | Any:
        """The answer to a dialog. Meanwhile the worker that asks is none that keys wait for."""
        asker: Worker[Any] = get_current_worker()
        self._asked[asker] = screen
        try:
            return await super().push_screen_wait(cast(Screen[Answer], screen), mode=mode)
        finally:
            del self._asked[asker]

    async def _give_held(self) -> None:
        while self._held and not self._is_over and not self._has_to_wait(self._held[0]):
            await self._give(self._held.popleft())
        if self._held and not self._is_over:
            self.set_timer(_TICK, self._give_held)

    async def _give(self, event: Event) -> None:
        self._older_work = self._at_work
        self._given_at = time.monotonic()
        self._typed_into = self.focused if _is_character(event) and isinstance(self.focused, Input | TextArea) else None
        await self.take_typed(event)

    @property
    def _is_over(self) -> bool:
        """Whether the program ends, with nobody left to take a key."""
        return self._exit or not self.screen_stack

    def _has_to_wait(self, event: Event) -> bool:
        """Whether what was given last has begun something that is not over yet."""
        if time.monotonic() - self._given_at > _SECONDS_OF_PATIENCE:
            return False
        if self._typed_into is not None and self._typed_into is self.focused and _is_character(event):
            return False  # a letter of a word in a text field begins nothing that is not for the whole word
        return self._has_messages or not self._at_work <= self._older_work

    @property
    def _has_messages(self) -> bool:
        """Whether something is to be handled, or being handled, by the app or by anything on the screens in front."""
        if self._pending_message is not None or not self._message_queue.empty() or self._next_callbacks:
            return True
        nodes = (node for screen in self.screen_stack for node in screen.walk_children(with_self=True))
        return bool(self.screen._callbacks) or not all(map(_waits, nodes))

    @property
    def _at_work(self) -> set[Worker[Any]]:
        """The flows that were begun and wait for no person; what only looks around in the background is none."""
        shown = [screen for stack in self._screen_stacks.values() for screen in stack]
        return {
            worker
            for worker in self.workers
            if not worker.is_finished and worker.description != BACKGROUND and self._asked.get(worker) not in shown
        }


def _waits(node: MessagePump) -> bool:
    """Whether a node is waiting for its next message, with nothing half done."""
    queue: Queue[Message | None] = node._message_queue
    return queue.empty() and bool(queue.ready_event._waiters)


def _is_character(event: Event) -> bool:
    return isinstance(event, Key) and event.is_printable
