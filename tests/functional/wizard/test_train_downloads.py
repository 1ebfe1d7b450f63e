"""Train with a base that has to be brought from the hub first: progress, refusals, a stop, and the start after it."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.hub.downloads import find_download
from loratui.paths import runs_directory
from loratui.profile.store import load_profile, new_profile, profile_path, write_profile
from loratui.runs.directory import list_runs
from loratui.runs.finding import output_name
from loratui.tui.screens.train_start import stop_download
from tests.functional.wizard.train_on_cpu import on_cpu, started
from tests.small_dataset import write_pictures
from tests.stand_in_worker import TRAINS, put_in_place
from tests.unit.hub.in_process import base_and_gated
from tests.unit.hub.stub_hub import StubHub
from tests.wizard import see, session_of

LARGE = 8_000_000
pytestmark = pytest.mark.usefixtures("no_process_is_left")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    """A hub with a base, and one behind a gate."""
    with base_and_gated(tmp_path / "hf", monkeypatch, LARGE) as stub:
        yield stub


@pytest.fixture
def profile(tmp_path: Path, hub: StubHub) -> str:
    """A saved profile whose base is on the hub."""
    wanted = on_cpu(write_pictures(tmp_path / "5_emi_person"), tmp_path / "output", "emi")
    wanted.model.base = "emi/base"
    new_profile("emi", wanted)
    return "emi"


@asynccontextmanager
async def bringing(profile: str) -> AsyncIterator[Pilot[int]]:
    """The wizard on Train while the base comes from the hub."""
    texts = ("Bringing emi/base", "x stops it")
    async with started(profile, *texts, offered="emi/base is brought from Hugging Face") as pilot:
        yield pilot


async def test_the_base_is_brought_and_then_the_training_starts(
    profile: str, hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(TRAINS, tmp_path / "stand-in", monkeypatch)
    hub.slow = 50_000
    async with bringing(profile) as pilot:
        await see(pilot, "Bringing emi/base from Hugging Face:", "of 8", "x stops it")
        assert list_runs(runs_directory()) == ()
        hub.slow = 0
        await see(pilot, "finished at", "emi.safetensors")


async def test_a_download_can_be_stopped_and_goes_on_by_enter(
    profile: str, hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(TRAINS, tmp_path / "stand-in", monkeypatch)
    hub.slow = 50_000
    async with bringing(profile) as pilot:
        await pilot.press("x")
        await see(pilot, "Stop the download?")
        await pilot.press("down", "enter")
        await see(pilot, "The download of emi/base was stopped.")
        assert list_runs(runs_directory()) == ()
        await pilot.press("escape")
        hub.slow = 0
        await see(pilot, "Enter starts the training")
        await pilot.press("enter")
        await see(pilot, "finished at")


async def test_leaving_the_program_leaves_the_download_alone(profile: str, hub: StubHub) -> None:
    hub.slow = 50_000
    async with bringing(profile) as pilot:
        began = time.monotonic()
        await pilot.press("d")
    assert time.monotonic() - began < 60
    download = find_download("emi/base")
    assert download is not None
    assert download.is_alive()


async def test_another_profile_is_started_while_a_base_is_brought(
    profile: str, hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(TRAINS, tmp_path / "stand-in", monkeypatch)
    new_profile("aki", on_cpu(write_pictures(tmp_path / "aki"), tmp_path / "aki-output", "aki"))
    hub.slow = 50_000
    async with bringing(profile) as pilot:
        session = session_of(pilot)
        session.open("aki")
        lines = await see(pilot, "aki will be trained like this", "Enter starts the training")
        assert not any("Bringing" in line for line in lines)
        session.open("emi")
        await see(pilot, "emi will be trained like this", "Bringing emi/base", "x stops it")
        session.open("aki")
        await see(pilot, "aki will be trained like this", "Enter starts the training")
        await pilot.press("enter")
        await see(pilot, "finished at", "aki.safetensors")
        hub.slow = 0
        await see(pilot, "emi is being trained: h lists it.")
        assert session.name == "aki"
        assert output_name(session.run) == "aki"
        session.open("emi")
        await see(pilot, "finished at", "emi.safetensors")


async def test_a_start_that_fails_under_another_profile_says_whose_it_was(
    profile: str, hub: StubHub, tmp_path: Path
) -> None:
    new_profile("aki", on_cpu(write_pictures(tmp_path / "aki"), tmp_path / "aki-output", "aki"))
    hub.slow = 50_000
    async with bringing(profile) as pilot:
        session_of(pilot).open("aki")
        await see(pilot, "aki will be trained like this")
        stop_download("emi/base")
        await see(pilot, "emi was not started. The download of emi/base was stopped.")


async def test_a_gate_is_said_in_a_sentence(profile: str) -> None:
    wanted = load_profile(profile)
    wanted.model.base = "emi/gated"
    write_profile(wanted, profile_path(profile), profile)
    async with started(profile, "That did not work", "emi/gated", offered="emi/gated is brought from Hugging Face"):
        pass
    assert list_runs(runs_directory()) == ()
