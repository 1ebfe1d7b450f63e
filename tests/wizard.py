"""The wizard without a terminal: the real app at a given size, with a clock that stands still."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from loratui.tui.app import Options, Wizard
from loratui.tui.session import Session

# 22 November 2026, 10:42 in whatever zone the tests run in.
TEN_FORTY_TWO = time.mktime((2026, 11, 22, 10, 42, 0, 0, 0, -1))


def make_wizard(profile: str | None = None, mode: str = "home", **options: object) -> Wizard:
    """The app, with a saved profile open, beginning with the step `mode`."""
    session = Session(now=lambda: TEN_FORTY_TWO)
    if profile is not None:
        session.open(profile)
    return Wizard(session, Options(start=mode, **options))  # type: ignore[arg-type]


@asynccontextmanager
async def wizard(
    size: tuple[int, int] = (80, 24), profile: str | None = None, mode: str = "home", **options: object
) -> AsyncIterator[Pilot[int]]:
    """The running app, to be driven by keys."""
    app = make_wizard(profile, mode, **options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot


def screen_text(pilot: Pilot[int]) -> list[str]:
    """The lines of the screen as they are seen, dialogs included."""
    lines = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in lines]
