"""Choosing the folder with the pictures: any level is understood, and an empty one is filled while one waits."""

import os
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from loratui.profile.store import load_profile
from loratui.tui.widgets.completing_field import CompletingField
from tests.functional.wizard.picture_folders import good_folder, looked, looking_at, lower, screen, seen
from tests.wizard import paste, see, until


@pytest.fixture
def img(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures in `~/data/emi/IMG`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return good_folder(tmp_path / "data" / "emi")


async def opened(pilot: Pilot[int], *typed: str) -> None:
    await pilot.press("o")
    await see(pilot, "The folder with the pictures")
    await pilot.press(*typed)


async def test_nothing_is_chosen_yet(img: Path) -> None:
    async with looking_at("") as pilot:
        await see(pilot, "No folder of pictures is chosen yet.")
        session = pilot.app.session  # type: ignore[attr-defined]
        assert session.unmet("pictures") == ("no folder of pictures is chosen",)
        await pilot.press("u", "enter", "b", "g", "z", "t", "exclamation_mark")
        await see(pilot, "No folder of pictures is chosen yet.")


async def test_typed_with_completion(img: Path) -> None:
    async with looking_at("") as pilot:
        await opened(pilot, *"~/da", "tab", "tab")
        await see(pilot, "~/data/emi/")
        await pilot.press("tab")
        await see(pilot, "6 pictures, 6 captions (5_emi_person 5×).")
        await pilot.press("enter")
        await looked(pilot)
        assert load_profile("emi").dataset.path == str(img)
        await see(pilot, "~/data/emi/IMG")
        await see(pilot, "6 pictures × 5")


@pytest.mark.parametrize("quoted", ["'{}'", '"{}"', "{}"])
async def test_tab_goes_on_from_a_path_as_a_terminal_pastes_it(tmp_path: Path, quoted: str) -> None:
    name = "my own pictures"
    (tmp_path / name / "5_emi").mkdir(parents=True)
    text = quoted.format(tmp_path / (name.replace(" ", "\\ ") if quoted == "{}" else name))
    async with looking_at("") as pilot:
        await opened(pilot)
        await paste(pilot, text)
        line = pilot.app.screen.query_one(Input)
        assert line.value == text
        await pilot.press("tab")
        await until(pilot, lambda: line.value == f"{tmp_path}/{name}/")
        await pilot.press("tab")
        await until(pilot, lambda: line.value == f"{tmp_path}/{name}/5_emi/")


async def test_a_disk_that_does_not_answer_tab_is_told(img: Path) -> None:
    async with looking_at("") as pilot:
        await opened(pilot, *"~/da")
        line = pilot.app.screen.query_one(CompletingField)
        line.post_message(CompletingField.Completed("The disk does not answer.", is_complaint=True))
        await see(pilot, "The disk does not answer.")


async def test_too_high_up_takes_the_right_level(img: Path) -> None:
    async with looking_at("") as pilot:
        await opened(pilot, *"~/data")
        await see(pilot, "~/data is too high up")
        await see(pilot, "Enter takes ~/data/emi/IMG.")
        await pilot.press("enter")
        await looked(pilot)
        assert load_profile("emi").dataset.path == str(img)


async def test_a_file_takes_its_folder(img: Path) -> None:
    async with looking_at("") as pilot:
        await opened(pilot, *"~/data/emi/IMG/5_emi_person/1.png")
        await see(pilot, "is not a folder")
        await pilot.press("enter")
        await looked(pilot)
        assert load_profile("emi").dataset.path == str(img / "5_emi_person")


async def test_several_right_levels_are_offered(img: Path, tmp_path: Path) -> None:
    good_folder(tmp_path / "data" / "mio")
    async with looking_at("") as pilot:
        await opened(pilot, *"~/data", "enter")
        await see(pilot, "~/data/mio/IMG  the pictures lie here")
        await pilot.press("down", "down", "enter")
        await looked(pilot)
        assert load_profile("emi").dataset.path == str(tmp_path / "data" / "mio" / "IMG")


async def test_recent_folders_are_offered(img: Path, tmp_path: Path) -> None:
    other = good_folder(tmp_path / "other", 2)
    async with looking_at("") as pilot:
        for folder in (img, other):
            pilot.app.session.change("dataset.path", "")  # type: ignore[attr-defined]
            await looked(pilot)
            await opened(pilot, *f"~/{folder.relative_to(tmp_path)}", "enter")
            await looked(pilot)
        pilot.app.session.change("dataset.path", "")  # type: ignore[attr-defined]
        await looked(pilot)
        await opened(pilot)
        await see(pilot, "~/other/IMG  recent")
        await pilot.press("down", "down", "enter")
        await looked(pilot)
        assert load_profile("emi").dataset.path == str(img)


async def test_a_folder_that_is_missing_can_be_made_and_filled(
    img: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.168.1.5 51000 192.168.1.9 22")
    monkeypatch.setenv("USER", "emi")
    monkeypatch.setenv("LOGNAME", "emi")
    async with looking_at("") as pilot:
        await opened(pilot, *"~/new/5_mio", "enter")
        await see(pilot, "Make ~/new/5_mio  to be filled")
        await pilot.press("down", "enter")
        await see(pilot, "There are no pictures in ~/new/5_mio yet.")
        await see(pilot, "scp -r pictures/* emi@192.168.1.9:")
        await see(pilot, "rsync -av pictures/ emi@192.168.1.9:")
        session = pilot.app.session  # type: ignore[attr-defined]
        assert session.unmet("pictures") == ("no pictures yet",)
        assert "scp -r pictures/*" in screen(pilot).plain_text()
        for name in ("1.png", "1.txt"):
            os.link(img / "5_emi_person" / name, tmp_path / "new" / "5_mio" / name)
        await see(pilot, "1 picture × 5")
        assert lower(pilot).startswith("the model sees")


async def test_a_misspelt_folder_is_mended_where_it_was_typed(img: Path, tmp_path: Path) -> None:
    async with looking_at("") as pilot:
        await opened(pilot, *"~/nosuch", "enter")
        await until(pilot, lambda: "There is no folder ~/nosuch" in seen(pilot) and "Make ~/nosuch" in seen(pilot))
        line = pilot.app.screen.query_one(Input)
        assert pilot.app.focused is line
        for key, text in (("backspace", "~/nosuc"), ("x", "~/nosuchx"), ("ctrl+u", "")):
            line.value, line.cursor_position = "~/nosuch", 8
            await see(pilot, "Make ~/nosuch  ")
            await pilot.press("down")
            assert pilot.app.focused is not line
            await pilot.press(key)
            assert (line.value, pilot.app.focused) == (text, line)
        await pilot.press(*"~/nosuch", "enter")
        await see(pilot, "Make ~/nosuch  ")
        await pilot.press("down", "up")
        assert pilot.app.focused is line
        await pilot.press("ctrl+u", *"~/data/emi/IMG", "enter")
        await looked(pilot)
        assert load_profile("emi").dataset.path == str(img)
    assert not (tmp_path / "nosuch").exists()


async def test_esc_changes_nothing(img: Path) -> None:
    async with looking_at(img) as pilot:
        await opened(pilot, *"/elsewhere", "escape")
        assert load_profile("emi").dataset.path == str(img)
        await see(pilot, "6 pictures × 5")


@pytest.mark.parametrize(
    ("path", "said", "todo"),
    [
        ("data", "is too high up", "Press o, then Enter, to take it."),
        ("dat", "There is no folder", "Probably meant:"),
        ("data/emi/IMG/5_emi_person/1.png", "is not a folder", "Probably meant:"),
    ],
)
async def test_what_is_wrong_with_a_saved_folder_is_said_with_what_to_do(
    img: Path, tmp_path: Path, path: str, said: str, todo: str
) -> None:
    async with looking_at(tmp_path / path) as pilot:
        assert said in " ".join(seen(pilot).split())
        assert todo in seen(pilot)
        session = pilot.app.session  # type: ignore[attr-defined]
        assert session.unmet("pictures") == ("no pictures in the folder that is chosen",)


async def test_a_wrong_regularisation_folder_is_named(img: Path, tmp_path: Path) -> None:
    async with looking_at(img, regularisation_path=str(tmp_path / "girls")) as pilot:
        await see(pilot, "There is no folder")
        assert "dataset.regularisation_path: press 4." in " ".join(seen(pilot).split())


async def test_a_folder_that_goes_and_comes_back_is_noticed(img: Path) -> None:
    async with looking_at(img) as pilot:
        img.rename(img.parent / "away")
        await see(pilot, "There is no folder")
        (img.parent / "away").rename(img)
        await see(pilot, "6 pictures × 5")


async def test_of_several_folders_that_may_be_meant_one_is_taken_as_is_said(img: Path, tmp_path: Path) -> None:
    other = good_folder(tmp_path / "data" / "ken")
    async with looking_at(tmp_path / "data") as pilot:
        await see(pilot, "Probably meant:", "Press o, then ↓ and Enter, to take one of them.")
        await pilot.press("o")
        await see(pilot, "the pictures lie here")
        await pilot.press("down", "enter")
        await until(pilot, lambda: load_profile("emi").dataset.path in (str(img), str(other)))
