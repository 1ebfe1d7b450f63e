"""What Model reads beside the screen, how often it does, and that nothing which cannot be read ends the program."""

import time
from pathlib import Path

import pytest

from loratui.profile.store import load_profile, new_profile
from loratui.tui.screens import model_asking
from loratui.tui.screens.model import ModelScreen
from loratui.tui.screens.model_list import BaseList
from tests.functional.wizard.model_bases import name_base, see
from tests.reads import reads_below
from tests.small_dataset import small_profile
from tests.unit.hub.checkpoints import diffusers_files, write_checkpoint, write_in_cache
from tests.unit.hub.in_process import use_endpoint
from tests.wizard import until, wizard


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home with bases of three kinds, and a profile on the demo's; no hub."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("loratui.hub.on_disk._SHARED_PARENTS", ())
    use_endpoint("http://127.0.0.1:9", tmp_path / "hf", monkeypatch)
    write_in_cache(tmp_path / "hf", "emi/cached", diffusers_files())
    write_checkpoint(tmp_path / "webui_forge" / "models" / "Stable-diffusion" / "counterfeit.safetensors")
    new_profile("emi", small_profile(Path("demo"), tmp_path / "pictures", tmp_path / "output"))
    return tmp_path


async def test_a_token_that_cannot_be_read_is_said_and_ends_nothing(home: Path) -> None:
    (home / "hf" / "token").mkdir()
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "Hugging Face: The stored token cannot be read: Is a directory.")
        await pilot.press("at")
        await until(pilot, lambda: "cannot be read" in pilot.app.screen.query_one("#news").render().plain)
        await pilot.press("home", "enter")
        await until(pilot, lambda: load_profile("emi").model.base == "emi/cached")


async def test_downloads_are_followed_by_one_timer(home: Path) -> None:
    async with wizard(profile="emi", mode="home") as pilot:
        looks: list[float] = []
        await pilot.press("2")
        await see(pilot, "emi/cached")
        screen = pilot.app.screen
        assert isinstance(screen, ModelScreen)
        watch, look = screen._downloads, screen._downloads.look
        watch.look = lambda: (looks.append(time.monotonic()), look())[1]  # type: ignore[method-assign,func-returns-value]
        await pilot.pause(1.2)
        assert 1 <= len(looks) <= 3
        await pilot.press("h")
        await pilot.pause()
        looks.clear()
        await pilot.pause(0.8)
        assert looks == []


async def test_a_base_is_read_beside_the_screen_only(home: Path) -> None:
    write_in_cache(home / "hf", "emi/other", diffusers_files())
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/cached")
        with reads_below(home / "hf") as reads:
            await pilot.press("home", "enter")
            await until(pilot, lambda: load_profile("emi").model.base == "emi/cached")
            await name_base(pilot, "emi/other")
            await until(pilot, lambda: load_profile("emi").model.base == "emi/other")
        assert reads.by_main == []
        assert reads.by_others


async def test_a_cursor_that_runs_over_the_list_looks_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    look = model_asking.look
    monkeypatch.setattr(model_asking, "look", lambda base: (looked.append(base), look(base))[1])  # type: ignore[func-returns-value]
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/cached")
        await pilot.pause(0.5)
        looked.clear()
        bases = pilot.app.screen.query_one(BaseList)
        bases.action_move(-100)
        for step in [1, -1] * 20:
            bases.action_move(step)
            await pilot.pause()
        await see(pilot, "in the Hugging Face cache.")
        await pilot.pause(0.3)
        assert looked == ["emi/cached"]
