"""Pictures of step 4, in the smallest terminal and in a large one."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from textual.pilot import Pilot

from loratui.profile.schema import Dataset, Profile
from loratui.profile.store import new_profile
from loratui.tui.widgets.form import RowsForm
from tests.functional.wizard.test_settings import press
from tests.patient_pilot import patient
from tests.small_dataset import write_pictures
from tests.wizard import make_wizard, see

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile with a few pictures, on a computer without a GPU that has 32 GB."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    memory = SimpleNamespace(total=32 << 30, available=16 << 30, percent=50.0)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    write_pictures(tmp_path / "pictures", size=(512, 512))
    new_profile("emi", Profile(dataset=Dataset(path="pictures", trigger="Emi")))
    return "emi"


def after(*keys: str, row: str = "model.base") -> Callable[[Pilot[int]], Awaitable[None]]:
    async def run(pilot: Pilot[int]) -> None:
        await see(pilot, "150 steps")
        pilot.app.screen.query_one(RowsForm).go_to(row)
        await press(pilot, *keys)

    return patient(run)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_first_rows(profile: str, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(make_wizard(profile, "settings"), terminal_size=size, run_before=after())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_value_that_is_refused(profile: str, size: tuple[int, int], snap_compare: Any) -> None:
    typed = after("enter", "6", "4", "enter", row="dataset.resolution")
    assert snap_compare(make_wizard(profile, "settings"), terminal_size=size, run_before=typed)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_presets(profile: str, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(make_wizard(profile, "settings"), terminal_size=size, run_before=after("P", "down"))


def test_lora_and_dreambooth(profile: str, snap_compare: Any) -> None:
    assert snap_compare(make_wizard(profile, "settings"), terminal_size=(80, 24), run_before=after("C"))


def test_a_search_in_ascii(profile: str, snap_compare: Any) -> None:
    app = make_wizard(profile, "settings", ascii=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=after("slash", *"reso", "enter"))
