"""Paths as terminals paste them, in quotes or with backslashes, wherever a file is asked for."""

from pathlib import Path

import pytest

from loratui.paths import runs_directory
from loratui.profile.store import load_profile
from loratui.runs.directory import RunDirectory
from tests.functional.wizard.tried_runs import adding_a_lora, enter, saved, trying
from tests.tried_run import compared_run
from tests.unit.hub.checkpoints import write_checkpoint
from tests.wizard import see, until, wizard

PASTED = pytest.mark.parametrize("pasted", ["'{}'", '"{}"', "{}"], ids=["single", "double", "backslash"])


def as_pasted(pasted: str, path: Path) -> str:
    """The path in quotes, or where it has none with a backslash before each space."""
    return pasted.format(path if pasted != "{}" else str(path).replace(" ", "\\ "))


@PASTED
async def test_a_base_is_taken_without_its_quotes(home: Path, pasted: str) -> None:
    base = home / "my bases" / "anime.safetensors"
    base.parent.mkdir()
    write_checkpoint(base)
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "Type a hub id")
        await pilot.press("end", "enter")
        await see(pilot, "Another base")
        await enter(pilot, as_pasted(pasted, base))
        await until(pilot, lambda: load_profile("emi").model.base == str(base))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return saved(compared_run(tmp_path / "p", runs_directory()))


@PASTED
@pytest.mark.usefixtures("drawing_worker")
async def test_another_lora_is_taken_without_its_quotes(run: RunDirectory, tmp_path: Path, pasted: str) -> None:
    style = tmp_path / "my style.safetensors"
    style.write_bytes(b"lora")
    async with trying(run) as pilot:
        await adding_a_lora(pilot)
        await enter(pilot, as_pasted(pasted, style) + ":0.6")
        await see(pilot, "with my style 0.6")
