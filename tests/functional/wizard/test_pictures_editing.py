"""Captions are edited in place and the trigger word is put in front of them; all of it can be taken back."""

from pathlib import Path

import pytest

from loratui.dataset.captions import read_caption_file
from loratui.profile.store import load_profile
from tests.functional.wizard.picture_folders import (
    CAPTION,
    good_folder,
    looked,
    looking_at,
    lower,
    odd_folder,
    row,
    screen,
    seen,
)
from tests.wizard import screen_text, see, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good pictures: the folder that holds them."""
    return good_folder(tmp_path) / "5_emi_person"


async def test_a_caption_is_edited_in_place(folder: Path) -> None:
    (folder / "1.txt").write_text("girl\r\nkept\r\n")
    async with looking_at(folder, trigger="Emi") as pilot:
        await pilot.press("enter")
        await see(pilot, "Enter Done")
        await pilot.press(*", night?!")
        assert "Emi, girl, night?!" in lower(pilot)
        assert (folder / "1.txt").read_bytes() == b"girl\r\nkept\r\n"
        await pilot.press("enter")
        await until(pilot, lambda: (folder / "1.txt").read_bytes() == b"girl, night?!\r\nkept\r\n")
        await until(pilot, lambda: "): Emi, girl, night?!" in lower(pilot))
        await pilot.press("z")
        await see(pilot, "Taken back: caption of 1.png.")
        await until(pilot, lambda: lower(pilot).endswith("Emi, girl"))
        assert (folder / "1.txt").read_bytes() == b"girl\r\nkept\r\n"
        assert "z Undo" not in seen(pilot)
        await pilot.press("z")
        await see(pilot, "There is nothing left to take back.")
        assert "Taken back" not in seen(pilot)


async def test_a_long_caption_is_edited_at_its_end(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter")
        end = "upper body, picture 1"
        await until(pilot, lambda: any(line.endswith(end) for line in screen_text(pilot)[-7:-4]), what=end)


async def test_arrows_keep_the_caption_and_go_on_to_the_neighbour(folder: Path) -> None:
    for number in (1, 2, 3):
        (folder / f"{number}.txt").unlink()
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *"one", "down", *"two", "down", *"three", "up", *"!", "escape")
        await until(pilot, lambda: "3 of 6" not in seen(pilot) and "✓ no problems" in seen(pilot))
        assert [read_caption_file(folder / f"{number}.txt").text for number in (1, 2, 3)] == ["one", "two!", "three"]
        assert row(pilot, "2.png").startswith("▸")
        assert not screen(pilot).is_editing


async def test_tab_completes_a_tag(folder: Path) -> None:
    (folder / "6.txt").unlink()
    async with looking_at(folder) as pilot:
        await pilot.press("end", "enter", *"Emi, cardi", "tab", "enter")
        await until(pilot, (folder / "6.txt").exists)
        assert read_caption_file(folder / "6.txt").text == "Emi, cardigan"


async def test_going_elsewhere_keeps_what_was_typed(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", typed", "ctrl+n")
        await until(pilot, lambda: read_caption_file(folder / "1.txt").text.endswith(", typed"))
        assert pilot.app.current_mode == "settings"


async def test_a_caption_in_another_encoding_is_written_as_utf8(tmp_path: Path) -> None:
    img = odd_folder(tmp_path)
    path = img / "5_emi_person" / "5.txt"
    async with looking_at(img) as pilot:
        await pilot.press("down", "down", "down", "down", "enter")
        await see(pilot, "Read as Windows-1252; any change, even a space, is saved as UTF-8.")
        await see(pilot, "Emi, café, smiling")
        await pilot.press("space", "enter")
        await see(pilot, "none stops the training")
        assert path.read_bytes() == "Emi, café, smiling".encode()
        assert pilot.app.session.unmet("pictures") == ()  # type: ignore[attr-defined]


async def test_the_trigger_is_set_and_the_files_stay(folder: Path) -> None:
    async with looking_at(folder.parent) as pilot:
        await pilot.press("t", *"Emi", "enter")
        await see(pilot, "6 of 6 caption files lack Emi.")
        await pilot.press("enter")
        await looked(pilot)
        assert f"): Emi, {CAPTION}" in lower(pilot)
        assert read_caption_file(folder / "1.txt").text == f"{CAPTION}, picture 1"
        assert load_profile("emi").dataset.trigger == "Emi"


async def test_an_edit_that_is_over_says_that_it_is_saved_and_names_the_key_that_takes_it_back(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", new", "enter")
        await see(pilot, "1.txt is saved; z takes it back.")
        await until(pilot, lambda: "z Undo" in seen(pilot).splitlines()[-1])


async def test_esc_at_the_second_question_leaves_the_trigger_word_as_it_was(folder: Path) -> None:
    async with looking_at(folder.parent) as pilot:
        await pilot.press("t", *"zork", "enter")
        await see(pilot, "6 of 6 caption files lack zork.")
        await pilot.press("escape")
        await see(pilot, "No trigger word was set.")
        assert load_profile("emi").dataset.trigger == ""
        assert read_caption_file(folder / "1.txt").text == f"{CAPTION}, picture 1"


async def test_a_trigger_word_is_counted_as_training_reads_it(folder: Path) -> None:
    for path in folder.glob("*.txt"):
        path.write_text(f"Emi, {path.stem}")
    (folder / "3.txt").unlink()
    async with looking_at(folder.parent) as pilot:
        await pilot.press("t", *"emi", "enter")
        said = "emi is in every one of 5 captions, in upper or lower case, which is the same; 1 picture has none."
        await until(pilot, lambda: said in " ".join(seen(pilot).split()))
        assert load_profile("emi").dataset.trigger == "emi"


async def test_the_trigger_is_written_into_all_captions_and_taken_back_as_one(folder: Path) -> None:
    (folder / "2.txt").write_text("Emi, girl")
    before = {path: path.read_bytes() for path in folder.glob("*.txt")}
    async with looking_at(folder.parent) as pilot:
        await pilot.press("t", *"Emi", "enter")
        await see(pilot, "5 of 6 caption files lack Emi.")
        await pilot.press("down", "enter")
        await see(pilot, "Emi is in front of 5 captions now")
        assert read_caption_file(folder / "1.txt").text == f"Emi, {CAPTION}, picture 1"
        assert read_caption_file(folder / "2.txt").text == "Emi, girl"
        await looked(pilot)
        await pilot.press("z")
        await see(pilot, "Taken back: Emi in front of 5 captions.")
    assert {path: path.read_bytes() for path in folder.glob("*.txt")} == before
