"""Pictures as it looks, at both sizes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from loratui.tui.widgets.picture import Picture
from tests.functional.wizard.picture_folders import good_folder, looked, odd_folder, save_profile
from tests.patient_pilot import patient
from tests.wizard import at_rest, is_drawn, make_wizard, until

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, reached by SSH."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", lambda: "emi")
    monkeypatch.setenv("SSH_CONNECTION", "192.168.1.5 51000 192.168.1.9 22")
    return tmp_path


def pressing(*keys: str) -> Any:
    async def before(pilot: Pilot[int]) -> None:
        await looked(pilot)
        await pilot.press(*keys)
        await at_rest(pilot)
        await until(pilot, lambda: is_drawn(pilot.app.screen_stack[0].query_one(Picture)))

    return patient(before)


@BOTH_SIZES
def test_good_pictures(snap_compare: Any, home: Path, size: tuple[int, int]) -> None:
    save_profile(good_folder(home, 14), trigger="Emi")
    assert snap_compare(make_wizard("emi", "pictures"), terminal_size=size, run_before=pressing("down"))


@BOTH_SIZES
def test_odd_pictures(snap_compare: Any, home: Path, size: tuple[int, int]) -> None:
    save_profile(odd_folder(home), trigger="Emi")
    keys = ("down", "down", "down")
    assert snap_compare(make_wizard("emi", "pictures"), terminal_size=size, run_before=pressing(*keys))


def test_odd_pictures_in_ascii(snap_compare: Any) -> None:
    # Where no picture is drawn its path is shown: it has to be the same every time.
    place = Path("/tmp/loratui-pictures")
    shutil.rmtree(place, ignore_errors=True)
    try:
        save_profile(odd_folder(place), trigger="Emi")
        app = make_wizard("emi", "pictures", ascii=True, theme="light")
        assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("end"))
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("key", ["g", "b", "exclamation_mark", "t", "o", "enter"])
def test_what_the_keys_show(snap_compare: Any, home: Path, key: str) -> None:
    save_profile(odd_folder(home), trigger="Emi")
    assert snap_compare(make_wizard("emi", "pictures"), terminal_size=(80, 24), run_before=pressing(key))


@BOTH_SIZES
def test_an_empty_folder(snap_compare: Any, home: Path, size: tuple[int, int]) -> None:
    (home / "pictures" / "5_emi").mkdir(parents=True)
    save_profile(home / "pictures")
    assert snap_compare(make_wizard("emi", "pictures"), terminal_size=size, run_before=pressing())


def test_nothing_chosen(snap_compare: Any) -> None:
    save_profile("")
    assert snap_compare(make_wizard("emi", "pictures"), terminal_size=(80, 24), run_before=pressing())
