"""Home with profiles and runs in its list, for the tests of what is listed and of what the keys do with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from loratui.paths import profiles_directory, runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile, profile_path
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.events import EventWriter
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.wizard import TEN_FORTY_TWO, paste, read, wizard

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


def base_and_pictures(folder: Path) -> Profile:
    """A profile, not saved yet, whose base and pictures are in the folder."""
    base = folder / "base"
    base.mkdir()
    (base / "model_index.json").write_text("{}")
    pictures = write_pictures(folder / "IMG" / "5_emi_person").parent
    return small_profile(base, pictures, folder / "out", output={"name": ""}, accelerate={"device": "cpu"})


def save(profile: Profile, name: str = "emi") -> Path:
    return new_profile(name, profile)


def a_broken_profile() -> None:
    """Another profile, `broken`, with a field that does not exist."""
    (profiles_directory() / "broken.toml").write_text("schema = 1\n[model]\nbsae = 'x'\n")


def a_run(
    profile: Profile, *, of: str = "emi", step: int = 0, end: str = "", at: float = TEN_FORTY_TWO
) -> RunDirectory:
    """A run of the saved profile `of` with real events; `end` is its last word."""
    named = profile.model_copy(deep=True)
    named.output.name = of
    made = new_run(named, runs_directory())
    # No two runs of the same second: their names would be counted on.
    run = RunDirectory(
        made.path.rename(made.path.with_name(f"20261122-{104000 + len(list_runs(made.path.parent))}-{of}"))
    )
    run.origin_path.write_text(f'{{"profile": "{profile_path(of)}", "overrides": []}}')
    with EventWriter(run.events_path) as events:
        if step:
            events.write("started", pid=1, task="train", time=at - step)
            events.write("training", steps=8, epochs=2, steps_per_epoch=4, time=at - step)
        for number in range(1, step + 1):
            events.write("step", step=number, loss=1 / number, lr=1e-4, seconds=30.0, time=at - step + number)
        if end:
            lora = Path(named.output.directory) / f"{of}.safetensors"
            if end == "finished":
                lora.parent.mkdir(exist_ok=True)
                lora.write_bytes(b"lora")
            events.write(end, lora=lora, grid=None, steps=8, step=step, signal=0, seconds=1.0, time=at)
    return run


@asynccontextmanager
async def home(text: str, size: tuple[int, int] = (80, 24), profile: str | None = None) -> AsyncIterator[Pilot[int]]:
    """The wizard at Home, once a text is there to be read."""
    async with wizard(size, profile) as pilot:
        await read(pilot, text)
        yield pilot


async def fill_in(pilot: Pilot[int], text: str) -> None:
    """Paste into the dialog's line in place of what is there."""
    pilot.app.screen.query_one(Input).value = ""
    await paste(pilot, text)


async def began(pilot: Pilot[int], folder: str) -> None:
    """Press `n`, paste, and press Enter: a plain folder needs no more."""
    await read(pilot, "Try the demo")
    await pilot.press("n")
    await read(pilot, "Left empty")
    await fill_in(pilot, folder)
    await pilot.press("enter")
