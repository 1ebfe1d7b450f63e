"""Train before a start: Enter before the plan is known, values that were not taken, and the rail of another profile."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loratui.orders.preparing import Order
from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile
from loratui.runs.directory import list_runs
from loratui.tui.messages import OpenProfile
from loratui.tui.screens import train_plan, train_work
from loratui.tui.widgets.form import RowsForm
from tests.functional.wizard.train_on_cpu import on_cpu, started
from tests.small_dataset import write_pictures
from tests.stand_in_worker import put_in_place
from tests.wizard import at_mode, cut_texts, read, screen_text, see, session_of, until, wizard


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A saved profile with six pictures, to be trained on the CPU."""
    new_profile("emi", on_cpu(write_pictures(tmp_path / "5_emi_person"), tmp_path / "output", "emi"))
    return "emi"


@pytest.fixture(autouse=True)
def _holding_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_process_is_left: None) -> None:
    put_in_place("train(20, hold_at=10)\nfinish()", tmp_path / "stand-in", monkeypatch)


@pytest.fixture
def look_ends(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The plan is known only once this is set, as with thousands of pictures."""
    ends = threading.Event()

    def intend(order: Order, progress: Callable[[int, int], None]) -> train_plan.Intention:
        ends.wait(60)
        return train_plan.intend(order, progress)

    monkeypatch.setattr(train_work, "intend", intend)
    return ends


async def test_enter_before_the_plan_is_known_starts_as_soon_as_it_is(profile: str, look_ends: threading.Event) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await pilot.press("5")
        lines = await see(pilot, "Looking at what would be trained")
        assert "Enter Start" in lines[-1]
        await pilot.press("enter")
        await see(pilot, "Looking at what would be trained, which starts then")
        look_ends.set()
        await see(pilot, "step 10/20")
    assert len(list_runs(runs_directory())) == 1


async def test_enter_before_a_plan_that_is_refused_says_so_and_starts_nothing(
    profile: str, look_ends: threading.Event, tmp_path: Path
) -> None:
    for picture in (tmp_path / "5_emi_person").glob("*.png"):
        picture.write_bytes(b"no picture")
    async with wizard(profile=profile, mode="train") as pilot:
        await see(pilot, "Looking at what would be trained")
        await pilot.press("enter")
        await see(pilot, "which starts then")
        look_ends.set()
        await see(pilot, "Not started: ", "3 Pictures is where to mend it")
        write_pictures(tmp_path / "5_emi_person")
        await pilot.press("enter")  # looks again, and does no more
        await see(pilot, "Enter starts the training")
    assert list_runs(runs_directory()) == ()


async def test_values_that_were_not_taken_are_all_said_before_the_start(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form = pilot.app.screen.query_one(RowsForm)
        rows = ("dataset.resolution", "training.batch_size", "training.epochs")
        for row in rows:
            form.go_to(row)
            await pilot.press("enter", "ctrl+u", "minus", "7", "x", "enter")
        await until(pilot, lambda: set(form.refused) == set(rows))
        reasons = session_of(pilot).unmet("settings")
        await pilot.press("5")
        lines = await see(pilot, "4 Settings comes first: nothing starts while a value is not taken")
        assert not any("Enter starts" in line for line in lines)
        assert "Enter" not in lines[-1]
        assert reasons is not None
        for reason in reasons:
            await read(pilot, f"4 Settings: {reason}")
        assert cut_texts(pilot) == []
        await pilot.press("enter")
        await see(pilot, f"4 Settings comes first: {reasons[0][:20]}")
    assert list_runs(runs_directory()) == ()


async def test_a_run_that_ends_marks_no_step_of_another_profile(profile: str, loratui_home: Path) -> None:
    new_profile("lion", Profile())
    async with started(profile, "step 10/20") as pilot:
        await pilot.press("4")
        await at_mode(pilot, "settings")
        pilot.app.post_message(OpenProfile("lion", "settings"))
        await until(pilot, lambda: session_of(pilot).name == "lion")
        (loratui_home / "go").touch()
        await see(pilot, "emi is trained: h lists it.")
        assert session_of(pilot).unmet("train") is None
        assert "5 Train✓" not in "\n".join(screen_text(pilot))
        # The profile whose run it is has its mark when it is open again.
        pilot.app.post_message(OpenProfile(profile, "settings"))
        await see(pilot, "5 Train✓")
