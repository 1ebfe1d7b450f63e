"""A run that may not be looked into, as one that was trained by root, harms neither Home nor its profile."""

import asyncio
from pathlib import Path

import pytest

from loratui.paths import runs_directory
from loratui.tui.messages import OpenProfile
from tests.functional.wizard.home_rows import a_run, base_and_pictures, save
from tests.permissions import bound_by_permissions
from tests.small_dataset import new_run
from tests.wizard import at_mode, read, session_of, wizard


@pytest.mark.parametrize("closed", ["", "lock", "events.jsonl"])
def test_home_lists_the_others_and_opens_the_profile(tmp_path: Path, closed: str) -> None:
    profile = base_and_pictures(tmp_path)
    save(profile)
    other = new_run(profile, runs_directory())
    (other.path / "lock").touch()
    (other.path / closed).chmod(0)
    mine = a_run(profile, step=8, end="finished")

    async def look() -> None:
        async with wizard() as pilot:
            await read(pilot, "6 in IMG")
            await read(pilot, "finished")
            pilot.app.post_message(OpenProfile("emi"))
            await at_mode(pilot, "pictures")
            run = session_of(pilot).run
            assert run is not None
            assert run.path in (mine.path, other.path)

    bound_by_permissions(lambda: asyncio.run(look()))
    (other.path / closed).chmod(0o700)
