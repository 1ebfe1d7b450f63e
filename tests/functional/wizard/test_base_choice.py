"""Which other settings go with another base."""

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from loratui.profile.schema import Profile
from loratui.profile.store import load_profile
from loratui.tui.base_choice import choose_base
from loratui.tui.session import Session
from tests.wizard import new_session, screen_text, wizard

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"


@pytest.fixture
def session() -> Session:
    """A session with a new profile."""
    return new_session()


def test_the_resolution_follows_the_base_there_and_back(session: Session) -> None:
    complaint, remark = choose_base(session, "demo")
    assert complaint == ""
    assert "64 × 64" in remark
    dataset = load_profile("emi").dataset
    assert (dataset.resolution, dataset.min_bucket_reso, dataset.max_bucket_reso, dataset.bucket_reso_steps) == (
        64,
        32,
        128,
        8,
    )
    choose_base(session, SD15)
    assert load_profile("emi") == Profile()


def test_a_resolution_of_a_persons_own_stays(session: Session) -> None:
    assert session.change("dataset.resolution", 448) == ""
    complaint, remark = choose_base(session, "demo")
    assert (complaint, remark) == ("", "")
    assert load_profile("emi").dataset.resolution == 448


def test_a_directory_says_its_size(session: Session, tiny_base_directory: Path) -> None:
    complaint, remark = choose_base(session, str(tiny_base_directory))
    assert complaint == ""
    assert "32 × 32" in remark


async def test_on_settings_the_resolution_follows_too_and_that_is_said(session: Session) -> None:
    async with wizard((120, 40), profile="emi", mode="settings") as pilot:
        await pilot.press("enter", "ctrl+u")
        pilot.app.screen.query_one(Input).post_message(events.Paste("demo"))
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert load_profile("emi").model.base == "demo"
        assert load_profile("emi").dataset.resolution == 64
        assert "demo is the base now; pictures are trained at its 64 × 64" in screen_text(pilot)[-2]
        await pilot.press("delete")
        await pilot.pause(0.1)
        assert load_profile("emi") == Profile()
        assert "pictures are trained at its 512 × 512" in screen_text(pilot)[-2]
