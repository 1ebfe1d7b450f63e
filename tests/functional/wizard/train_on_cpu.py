"""Trainings that Train starts on the CPU, where one waits for another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from loratui.profile.schema import Profile
from tests.small_dataset import small_profile
from tests.wizard import see, wizard


def on_cpu(pictures: Path, output: Path, name: str) -> Profile:
    """A profile that trains on the CPU, for which every run here has to wait."""
    profile = small_profile(Path("demo"), pictures, output, output={"name": name})
    profile.accelerate.device = "cpu"
    return profile


@asynccontextmanager
async def started(profile: str, *texts: str, offered: str = "Enter starts the training") -> AsyncIterator[Pilot[int]]:
    """The wizard on Train after Enter, once all texts are there."""
    async with wizard(profile=profile, mode="train") as pilot:
        await see(pilot, offered)
        await pilot.press("enter")
        await see(pilot, *texts)
        yield pilot
