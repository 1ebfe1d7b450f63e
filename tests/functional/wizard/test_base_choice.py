"""Which other settings go with another base."""

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from loratui.hub.kinds import Family
from loratui.hub.known import Known, remember
from loratui.hub.models import locate
from loratui.profile.schema import Profile
from loratui.profile.store import load_profile
from loratui.tui.base_choice import choose_base, read_natives
from loratui.tui.session import Session
from tests.reads import reads_below
from tests.unit.hub.checkpoints import write_checkpoint
from tests.wizard import new_session, see, until, wizard

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"


@pytest.fixture
def session() -> Session:
    """A session with a new profile."""
    return new_session()


def test_the_resolution_follows_the_base_there_and_back(session: Session) -> None:
    complaint, remark = choose_base(session, "demo", read_natives("demo", session.profile.model.base))
    assert complaint == ""
    assert "64 × 64" in remark
    dataset = load_profile("emi").dataset
    assert (dataset.resolution, dataset.min_bucket_reso, dataset.max_bucket_reso, dataset.bucket_reso_steps) == (
        64,
        32,
        128,
        8,
    )
    choose_base(session, SD15, read_natives(SD15, session.profile.model.base))
    assert load_profile("emi") == Profile()


def test_a_resolution_of_a_persons_own_stays(session: Session) -> None:
    assert session.change("dataset.resolution", 448) == ""
    complaint, remark = choose_base(session, "demo", read_natives("demo", session.profile.model.base))
    assert (complaint, remark) == ("", "")
    assert load_profile("emi").dataset.resolution == 448


def test_a_directory_says_its_size(session: Session, tiny_base_directory: Path) -> None:
    base = str(tiny_base_directory)
    complaint, remark = choose_base(session, base, read_natives(base, session.profile.model.base))
    assert complaint == ""
    assert "32 × 32" in remark


def test_a_base_on_the_hub_says_its_size_by_its_family(session: Session) -> None:
    remember(locate("emi/xl"), Known(7_000_000_000, Family("SDXL")))
    complaint, remark = choose_base(session, "emi/xl", read_natives("emi/xl", session.profile.model.base))
    assert complaint == ""
    assert "1024 × 1024" in remark
    dataset = load_profile("emi").dataset
    assert (dataset.resolution, dataset.min_bucket_reso, dataset.max_bucket_reso, dataset.bucket_reso_steps) == (
        1024,
        256,
        2048,
        64,
    )


async def test_on_settings_the_resolution_follows_too_and_that_is_said(session: Session) -> None:
    async with wizard((120, 40), profile="emi", mode="settings") as pilot:
        await pilot.press("enter", "ctrl+u")
        pilot.app.screen.query_one(Input).post_message(events.Paste("demo"))
        await pilot.pause()
        await pilot.press("enter")
        await see(pilot, "demo is the base now; pictures are trained at its 64 × 64")
        assert (load_profile("emi").model.base, load_profile("emi").dataset.resolution) == ("demo", 64)
        await pilot.press("delete")
        await see(pilot, "pictures are trained at its 512 × 512")
        assert load_profile("emi") == Profile()


async def test_while_a_base_is_typed_it_is_read_beside_the_screen_only(session: Session, tmp_path: Path) -> None:
    base = tmp_path / "models" / "counterfeit.safetensors"
    write_checkpoint(base)
    async with wizard((120, 40), profile="emi", mode="settings") as pilot:
        await pilot.press("enter", "ctrl+u")
        with reads_below(tmp_path / "models") as reads:
            line = pilot.app.screen.query_one(Input)
            for end in range(len(str(base)) - 3, len(str(base)) + 1):
                line.value = str(base)[:end]
                await pilot.pause()
            await pilot.press("enter")
            await until(pilot, lambda: load_profile("emi").model.base == str(base))
        assert reads.by_main == []
        assert reads.by_others


async def test_a_base_that_was_typed_is_kept_when_the_program_is_left_at_once(session: Session) -> None:
    async with wizard((120, 40), profile="emi", mode="settings") as pilot:
        await pilot.press("enter", "ctrl+u")
        pilot.app.screen.query_one(Input).value = "demo"
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running)
    assert load_profile("emi").model.base == "demo"
    assert load_profile("emi").dataset.resolution == 64
