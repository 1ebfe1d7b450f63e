"""Train with a base that has to be brought from the hub first: progress, refusals, a stop, and the start after it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.hub.downloads import find_download
from loratui.paths import runs_directory
from loratui.profile.store import load_profile, new_profile, profile_path, write_profile
from loratui.runs.directory import list_runs
from loratui.runs.finding import output_name
from loratui.tui.screens.train_start import stop_download
from tests.functional.wizard.test_train_processes import on_cpu, put_in_place, until
from tests.small_dataset import write_pictures
from tests.small_project import processes_of
from tests.stand_in_worker import TRAINS
from tests.unit.hub.checkpoints import diffusers_files
from tests.unit.hub.in_process import use_stub
from tests.unit.hub.stub_hub import StubHub
from tests.wizard import wizard

LARGE = 8_000_000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    """A hub with a base, and one behind a gate."""
    repositories = {"emi/base": diffusers_files(large=LARGE), "emi/gated": diffusers_files()}
    with StubHub(repositories, gated=("emi/gated",)) as stub:
        use_stub(stub, tmp_path / "hf", monkeypatch)
        yield stub


@pytest.fixture
def profile(tmp_path: Path, hub: StubHub) -> str:
    """A saved profile whose base is on the hub."""
    wanted = on_cpu(write_pictures(tmp_path / "5_emi_person"), tmp_path / "output", "emi")
    wanted.model.base = "emi/base"
    new_profile("emi", wanted)
    return "emi"


@pytest.fixture(autouse=True)
def _end_everything(loratui_home: Path) -> Iterator[None]:
    yield
    for pid in processes_of(str(loratui_home)):
        os.kill(pid, 9)


async def test_the_base_is_brought_and_then_the_training_starts(
    profile: str, hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(TRAINS, tmp_path, monkeypatch)
    hub.slow = 4_000_000
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "emi/base is brought from Hugging Face")
        await pilot.press("enter")
        await until(pilot, "Bringing emi/base from Hugging Face:", "of 8", "x stops it")
        assert list_runs(runs_directory()) == ()
        await until(pilot, "finished at", "emi.safetensors")


async def test_a_download_can_be_stopped_and_goes_on_by_enter(
    profile: str, hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(TRAINS, tmp_path, monkeypatch)
    hub.slow = 1_000_000
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "emi/base is brought from Hugging Face")
        await pilot.press("enter")
        await until(pilot, "Bringing emi/base", "x stops it")
        await pilot.press("x")
        await until(pilot, "Stop the download?")
        await pilot.press("down", "enter")
        await until(pilot, "The download of emi/base was stopped.")
        assert list_runs(runs_directory()) == ()
        await pilot.press("escape")
        hub.slow = 0
        await until(pilot, "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "finished at")


async def test_leaving_the_program_leaves_the_download_alone(profile: str, hub: StubHub) -> None:
    hub.slow = 1_000_000
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "emi/base is brought from Hugging Face")
        await pilot.press("enter")
        await until(pilot, "Bringing emi/base", "x stops it")
        began = time.monotonic()
        await pilot.press("d")
    assert time.monotonic() - began < 5
    download = find_download("emi/base")
    assert download is not None
    assert download.is_alive()


async def test_another_profile_is_started_while_a_base_is_brought(
    profile: str, hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(TRAINS, tmp_path, monkeypatch)
    new_profile("aki", on_cpu(write_pictures(tmp_path / "aki"), tmp_path / "aki-output", "aki"))
    hub.slow = 1_000_000
    async with wizard(profile=profile, mode="train") as pilot:
        session = pilot.app.session  # type: ignore[attr-defined]
        await until(pilot, "emi/base is brought from Hugging Face")
        await pilot.press("enter")
        await until(pilot, "Bringing emi/base", "x stops it")
        session.open("aki")
        lines = await until(pilot, "aki will be trained like this", "Enter starts the training")
        assert not any("Bringing" in line for line in lines)
        session.open("emi")
        await until(pilot, "emi will be trained like this", "Bringing emi/base", "x stops it")
        session.open("aki")
        await until(pilot, "aki will be trained like this", "Enter starts the training")
        await pilot.press("enter")
        await until(pilot, "finished at", "aki.safetensors")
        hub.slow = 0
        await until(pilot, "emi is being trained: h lists it.")
        assert session.name == "aki"
        assert output_name(session.run) == "aki"
        session.open("emi")
        await until(pilot, "finished at", "emi.safetensors")


async def test_a_start_that_fails_under_another_profile_says_whose_it_was(
    profile: str, hub: StubHub, tmp_path: Path
) -> None:
    new_profile("aki", on_cpu(write_pictures(tmp_path / "aki"), tmp_path / "aki-output", "aki"))
    hub.slow = 1_000_000
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "emi/base is brought from Hugging Face")
        await pilot.press("enter")
        await until(pilot, "Bringing emi/base", "x stops it")
        pilot.app.session.open("aki")  # type: ignore[attr-defined]
        await until(pilot, "aki will be trained like this")
        stop_download("emi/base")
        await until(pilot, "emi was not started. The download of emi/base was stopped.")


async def test_a_gate_is_said_in_a_sentence(profile: str) -> None:
    wanted = load_profile(profile)
    wanted.model.base = "emi/gated"
    write_profile(wanted, profile_path(profile), profile)
    async with wizard(profile=profile, mode="train") as pilot:
        await until(pilot, "emi/gated is brought from Hugging Face")
        await pilot.press("enter")
        await until(pilot, "That did not work", "emi/gated")
    assert list_runs(runs_directory()) == ()
