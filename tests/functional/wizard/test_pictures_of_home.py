"""Home as it looks, at both sizes."""

import os
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile, profile_path
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from tests.functional.wizard.home_rows import a_broken_profile
from tests.patient_pilot import patient
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.wizard import TEN_FORTY_TWO, at_rest, make_wizard, see

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])
HOUR = 3600.0


def run_of(profile: Profile, name: str, step: int, end: str, at: float) -> None:
    named = profile.model_copy(deep=True)
    named.output.name = name
    made = new_run(named, runs_directory())
    run = RunDirectory(made.path.rename(made.path.with_name(f"2026112{step % 10}-100000-{name}")))
    run.origin_path.write_text(f'{{"profile": "{profile_path(name)}"}}')
    with EventWriter(run.events_path) as events:
        events.write("started", pid=1, task="train", time=at - HOUR)
        events.write("training", steps=360, epochs=10, steps_per_epoch=36, time=at - HOUR)
        events.write("step", step=step, loss=0.0918 + 1 / step, lr=1e-4, seconds=0.5, time=at)
        if end:
            events.write(end, lora=None, grid=None, step=step, signal=0, time=at)
    os.utime(run.events_path, (at, at))


@pytest.fixture
def emi(tmp_path: Path) -> None:
    """Some profiles, one of them broken, and runs of all kinds."""
    pictures = write_pictures(tmp_path / "5_emi_person", count=7)
    profile = small_profile(tmp_path / "sd15", pictures, tmp_path / "out")
    for name in ("emi", "café", "日本語のとても長い名前です"):
        new_profile(name, profile)
    new_profile("new", Profile())
    a_broken_profile()
    run_of(profile, "emi", 360, "finished", TEN_FORTY_TWO - HOUR)
    run_of(profile, "café", 138, "stopped", TEN_FORTY_TWO - 90 * HOUR)
    run_of(profile, "a-very-long-name-of-a-lora", 7, "failed", TEN_FORTY_TWO - 9000 * HOUR)
    run_of(profile, "日本語のとても長い名前です", 251, "", TEN_FORTY_TWO - 2 * HOUR)


@BOTH_SIZES
def test_first_start(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(make_wizard(), terminal_size=size, run_before=patient(at_rest))


@BOTH_SIZES
def test_profiles_and_runs(snap_compare: Any, size: tuple[int, int], emi: None) -> None:
    async def moved(pilot: Pilot[int]) -> None:
        await at_rest(pilot)
        await pilot.press("down", "down")

    assert snap_compare(make_wizard(), terminal_size=size, run_before=patient(moved))


def test_with_ascii_signs_only(snap_compare: Any, emi: None) -> None:
    assert snap_compare(make_wizard(ascii=True), terminal_size=(80, 24), run_before=patient(at_rest))


@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_other_looks(snap_compare: Any, emi: None, theme: str) -> None:
    assert snap_compare(make_wizard(theme=theme), terminal_size=(80, 24), run_before=patient(at_rest))


def test_new(snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_pictures(tmp_path / "pictures" / "5_emi_person")

    async def asked(pilot: Pilot[int]) -> None:
        await at_rest(pilot)
        await pilot.press("n")
        await see(pilot, "Left empty")
        await pilot.press(*"~/pictures/5_emi_")
        await see(pilot, "Enter takes")

    assert snap_compare(make_wizard(), terminal_size=(80, 24), run_before=patient(asked))
