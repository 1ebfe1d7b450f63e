"""Home's list as a person reads it: profiles and runs with all that matters, whole figures, search, help."""

import os
import re
from pathlib import Path

from rich.cells import cell_len

from loratui.paths import profiles_directory
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import profile_path
from loratui.runs.lock import hold_lock
from tests.functional.wizard.home_rows import (
    BOTH_SIZES,
    a_broken_profile,
    a_run,
    fill_in,
    home,
    save,
)
from tests.small_dataset import write_pictures
from tests.wizard import TEN_FORTY_TWO, cut_texts, line_with, read, screen_text, see, wizard


@BOTH_SIZES
async def test_the_first_start_offers_two_ways_to_begin(size: tuple[int, int]) -> None:
    async with wizard(size) as pilot:
        lines = await read(pilot, "Try the demo")
        assert line_with(lines, "Try the demo").startswith("▸")
        assert line_with(lines, "Train your own").rstrip().endswith("in a .txt beside it")
        assert "Enter Open" in lines[-1]


async def test_profiles_and_runs_are_listed_with_all_that_matters(unsaved: Profile) -> None:
    save(unsaved)
    save(Profile(), "new")
    a_run(unsaved, step=8, end="finished")
    a_run(unsaved, step=3)
    a_run(unsaved, step=4, end="stopped", at=TEN_FORTY_TWO - 3 * 86400)
    async with wizard() as pilot:
        lines = await read(pilot, "6 in IMG")
        emi = line_with(lines, "6 in IMG")
        assert emi.split() == ["▸", "emi", "base", "6", "in", "IMG", "stopped", "19", "Nov", "0.2500"]
        assert "not trained yet" in line_with(lines, "no pictures yet")
        assert line_with(lines, "8/8").split() == ["emi", "finished", "8/8", "0.1250", "10:42"]
        assert "interrupted" in line_with(lines, "3/8")
        assert line_with(lines, "4/8").split()[:8] == ["emi", "stopped", "4/8", "50", "%", "0.2500", "19", "Nov"]
        assert cut_texts(pilot) == []


async def test_names_are_never_markup_and_never_move_the_terminal(unsaved: Profile) -> None:
    (profiles_directory()).mkdir(parents=True)
    (profiles_directory() / "[red]x\x1b[2J.toml").write_text("schema = 1\n")
    async with wizard((120, 40)) as pilot:
        lines = await read(pilot, r"[red]x\x1b[2J")
        assert "\x1b" not in "".join(lines)


async def test_wide_letters_line_up(unsaved: Profile) -> None:
    for name in ("emi", "日本語のとても長い名前です"):
        save(unsaved, name)
    async with home("6 in IMG") as pilot:
        lines = [line for line in screen_text(pilot) if "6 in IMG" in line]
        assert len({cell_len(line[: line.index("6 in IMG")]) for line in lines}) == 1
        assert "…" in lines[1]


async def test_search_shows_only_what_contains_the_words(unsaved: Profile) -> None:
    for name in ("emi", "cat", "dog"):
        save(unsaved, name)
        a_run(unsaved, of=name, step=2, end="stopped")
    async with home("6 in IMG") as pilot:
        await pilot.press("slash")
        await read(pilot, "Show only rows with this text")
        await pilot.press(*"cat", "enter")
        lines = await read(pilot, 'only those with "cat"')
        assert not any("emi" in line or "dog" in line for line in lines[3:-2])
        assert sum("stopped" in line for line in lines) == 2
        await pilot.press("slash")
        await read(pilot, "Empty shows all")
        await fill_in(pilot, "")
        await pilot.press("enter")
        await read(pilot, "dog")


async def test_help_and_plain_text_tell_of_the_list(unsaved: Profile) -> None:
    save(unsaved)
    async with home("6 in IMG") as pilot:
        await pilot.press("question_mark")
        lines = await read(pilot, "A profile holds every setting")
        await pilot.press("escape", "y")
        lines = await read(pilot, "Profiles and runs: sent")
        assert any("6 in IMG" in line for line in lines)


async def test_escape_ends_the_search_and_what_is_at_work_is_never_hidden(unsaved: Profile) -> None:
    for name in ("emi", "cat"):
        save(unsaved, name)
    run = a_run(unsaved, step=3)
    async with home("3/8") as pilot:
        with hold_lock(run):
            await read(pilot, "running")
            await pilot.press("slash")
            await read(pilot, "Show only rows with this text")
            await pilot.press(*"cat", "enter")
            lines = await read(pilot, 'Esc shows all rows: now only those with "cat", and runs at work.')
            assert "running" in line_with(lines, "3/8")
            assert not any("base" in line and "emi" in line for line in lines)
            await pilot.press("escape")
            lines = await read(pilot, "emi           base")
            assert not any("Esc shows" in line for line in lines)
            await pilot.press("escape")
            assert pilot.app.current_mode == "home"


async def test_a_folder_with_nothing_in_it_has_its_number_in_front(tmp_path: Path, unsaved: Profile) -> None:
    (tmp_path / "empty").mkdir()
    save(unsaved)
    unsaved.dataset.path = str(tmp_path / "empty")
    save(unsaved, "none")
    async with wizard() as pilot:
        lines = await see(pilot, "0 in empty", "6 in IMG")
        assert line_with(lines, "6 in IMG").index("6 in") == line_with(lines, "0 in empty").index("0 in")


@BOTH_SIZES
async def test_only_names_are_cut_and_every_figure_is_whole(
    tmp_path: Path, unsaved: Profile, size: tuple[int, int]
) -> None:
    """With long names everywhere, the demo's profile, a mistake, and runs of all kinds."""
    long = "a-very-long-name-of-a-profile-that-nobody-wants"
    base = tmp_path / "a-very-long-name-of-a-base-model"
    base.mkdir()
    unsaved.model.base = str(base)
    unsaved.dataset.path = str(write_pictures(tmp_path / "5_a very long name of a folder", count=1))
    save(unsaved, long)
    save(demo_profile(), "demo")
    a_broken_profile()
    a_run(unsaved, of=long, step=8, end="finished")
    a_run(unsaved, of="another-very-long-name-of-a-lora", step=7, end="failed").origin_path.write_text(
        f'{{"profile": "{profile_path(long)}"}}'
    )
    cut_short = a_run(unsaved, of=long, step=6)
    os.utime(cut_short.events_path, (TEN_FORTY_TWO, TEN_FORTY_TWO))
    async with wizard(size) as pilot:
        lines = await read(pilot, "1 in 5_a")
        assert cut_texts(pilot) == []
        rows = [line for line in lines if "/8 " in line]
        assert [line[re.search("interrupted|failed|finished", line).start() :].split() for line in rows] == [  # type: ignore[union-attr]
            ["interrupted", "6/8", "75", "%", "0.1667", "10:42", "Enter", "goes", "on"],
            ["failed", "7/8", "87", "%", "0.1429", "10:42", "Enter", "goes", "on"],
            ["finished", "8/8", "0.1250", "10:42"],
        ]
        assert line_with(lines, "1 in 5_a").split()[-3:] == ["interrupted", "10:42", "0.1667"]
        assert "did you mean model.base?" in line_with(lines, "broken")
        # What is left of a text that was cut are names only: they stand in the first three columns.
        end = line_with(lines, "Last run").index("Last run")
        assert [line for line in lines[2:-2] if "…" in line[end:]] == []
        assert lines[-1].endswith("? Help  : More")
