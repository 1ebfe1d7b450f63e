"""Step 3: pictures beside what the model sees of them, captions edited in place, every problem with its fix."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from loratui.tui.widgets.picture import Picture
from tests.functional.wizard.picture_folders import (
    CAPTION,
    draw,
    good_folder,
    looked,
    looking_at,
    lower,
    odd_folder,
    row,
    save_profile,
    screen,
    seen,
)
from tests.wizard import cut_texts, is_drawn, screen_text, see, until, wizard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good pictures: the folder that holds them."""
    return good_folder(tmp_path) / "5_emi_person"


async def test_pictures_captions_and_steps(folder: Path) -> None:
    async with looking_at(folder.parent, trigger="Emi") as pilot:
        await see(pilot, "6 pictures × 5 ÷ batch 2 × 10 epochs = 150 steps")
        await see(pilot, "✓ no problems")
        assert row(pilot, "1.png").startswith("▸ 1.png")
        assert "512×512 ✓" in row(pilot, "1.png")
        assert lower(pilot).startswith("the model sees (")
        assert lower(pilot).endswith(f"tokens): Emi, {CAPTION}, picture 1")
        await pilot.press("down", "down")
        assert lower(pilot).endswith("picture 3")
        await pilot.press("end")
        assert lower(pilot).endswith("picture 6")
        assert pilot.app.session.unmet("pictures") == ()  # type: ignore[attr-defined]


async def test_the_steps_are_those_of_the_training(folder: Path) -> None:
    from loratui.dataset.checks import check
    from loratui.dataset.manifest import freeze
    from loratui.dataset.schedule import total_steps
    from loratui.profile.schema import Profile

    draw(folder / "7.png", 7, (768, 1024))
    values = {
        "dataset": {"path": str(folder)},
        "training": {"gradient_accumulation": 2, "batch_size": 3, "epochs": 7},
    }
    profile = Profile.model_validate(values)
    steps = total_steps(freeze(check(profile.dataset, 3, 7), profile), profile)
    async with looking_at(folder) as pilot:
        session = pilot.app.session  # type: ignore[attr-defined]
        session.change_many({"training.gradient_accumulation": 2, "training.batch_size": 3, "training.epochs": 7})
        await looked(pilot)
        await see(pilot, f"7 pictures × 5 ÷ batch 3×2 × 7 epochs = {steps} steps")
        session.change("training.steps", 99)
        await looked(pilot)
        await see(pilot, "99 steps as set")


async def test_everything_that_is_odd_is_marked_and_explained(tmp_path: Path) -> None:
    img = odd_folder(tmp_path)
    async with looking_at(img, trigger="Emi") as pilot:
        await see(pilot, "9 files, 8 readable")
        await see(pilot, "1 stops the training: press ! to see and fix")
        assert "768×1024 → 448×576" in row(pilot, "2.png")
        assert "! no caption" in row(pilot, "3.png")
        assert "tokens" in row(pilot, "4.png")
        assert "✗ caption not UTF-8" in row(pilot, "5.png")
        assert "! empty caption" in row(pilot, "6.png")
        assert "✗ cut off or damaged" in row(pilot, "7.png")
        session = pilot.app.session  # type: ignore[attr-defined]
        assert session.unmet("pictures") == ("1 problem stops the training",)
        await pilot.press("down", "down")
        assert lower(pilot).startswith("no caption, so the model sees (")
        assert lower(pilot).endswith("Emi, emi_person")
        await pilot.press("down")
        assert "75 are learnt): Emi, tag number 0" in lower(pilot)
        assert "│not learnt: " in lower(pilot)
        await pilot.press("down")
        assert "any change there is saved as UTF-8" in lower(pilot)
        await pilot.press("down", "down")
        assert "7.png: the picture is damaged or cut short" in lower(pilot)
        assert "Copy or download it again" in lower(pilot)


async def test_no_line_is_cut_and_nothing_is_wider_than_the_screen(tmp_path: Path) -> None:
    from rich.cells import cell_len

    img = odd_folder(tmp_path)
    async with looking_at(img, trigger="Emi") as pilot:
        for _ in range(9):
            lines = screen_text(pilot)
            assert len(lines) == 24
            assert cut_texts(pilot) == []
            assert all(line[40] == "│" for line in lines[5:17] if cell_len(line) == len(line))
            await pilot.press("down")


async def test_all_signs_have_an_ascii_form(tmp_path: Path) -> None:
    async with looking_at(odd_folder(tmp_path), trigger="Emi", ascii=True) as pilot:
        for _ in range(8):
            own = [character for character in seen(pilot) if ord(character) > 126]
            assert not set(own) & set("✓✗▸→×÷│─…")
            await pilot.press("down")
        await see(pilot, "X cut off or damaged")
        await see(pilot, "768x1024 > 448x576")


async def test_without_the_base_tokens_are_counted_later(folder: Path) -> None:
    async with looking_at(folder, base="someone/never-downloaded") as pilot:
        assert lower(pilot).startswith("the model sees (tokens are counted once the base is here): cute girl")


async def test_next_without_caption(tmp_path: Path) -> None:
    img = odd_folder(tmp_path)
    async with looking_at(img) as pilot:
        for name in ("3.png", "6.png", "3.png"):
            await pilot.press("u")
            assert row(pilot, name).startswith("▸")
    for name in ("3.txt", "6.txt"):
        (img / "5_emi_person" / name).write_text("Emi")
    async with looking_at(img) as pilot:
        await pilot.press("u")
        await see(pilot, "Every picture has a caption.")


