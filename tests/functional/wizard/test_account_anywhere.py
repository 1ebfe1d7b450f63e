"""Signing in is reached from every screen, by its key and by its name."""

from pathlib import Path

import pytest

from loratui.profile.schema import Profile
from loratui.profile.store import new_profile
from tests.functional.wizard.test_commands import can_be_taken
from tests.wizard import see, until, wizard


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is signed in."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.mark.parametrize("mode", ["home", "system", "model", "pictures", "settings", "train", "try"])
async def test_its_key_leads_to_model_and_asks_there(mode: str) -> None:
    new_profile("emi", Profile())
    async with wizard(profile="emi", mode=mode) as pilot:
        await pilot.press("at")
        await see(pilot, "Sign in by code")
        assert pilot.app.current_mode == "model"
        await pilot.press("escape")
        await see(pilot, "Hugging Face: nobody is signed in")


async def test_it_is_a_command() -> None:
    new_profile("emi", Profile())
    async with wizard(profile="emi", mode="settings") as pilot:
        await pilot.press("colon")
        await see(pilot, "Search for commands")
        await pilot.press(*"account")
        await see(pilot, "Account  (@)")
        await until(pilot, lambda: can_be_taken(pilot, "Account  (@)"))
        await pilot.press("enter")
        await see(pilot, "Sign in by code")


async def test_without_a_profile_it_is_asked_on_the_spot() -> None:
    async with wizard() as pilot:
        await pilot.press("at")
        await see(pilot, "Sign in by code")
        assert pilot.app.current_mode == "home"
        await pilot.press("down", "enter")
        await see(pilot, "Paste a token")
