"""No text is cut without a sign for it, on any screen and in any dialog, in small terminals."""

from pathlib import Path

import pytest
from textual.containers import Vertical
from textual.pilot import Pilot
from textual.widgets import Static

from loratui.paths import runs_directory
from tests.functional.wizard.tried_runs import saved, trying
from tests.tried_run import compared_run
from tests.wizard import at_rest, cut_texts, until, wizard

SIZES = pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=str)
MODES = ("home", "system", "model", "pictures", "settings", "train", "try")
# The keys that open something in front of each screen.
DIALOGS = {
    "home": ("n", "c", "m", "delete"),
    "system": ("enter",),
    "model": ("at",),
    "pictures": ("t", "g", "b", "o", "exclamation_mark"),
    "settings": ("P",),
    "train": (),
    "try": (),
}
EVERYWHERE = ("question_mark", "y", "ctrl+c")


async def look_behind(pilot: Pilot[int], key: str) -> None:
    """Open what a key opens, see that nothing of it is cut, and close it."""
    behind = pilot.app.screen
    await pilot.press(key)
    await until(pilot, lambda: pilot.app.screen is not behind and pilot.app.focused is not None, what=key)
    await pilot.pause()
    assert cut_texts(pilot) == [], key
    await pilot.press("escape")
    await until(pilot, lambda: pilot.app.screen is behind, what=f"{key} closed")


@SIZES
@pytest.mark.parametrize("mode", MODES)
async def test_every_screen_and_what_its_keys_open(
    profile: str, tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    (tmp_path / "5_emi_person" / "2.txt").unlink()  # one thing to see behind `!`
    async with wizard(size, profile, mode) as pilot:
        await at_rest(pilot)
        assert cut_texts(pilot) == []
        for key in (*DIALOGS[mode], *EVERYWHERE):
            await look_behind(pilot, key)


@SIZES
async def test_try_with_a_run(tmp_path: Path, size: tuple[int, int]) -> None:
    async with trying(saved(compared_run(tmp_path / "p", runs_directory())), size) as pilot:
        assert cut_texts(pilot) == []
        for key in ("p", "e", "O", "y"):
            await look_behind(pilot, key)


@pytest.mark.parametrize("wrap", ["wrap", "nowrap"])
async def test_what_is_cut_is_found(profile: str, wrap: str) -> None:
    async with wizard((80, 24), profile, "system") as pilot:
        line = Static("word " * 50, markup=False)
        line.styles.text_wrap, line.styles.height = wrap, 1
        await pilot.app.screen.query_one("#body", Vertical).mount(line)
        await pilot.pause()
        assert any("word word" in told for told in cut_texts(pilot))
        line.styles.width = 300
        await pilot.pause()
        assert any("columns 0 to 300 of 0 to 80" in told for told in cut_texts(pilot))
