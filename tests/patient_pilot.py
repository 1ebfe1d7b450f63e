"""Keys for the wizard on a machine however slow: the next is pressed once what the one before began is done."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

from textual.message import Message
from textual.pilot import Pilot

from loratui.tui.type_ahead import TypeAhead

_LONGEST_WAIT = 60.0


class PatientPilot(Pilot[int]):
    """Goes on when no message is left to be handled. Textual's own goes on when the process seems to be idle."""

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            await self.app._press_keys((key,))
            await self.rest(with_work=True)

    async def pause(self, delay: float | None = None) -> None:
        """Wait until all that was begun is done, or for some seconds."""
        if self._is_over:
            await asyncio.sleep(delay or 0)
            return
        await super().pause(delay)
        if delay is None:
            await self.rest()

    async def rest(self, *, with_work: bool = False) -> None:
        """Wait until nothing is left to be handled.

        Args:
            with_work: Whether to wait for what the last key began, too, unless a person has to answer first.
        """
        deadline = time.monotonic() + _LONGEST_WAIT
        while not self._is_at_rest(with_work):
            assert time.monotonic() < deadline, "The wizard does not come to rest."
            await asyncio.sleep(0.002)

    def _is_at_rest(self, with_work: bool) -> bool:
        app = self._typed_into
        if self._is_over:
            return True
        if app._held or app._has_messages:
            return False
        return not with_work or app._at_work <= app._older_work

    @property
    def _is_over(self) -> bool:
        return self._typed_into._is_over or self.app._exception is not None

    @property
    def _typed_into(self) -> TypeAhead:
        assert isinstance(self.app, TypeAhead)
        return self.app


@asynccontextmanager
async def driven(
    app: TypeAhead, size: tuple[int, int] = (80, 24), message_hook: Callable[[Message], None] | None = None
) -> AsyncIterator[PatientPilot]:
    """The running app, to be driven by keys."""
    async with app.run_test(size=size, message_hook=message_hook) as pilot:
        patient: PatientPilot = PatientPilot(pilot.app)
        await patient.pause()
        yield patient
        # What a key still begins would find its screen gone.
        await patient.rest()


def patient(before: Callable[[PatientPilot], Awaitable[None]]) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """What is to be done before a picture of the screen is taken, with a patient pilot."""

    @wraps(before)
    async def run(pilot: Pilot[Any]) -> None:
        patient = PatientPilot(pilot.app)
        await patient.pause()
        await before(patient)
        await patient.pause()

    return run
