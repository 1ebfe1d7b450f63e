"""Every screen is told once when it comes to the front, and once when it leaves it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loratui.profile.store import new_profile
from loratui.tui.frame import StepScreen
from tests.small_dataset import small_profile, write_pictures
from tests.wizard import at_mode, until, wizard

KEYS = {"home": "h", "system": "1", "model": "2", "pictures": "3", "settings": "4", "train": "5", "try": "6"}


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A saved profile with pictures; nothing else of this computer is seen."""
    monkeypatch.setenv("HOME", str(tmp_path))
    new_profile("emi", small_profile(Path("demo"), write_pictures(tmp_path / "5_emi"), tmp_path / "output"))
    return "emi"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the frame tells each screen, by step; a screen that calls one of the two from the other does not count."""
    noted: dict[str, list[str]] = {step: [] for step in KEYS}
    begin = StepScreen.__init__

    def begin_recorded(screen: StepScreen, *arguments: object) -> None:
        begin(screen, *arguments)  # type: ignore[arg-type]
        inside: list[str] = []

        def recorded(name: str, act: Callable[[], None]) -> Callable[[], None]:
            def note() -> None:
                if not inside:
                    noted[screen.STEP].append(name)
                inside.append(name)
                act()
                inside.pop()

            return note

        for name in ("shown", "hidden"):
            setattr(screen, name, recorded(name, getattr(screen, name)))

    monkeypatch.setattr(StepScreen, "__init__", begin_recorded)
    return noted


@pytest.mark.parametrize("mode", KEYS)
async def test_a_screen_is_shown_and_hidden_in_turn(profile: str, told: dict[str, list[str]], mode: str) -> None:
    elsewhere = "system" if mode == "home" else "home"
    async with wizard(profile=profile, mode=elsewhere) as pilot:
        await pilot.press(KEYS[mode])
        await until(pilot, lambda: (told[mode], told[elsewhere]) == (["shown"], ["shown", "hidden"]), what=str(told))
        await pilot.press("question_mark")
        await until(pilot, lambda: told[mode] == ["shown", "hidden"], what=str(told))
        await pilot.press("escape")
        await until(pilot, lambda: told[mode] == ["shown", "hidden", "shown"], what=str(told))
        await pilot.press(KEYS[elsewhere])
        await at_mode(pilot, elsewhere)
        await pilot.press(KEYS[mode])
        await until(pilot, lambda: told[mode] == ["shown", "hidden"] * 2 + ["shown"], what=str(told))
        assert told[elsewhere] == ["shown", "hidden"] * 2
