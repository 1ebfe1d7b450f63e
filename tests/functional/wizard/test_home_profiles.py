"""What Home does with profiles: begin one from a folder, copy, rename, remove it."""

from pathlib import Path

import pytest
from textual.widgets import Input

from loratui.errors import ProfileError
from loratui.paths import profiles_directory
from loratui.profile.schema import Profile
from loratui.profile.store import load_profile, profile_path
from loratui.tui.screens.home_acts import begin_profile
from tests.functional.wizard.home_rows import a_broken_profile, began, fill_in, home, save
from tests.small_dataset import write_pictures
from tests.wizard import at_mode, line_with, read, session_of, wizard


async def test_a_broken_profile_is_listed_with_its_mistake_and_can_be_removed(unsaved: Profile) -> None:
    save(unsaved)
    a_broken_profile()
    async with wizard() as pilot:
        lines = await read(pilot, "did you mean model.base?")
        assert line_with(lines, "broken").startswith("▸")
        await pilot.press("enter")
        await read(pilot, "That did not work")
        await pilot.press("escape", "delete")
        lines = await read(pilot, "Remove the profile broken?")
        await pilot.press("down", "enter")
        await read(pilot, "was removed")
    assert not profile_path("broken").exists()
    assert profile_path("emi").exists()


async def test_new_takes_one_answer_and_proposes_the_name_from_the_folder(unsaved: Profile) -> None:
    save(Profile())
    async with home("no pictures yet") as pilot:
        await pilot.press("n")
        await read(pilot, "Train your own")
        await fill_in(pilot, unsaved.dataset.path)
        await pilot.press("x")
        await read(pilot, "There is no folder")
        await read(pilot, "Enter takes ")
        await pilot.press("backspace", "enter")
        await at_mode(pilot, "pictures")
    # emi was taken; the numbered folder inside IMG names the character.
    assert load_profile("emi-2").dataset.path == unsaved.dataset.path
    assert Path(load_profile("emi-2").output.directory).is_absolute()


async def test_a_misspelt_folder_makes_nothing_and_is_offered_again(unsaved: Profile, tmp_path: Path) -> None:
    async with home("Try the demo") as pilot:
        await pilot.press("n")
        await read(pilot, "Left empty")
        await fill_in(pilot, f"{tmp_path}/nosuch")
        await pilot.press("enter")
        await read(pilot, "There is no folder")
        await pilot.press("escape", "n")
        await read(pilot, "Left empty")
        assert pilot.app.screen.query_one(Input).value == f"{tmp_path}/nosuch"
        await pilot.press("enter")
        await read(pilot, "There is no folder")
        await fill_in(pilot, unsaved.dataset.path)
        await pilot.press("enter")
        await at_mode(pilot, "pictures")
        await pilot.press("h", "n")
        await read(pilot, "Left empty")
        assert pilot.app.screen.query_one(Input).value == ""
    assert not (tmp_path / "nosuch").exists()
    assert load_profile("emi").dataset.path == unsaved.dataset.path


async def test_new_completes_folders_with_tab(unsaved: Profile) -> None:
    async with home("Try the demo") as pilot:
        await pilot.press("down", "enter")
        await read(pilot, "Left empty")
        await fill_in(pilot, unsaved.dataset.path[:-1])
        await pilot.press("tab")
        assert pilot.app.screen.query_one(Input).value == unsaved.dataset.path + "/"
        await pilot.press("tab", "enter")
        await at_mode(pilot, "pictures")
    assert load_profile("emi").dataset.path == f"{unsaved.dataset.path}/5_emi_person"


async def test_new_without_a_folder_begins_a_profile_all_the_same() -> None:
    async with home("Try the demo") as pilot:
        await pilot.press("n")
        await read(pilot, "Left empty")
        await pilot.press("enter")
        await at_mode(pilot, "pictures")
    assert load_profile("lora").dataset.path == ""


@pytest.mark.parametrize("how", ["too high up", "a picture", "quotes", "single quotes", "backslashes"])
async def test_new_understands_every_level_and_paths_as_terminals_paste_them(
    tmp_path: Path, unsaved: Profile, how: str
) -> None:
    wanted = write_pictures(tmp_path / "sp ace" / "emi" / "5_emi_person").parent
    text = {
        "too high up": str(tmp_path / "sp ace"),
        "a picture": f"{wanted}/5_emi_person/1.png",
        "quotes": f'"{wanted}/"',
        "single quotes": f"'{wanted}/' ",
        "backslashes": str(wanted).replace(" ", r"\ ") + "/",
    }[how]
    async with wizard() as pilot:
        await began(pilot, text)
        await at_mode(pilot, "pictures")
        inside = wanted / "5_emi_person" if how == "a picture" else wanted
        assert load_profile("emi").dataset.path == str(inside)
        assert session_of(pilot).recall("recent_folders") == [str(inside)]


async def test_a_folder_of_new_is_offered_the_next_time(unsaved: Profile) -> None:
    async with wizard() as pilot:
        await began(pilot, unsaved.dataset.path)
        await at_mode(pilot, "pictures")
        await pilot.press("h")
        await at_mode(pilot, "home")
        await pilot.press("n")
        await read(pilot, "IMG recent")
        await pilot.press("down", "enter")
        await at_mode(pilot, "pictures")
    assert load_profile("emi-2").dataset.path == unsaved.dataset.path


@pytest.mark.parametrize(("name", "reason"), [("a\x07b", "control characters"), ("a\udcffb", "must be UTF-8 text")])
async def test_a_folder_that_no_profile_can_name_is_refused_in_plain_words(
    tmp_path: Path, name: str, reason: str
) -> None:
    folder = write_pictures(tmp_path / "x").rename(tmp_path / name)
    async with home("Try the demo") as pilot:
        await pilot.press("n")
        await read(pilot, "Left empty")
        pilot.app.screen.query_one(Input).value = str(folder)
        await read(pilot, reason)
        await pilot.press("enter")
        assert "itself failed" not in "\n".join(await read(pilot, reason))
    assert not profiles_directory().exists()


def test_a_profile_for_such_a_folder_is_refused_as_profiles_are(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="control characters"):
        begin_profile(str(tmp_path / "a\x07b"))


async def test_copies_and_renames_keep_the_settings(unsaved: Profile) -> None:
    save(unsaved)
    async with home("6 in IMG") as pilot:
        await pilot.press("c")
        await read(pilot, "emi-2")
        await pilot.press("enter")
        assert line_with(await read(pilot, "▸ emi-2"), "▸ emi-2")
        await read(pilot, "emi-2 is a copy of emi; Enter opens it.")
        await pilot.press("m")
        await read(pilot, "The new name of emi-2")
        await fill_in(pilot, "emi")
        await pilot.press("enter")
        await read(pilot, "There is a profile emi already.")
        await pilot.press("a", "enter")
        await read(pilot, "▸ emia")
    assert load_profile("emia") == load_profile("emi") == unsaved
    assert not profile_path("emi-2").exists()


async def test_renaming_the_open_profile_keeps_it_open(unsaved: Profile) -> None:
    save(unsaved)
    async with home("6 in IMG", profile="emi") as pilot:
        await pilot.press("m")
        await read(pilot, "The new name")
        await pilot.press("2", "enter")
        await read(pilot, "▸ emi2")
        session = session_of(pilot)
        assert session.name == "emi2"
        assert session.change("training.epochs", 3) == ""
    assert load_profile("emi2").training.epochs == 3
    assert not profile_path("emi").exists()