async def test_tags_lead_to_their_pictures(folder: Path) -> None:
    (folder / "4.txt").write_text("Emi, night")
    async with looking_at(folder) as pilot:
        await pilot.press("g")
        await see(pilot, "15 tags in 6 captions")
        await see(pilot, "5  ████")
        await pilot.press("end", "up", "enter")
        tag = screen(pilot).album.query
        await see(pilot, f"/{tag}")
        await see(pilot, "1 of 6, Esc shows all")
        await pilot.press("escape")
        await see(pilot, "✓ no problems")


async def test_search_by_name_and_caption(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("slash", *"picture 5")
        await see(pilot, "1 of 6, Esc shows all")
        await pilot.press("enter")
        assert row(pilot, "5.png").startswith("▸")
        await pilot.press("slash", *"zzz", "enter")
        assert "No picture contains that." in lower(pilot)
        await pilot.press("escape")
        assert row(pilot, "1.png")


async def test_buckets(tmp_path: Path) -> None:
    async with looking_at(odd_folder(tmp_path)) as pilot:
        await pilot.press("b")
        await see(pilot, "Sizes and buckets")
        await see(pilot, "448×576         1        5        3  768×1024 (1)")
        await see(pilot, "512×512         7       35       18  512×512 (7)")
        await pilot.press("escape")
        assert "Sizes and buckets" not in seen(pilot)


async def test_problems_lead_to_their_pictures(tmp_path: Path) -> None:
    async with looking_at(odd_folder(tmp_path)) as pilot:
        await pilot.press("exclamation_mark")
        title = next(line.strip() for line in screen_text(pilot) if "problems" in line)
        assert title == "5 problems"
        assert "Write what it shows into 3.txt, beside 3.png. Enter at a picture" in " ".join(seen(pilot).split())
        await see(pilot, "✗ 5.txt: the caption is not UTF-8 text")
        await see(pilot, "Save the file as UTF-8")
        await pilot.press("enter")
        assert row(pilot, "5.png").startswith("▸")
        await pilot.press("exclamation_mark", "down", "down", "down", "enter")
        assert row(pilot, "3.png").startswith("▸")


async def test_files_that_arrive_are_noticed(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        draw(folder / "7.png", 7)
        await see(pilot, "7 pictures × 5")
        assert "! no caption" in row(pilot, "7.png")
        (folder / "7.txt").write_text("Emi")
        await until(pilot, lambda: "512×512 ✓" in row(pilot, "7.png"))
        (folder / "1.png").unlink()
        await see(pilot, "6 pictures × 5")


async def test_a_picture_that_is_still_being_copied_is_looked_at_again(folder: Path) -> None:
    whole = (folder / "6.png").read_bytes()
    (folder / "6.png").write_bytes(whole[: len(whole) // 2])
    async with looking_at(folder) as pilot:
        assert "✗ cut off or damaged" in row(pilot, "6.png")
        with open(folder / "6.png", "ab") as file:
            file.write(whole[len(whole) // 2 :])
        await until(pilot, lambda: "512×512 ✓" in row(pilot, "6.png"))


async def test_plain_text_to_copy(tmp_path: Path) -> None:
    async with looking_at(odd_folder(tmp_path), trigger="Emi") as pilot:
        text = screen(pilot).plain_text()
        assert "9 files, 8 readable × 5" in text
        assert "2.png  768×1024 → 448×576" in text
        assert f"    Emi, {CAPTION}, picture 1" in text
        assert "Save the file as UTF-8" in text
        await pilot.press("y")
        await see(pilot, "to the terminal")


async def test_names_and_captions_never_reach_the_terminal_as_codes(tmp_path: Path) -> None:
    img = good_folder(tmp_path)
    folder = img / "5_emi_person"
    shutil.copy(folder / "1.png", folder / "0\x1b[31m[bold]\u202e.png")
    (folder / "0\x1b[31m[bold]\u202e.txt").write_text("Emi \x1b]0;title\x07 [red]markup[/red]")
    async with looking_at(img) as pilot:
        for key in ("", "g", "escape", "exclamation_mark", "escape", "enter", "escape", "y", "escape"):
            if key:
                await pilot.press(key)
            assert not set(seen(pilot)) & set("\x1b\x07\u202e"), (key, seen(pilot))
        assert "[red]markup[/red]" in lower(pilot)


async def test_captions_that_were_made_up_are_not_counted_as_tags(tmp_path: Path) -> None:
    img = odd_folder(tmp_path)
    (img / "5_emi_person" / "7.txt").unlink()
    async with looking_at(img) as pilot:
        # of nine: one without a caption, one empty, one not UTF-8, one damaged
        await pilot.press("g")
        await see(pilot, "in 5 captions")
        assert "emi person" not in seen(pilot)


async def test_help_explains_the_signs(folder: Path) -> None:
    async with looking_at(folder, (80, 40)) as pilot:
        await pilot.press("question_mark")
        await see(pilot, "is left out, or stops the training")
        await see(pilot, "Go to the next picture without a caption.")


async def test_the_first_picture_and_the_keys_do_not_wait_for_the_check(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7, 300):
        os.link(folder / "1.png", folder / f"{number}.png")
    save_profile(folder)
    go, open_file = threading.Event(), os.open

    def held(path: str | Path, *more: int, **named: int) -> int:
        if str(path).endswith("299.png"):
            go.wait(60)
        return open_file(path, *more, **named)

    monkeypatch.setattr(os, "open", held)
    async with wizard((80, 24), "emi", "pictures") as pilot:
        await until(pilot, lambda: "of 299" in seen(pilot) and is_drawn(screen(pilot).query_one(Picture)))
        assert not screen(pilot).is_settled
        await see(pilot, "looking through")
        await pilot.press("down", "down")
        assert row(pilot, "3.png").startswith("▸")
        assert not screen(pilot).is_settled
        go.set()
        await looked(pilot)
        await see(pilot, "299 pictures × 5")
        assert row(pilot, "3.png").startswith("▸")
