"""Runs of the profile emi whose strengths are tried, and the wizard on Try that shows one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from loratui.profile.store import new_profile, profile_path
from loratui.runs.directory import RunDirectory
from loratui.runs.try_stopping import stop_session
from tests.wizard import see, session_of, wizard

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


def saved(run: RunDirectory) -> RunDirectory:
    """The run as one of the saved profile emi."""
    new_profile("emi", run.read_profile())
    run.origin_path.write_text(json.dumps({"profile": str(profile_path("emi"))}))
    return run


@asynccontextmanager
async def trying(
    run: RunDirectory | None, size: tuple[int, int] = (80, 24), **options: object
) -> AsyncIterator[Pilot[int]]:
    """The wizard on Try, showing a run."""
    try:
        async with wizard(size=size, profile="emi", mode="try", **options) as pilot:
            if run is not None:
                session_of(pilot).show_run(run)
                await see(pilot, "seed")
            yield pilot
    finally:
        if run is not None:
            stop_session(run)


async def enter(pilot: Pilot[int], text: object) -> None:
    """Have a text in the field that is asked for, and take it."""
    pilot.app.screen.query_one(Input).value = str(text)
    await pilot.press("enter")


async def adding_a_lora(pilot: Pilot[int]) -> None:
    """Open the line that takes another LoRA."""
    await pilot.press("O")
    await see(pilot, "Draw on another base")
    await pilot.press("enter")
    await see(pilot, "after a colon")
