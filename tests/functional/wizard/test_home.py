"""Home as a person uses it: what is listed, what the keys do, and where they lead."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input

from loratui.errors import ProfileError
from loratui.paths import profiles_directory, runs_directory
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import load_profile, new_profile, profile_path
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.events import EventWriter
from loratui.runs.lock import hold_lock, is_busy
from loratui.tui.screens.home_acts import begin_profile
from loratui.tui.screens.home_list import HomeList
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.stand_in_worker import environment
from tests.wizard import TEN_FORTY_TWO, screen_text, wizard

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile whose base and pictures are here."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "model_index.json").write_text("{}")
    pictures = write_pictures(tmp_path / "IMG" / "5_emi_person").parent
    return small_profile(base, pictures, tmp_path / "out", output={"name": ""}, accelerate={"device": "cpu"})


def save(profile: Profile, name: str = "emi") -> Path:
    return new_profile(name, profile)


def a_run(
    profile: Profile, *, of: str = "emi", step: int = 0, end: str = "", at: float = TEN_FORTY_TWO
) -> RunDirectory:
    """A run of the saved profile `of` with real events; `end` is its last word."""
    named = profile.model_copy(deep=True)
    named.output.name = of
    made = new_run(named, runs_directory())
    # No two runs of the same second: their names would be counted on.
    run = RunDirectory(
        made.path.rename(made.path.with_name(f"20261122-{104000 + len(list_runs(made.path.parent))}-{of}"))
    )
    run.origin_path.write_text(f'{{"profile": "{profile_path(of)}", "overrides": []}}')
    with EventWriter(run.events_path) as events:
        if step:
            events.write("started", pid=1, task="train", time=at - step)
            events.write("training", steps=8, epochs=2, steps_per_epoch=4, time=at - step)
        for number in range(1, step + 1):
            events.write("step", step=number, loss=1 / number, lr=1e-4, seconds=30.0, time=at - step + number)
        if end:
            lora = Path(named.output.directory) / f"{of}.safetensors"
            if end == "finished":
                lora.parent.mkdir(exist_ok=True)
                lora.write_bytes(b"lora")
            events.write(end, lora=lora, grid=None, steps=8, step=step, signal=0, seconds=1.0, time=at)
    return run


async def until(pilot: Pilot[int], text: str, seconds: float = 10.0) -> list[str]:
    """The screen's lines as soon as `text` is among them, broken into lines or not."""
    deadline = time.monotonic() + seconds
    while text not in "\n".join(lines := screen_text(pilot)) and text not in " ".join(line.strip() for line in lines):
        assert time.monotonic() < deadline, "\n".join([f"{text!r} never came:", *lines])
        await pilot.pause(0.02)
    return lines


async def at_mode(pilot: Pilot[int], mode: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while pilot.app.current_mode != mode:
        assert time.monotonic() < deadline, "\n".join([f"It never came to {mode}:", *screen_text(pilot)])
        await pilot.pause(0.02)
    await pilot.pause()


def line_with(lines: list[str], text: str) -> str:
    return next(line for line in lines if text in line)


async def typed(pilot: Pilot[int], text: str) -> None:
    """Type into the dialog's line in place of what is there."""
    line = pilot.app.screen.query_one(Input)
    line.value = ""
    await pilot.press(*("slash" if letter == "/" else letter for letter in text))


@BOTH_SIZES
async def test_the_first_start_offers_two_ways_to_begin(size: tuple[int, int]) -> None:
    async with wizard(size) as pilot:
        lines = await until(pilot, "Try the demo")
        assert line_with(lines, "Try the demo").startswith("▸")
        assert line_with(lines, "Train your own").rstrip().endswith("in a .txt beside it")
        assert "Enter Open" in lines[-1]


async def test_profiles_and_runs_are_listed_with_all_that_matters(profile: Profile) -> None:
    save(profile)
    save(Profile(), "new")
    a_run(profile, step=8, end="finished")
    a_run(profile, step=3)
    a_run(profile, step=4, end="stopped", at=TEN_FORTY_TWO - 3 * 86400)
    async with wizard() as pilot:
        lines = await until(pilot, "6 in IMG")
        emi = line_with(lines, "6 in IMG")
        assert emi.split() == ["▸", "emi", "base", "6", "in", "IMG", "stopped", "19", "Nov", "0.2500"]
        assert "not trained yet" in line_with(lines, "no pictures yet")
        assert line_with(lines, "8/8").split() == ["emi", "finished", "8/8", "0.1250", "10:42"]
        assert "interrupted" in line_with(lines, "3/8")
        assert line_with(lines, "4/8").split()[:8] == ["emi", "stopped", "4/8", "50", "%", "0.2500", "19", "Nov"]
        assert max(map(len, lines)) <= 80


async def test_a_broken_profile_is_listed_with_its_mistake_and_can_be_removed(profile: Profile) -> None:
    save(profile)
    (profiles_directory() / "broken.toml").write_text("schema = 1\n[model]\nbsae = 'x'\n")
    async with wizard() as pilot:
        lines = await until(pilot, "did you mean model.base?")
        assert line_with(lines, "broken").startswith("▸")
        await pilot.press("enter")
        await until(pilot, "That did not work")
        await pilot.press("escape", "delete")
        lines = await until(pilot, "Remove the profile broken?")
        await pilot.press("down", "enter")
        await until(pilot, "was removed")
    assert not profile_path("broken").exists()
    assert profile_path("emi").exists()


async def test_names_are_never_markup_and_never_move_the_terminal(profile: Profile) -> None:
    (profiles_directory()).mkdir(parents=True)
    (profiles_directory() / "[red]x\x1b[2J.toml").write_text("schema = 1\n")
    async with wizard((120, 40)) as pilot:
        lines = await until(pilot, r"[red]x\x1b[2J")
        assert "\x1b" not in "".join(lines)


async def test_wide_letters_line_up(profile: Profile) -> None:
    for name in ("emi", "日本語のとても長い名前です"):
        save(profile, name)
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        lines = [line for line in screen_text(pilot) if "6 in IMG" in line]
        assert len({cell_len(line[: line.index("6 in IMG")]) for line in lines}) == 1
        assert "…" in lines[1]


async def test_new_takes_one_answer_and_proposes_the_name_from_the_folder(profile: Profile) -> None:
    save(Profile())
    async with wizard() as pilot:
        await until(pilot, "no pictures yet")
        await pilot.press("n")
        await until(pilot, "Train your own")
        await typed(pilot, profile.dataset.path + "x")
        await until(pilot, "There is no folder")
        await until(pilot, "Enter takes ")
        await pilot.press("backspace", "enter")
        await at_mode(pilot, "pictures")
    # emi was taken; the numbered folder inside IMG names the character.
    assert load_profile("emi-2").dataset.path == profile.dataset.path
    assert Path(load_profile("emi-2").output.directory).is_absolute()


async def test_new_completes_folders_with_tab(profile: Profile) -> None:
    async with wizard() as pilot:
        await until(pilot, "Try the demo")
        await pilot.press("down", "enter")
        await until(pilot, "Left empty")
        await typed(pilot, profile.dataset.path[:-1])
        await pilot.press("tab")
        assert pilot.app.screen.query_one(Input).value == profile.dataset.path + "/"
        await pilot.press("tab", "enter")
        await at_mode(pilot, "pictures")
    assert load_profile("emi").dataset.path == f"{profile.dataset.path}/5_emi_person"


async def test_new_without_a_folder_begins_a_profile_all_the_same() -> None:
    async with wizard() as pilot:
        await until(pilot, "Try the demo")
        await pilot.press("n")
        await until(pilot, "Left empty")
        await pilot.press("enter")
        await at_mode(pilot, "pictures")
    assert load_profile("lora").dataset.path == ""


async def test_enter_opens_a_profile_with_its_newest_run(profile: Profile) -> None:
    save(profile)
    a_run(profile, step=2, end="stopped")
    newest = a_run(profile, step=8, end="finished")
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("enter")
        await at_mode(pilot, "pictures")
        session = pilot.app.session  # type: ignore[attr-defined]
        assert session.name == "emi"
        assert session.run is not None
        assert session.run.path == newest.path


async def test_copies_and_renames_keep_the_settings(profile: Profile) -> None:
    save(profile)
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("c")
        await until(pilot, "emi-2")
        await pilot.press("enter")
        assert line_with(await until(pilot, "▸ emi-2"), "▸ emi-2")
        await pilot.press("m")
        await until(pilot, "The new name of emi-2")
        await typed(pilot, "emi")
        await pilot.press("enter")
        await until(pilot, "There is a profile emi already.")
        await pilot.press("a", "enter")
        await until(pilot, "▸ emia")
    assert load_profile("emia") == load_profile("emi") == profile
    assert not profile_path("emi-2").exists()


async def test_renaming_the_open_profile_keeps_it_open(profile: Profile) -> None:
    save(profile)
    async with wizard(profile="emi") as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("m")
        await until(pilot, "The new name")
        await pilot.press("2", "enter")
        await until(pilot, "▸ emi2")
        session = pilot.app.session  # type: ignore[attr-defined]
        assert session.name == "emi2"
        assert session.change("training.epochs", 3) == ""
    assert load_profile("emi2").training.epochs == 3
    assert not profile_path("emi").exists()


async def test_removing_a_run_asks_and_leaves_its_lora(profile: Profile) -> None:
    save(profile)
    run = a_run(profile, step=8, end="finished")
    async with wizard() as pilot:
        await until(pilot, "8/8")
        await pilot.press("down", "delete")
        await until(pilot, "Remove the run")
        await until(pilot, f"LoRA files and grids that it wrote stay in {profile.output.directory}")
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert run.path.exists()
        await pilot.press("delete")
        await until(pilot, "Remove the run")
        await pilot.press("down", "enter")
        await until(pilot, "was removed")
        await until(pilot, "not trained yet")
    assert not run.path.exists()
    assert (Path(profile.output.directory) / "emi.safetensors").exists()


async def test_a_run_at_work_is_not_removed_but_said_how_to_stop(profile: Profile) -> None:
    save(profile)
    run = a_run(profile, step=3)
    async with wizard() as pilot:
        await until(pilot, "3/8")
        with hold_lock(run):
            await until(pilot, "running")
            await pilot.press("end", "delete")
            await until(pilot, "x to stop it")
    assert run.path.exists()


async def test_with_a_run_at_work_it_opens_on_it_and_home_shows_its_progress(profile: Profile) -> None:
    save(profile)
    run = a_run(profile, step=3)
    with hold_lock(run):
        async with wizard() as pilot:
            await at_mode(pilot, "train")
            session = pilot.app.session  # type: ignore[attr-defined]
            assert (session.name, session.run.path) == ("emi", run.path)
            await pilot.press("h")
            lines = await until(pilot, "3/8")
            assert line_with(lines, "3/8").split()[1:5] == ["running", "3/8", "37", "%"]
            assert line_with(lines, "3/8").endswith("left 2:30")
            with EventWriter(run.events_path) as events:
                events.write("step", step=4, loss=0.25, lr=1e-4, seconds=30.0)
            await until(pilot, "4/8  50 %")
            assert pilot.app.terminal_title == "50 % emi 2:00"


async def test_a_run_of_no_saved_profile_is_shown_without_one(profile: Profile) -> None:
    run = a_run(profile, step=8, end="finished")
    async with wizard() as pilot:
        await until(pilot, "8/8")
        await pilot.press("a")
        await at_mode(pilot, "train")
        session = pilot.app.session  # type: ignore[attr-defined]
        assert (session.name, session.run.path) == ("", run.path)


async def test_what_ended_meanwhile_is_offered_once(profile: Profile) -> None:
    save(profile)
    run = a_run(profile, step=3)
    with hold_lock(run):
        async with wizard() as pilot:
            await at_mode(pilot, "train")
    with EventWriter(run.events_path) as events:
        lora = Path(profile.output.directory) / "emi.safetensors"
        lora.parent.mkdir()
        lora.write_bytes(b"lora")
        events.write("finished", lora=lora, grid=None, steps=8, time=TEN_FORTY_TWO)
    async with wizard() as pilot:
        lines = await until(pilot, "emi finished 10:42: Enter to try it")
        assert lines[2].startswith("▸ emi finished")
        await pilot.press("enter")
        await at_mode(pilot, "try")
        await pilot.press("h")
        await until(pilot, "finished")
        assert not any("Enter to try it" in line for line in screen_text(pilot))
    async with wizard() as pilot:
        lines = await until(pilot, "finished")
        assert not any("Enter to try it" in line for line in lines)


async def test_a_run_at_work_comes_before_what_ended_meanwhile(profile: Profile) -> None:
    save(profile)
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
    a_run(profile, step=8, end="finished")
    run = a_run(profile, step=3)
    with hold_lock(run):
        async with wizard() as pilot:
            await at_mode(pilot, "train")
            await pilot.press("h")
            await until(pilot, "emi finished 10:42: Enter to try it")


async def test_ends_of_long_ago_are_not_offered_at_the_first_start(profile: Profile) -> None:
    a_run(profile, step=8, end="finished")
    async with wizard() as pilot:
        lines = await until(pilot, "8/8")
        assert not any("Enter to try it" in line for line in lines)


async def test_search_shows_only_what_contains_the_words(profile: Profile) -> None:
    for name in ("emi", "cat", "dog"):
        save(profile, name)
        a_run(profile, of=name, step=2, end="stopped")
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("slash")
        await until(pilot, "Show only rows with this text")
        await pilot.press(*"cat", "enter")
        lines = await until(pilot, 'only those with "cat"')
        assert not any("emi" in line or "dog" in line for line in lines[3:-2])
        assert sum("stopped" in line for line in lines) == 2
        await pilot.press("slash")
        await until(pilot, "Empty shows all")
        await typed(pilot, "")
        await pilot.press("enter")
        await until(pilot, "dog")


async def test_help_and_plain_text_tell_of_the_list(profile: Profile) -> None:
    save(profile)
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("question_mark")
        lines = await until(pilot, "A profile holds every setting")
        await pilot.press("escape", "y")
        lines = await until(pilot, "Profiles and runs: sent")
        assert any("6 in IMG" in line for line in lines)


async def test_the_doctor_is_the_first_step(profile: Profile) -> None:
    async with wizard() as pilot:
        await until(pilot, "Try the demo")
        await pilot.press("i")
        await at_mode(pilot, "system")


# Starting runs, with real processes; a stand-in takes the worker's place.


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that lets the workers go on which hold after their second step."""
    for name, value in environment(tmp_path / "stand-in", "train(8, hold_at=2)\nfinish()").items():
        monkeypatch.setenv(name, value)
    return Path(os.environ["LORATUI_HOME"]) / "go"


def over(run: RunDirectory, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while is_busy(run):
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_run_again_starts_the_saved_profile(profile: Profile, stand_in: Path) -> None:
    save(profile)
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("A")
        await at_mode(pilot, "train")
        session = pilot.app.session  # type: ignore[attr-defined]
        [run] = list_runs(runs_directory())
        assert (session.name, session.run.path) == ("emi", run.path)
        assert is_busy(run)
        await pilot.press("h")
        await until(pilot, "2/8  25 %")
        stand_in.touch()
        await asyncio.to_thread(over, run)
        lines = await until(pilot, "8/8")
        assert "finished" in line_with(lines, "6 in IMG")


async def test_run_again_of_bad_pictures_leads_to_the_pictures(profile: Profile, stand_in: Path) -> None:
    profile.dataset.path = str(Path(profile.dataset.path) / "gone")
    save(profile)
    async with wizard() as pilot:
        await until(pilot, "0 in gone")
        await pilot.press("A")
        await at_mode(pilot, "pictures")
    assert list_runs(runs_directory()) == ()


async def test_run_again_without_the_base_leads_to_training(profile: Profile, stand_in: Path) -> None:
    profile.model.base = "somebody/a-base"
    save(profile)
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("A")
        await at_mode(pilot, "train")
        await until(pilot, "is not on this computer yet")
    assert list_runs(runs_directory()) == ()


async def test_the_demo_is_saved_as_a_profile_and_started(stand_in: Path) -> None:
    async with wizard() as pilot:
        await until(pilot, "Try the demo")
        await pilot.press("enter")
        await at_mode(pilot, "train")
        assert pilot.app.session.name == "demo"  # type: ignore[attr-defined]
        # A second time it is not started again while it is at work.
        await pilot.press("h")
        await until(pilot, "▸ demo")
        await pilot.press("D")
        await at_mode(pilot, "train")
    [run] = list_runs(runs_directory())
    saved, packaged = load_profile("demo"), demo_profile()
    assert (saved.model, saved.training) == (packaged.model, packaged.training)
    # Captions can be edited: the packaged ones stay as they are.
    copied, original = (Path(one.dataset.path) / "5_emi_person" / "1.txt" for one in (saved, packaged))
    assert copied != original
    assert copied.read_bytes() == original.read_bytes()
    stand_in.touch()
    over(run)


async def test_enter_goes_on_with_what_was_cut_short(profile: Profile, stand_in: Path) -> None:
    save(profile)
    run = a_run(profile, step=3)
    stand_in.parent.mkdir(parents=True, exist_ok=True)
    stand_in.touch()
    async with wizard() as pilot:
        await until(pilot, "3/8")
        await pilot.press("end", "enter")
        await until(pilot, "emi was interrupted at step 3 of 8")
        await pilot.press("enter")
        await at_mode(pilot, "train")
        await asyncio.to_thread(over, run)
        await pilot.press("h")
        await until(pilot, "8/8")


async def test_what_waits_is_taken_out_of_the_queue_on_request(profile: Profile, stand_in: Path) -> None:
    save(profile)
    async with wizard() as pilot:
        await until(pilot, "6 in IMG")
        await pilot.press("A")
        await at_mode(pilot, "train")
        await pilot.press("h")
        await until(pilot, "running")
        await pilot.press("A")
        await until(pilot, "emi is being trained. Queue another?")
        await pilot.press("enter")  # the harmless answer
        await at_mode(pilot, "train")
        assert len(list_runs(runs_directory())) == 1
        await pilot.press("h")
        await until(pilot, "running")
        await pilot.press("A")
        await until(pilot, "Queue another?")
        await pilot.press("down", "enter")
        await at_mode(pilot, "train")
        await pilot.press("h")
        await until(pilot, "1st in the queue")
        await pilot.press("end", "delete")
        await until(pilot, "out of the queue?")
        await pilot.press("down", "enter")
        await until(pilot, "was taken out")
    waited, worked = list_runs(runs_directory())
    over(waited)
    assert is_busy(worked)
    stand_in.touch()
    over(worked)


# Beginning with a folder


async def began(pilot: Pilot[int], folder: str) -> None:
    """Press `n`, type, and press Enter: a plain folder needs no more."""
    await until(pilot, "Try the demo")
    await pilot.press("n")
    await until(pilot, "Left empty")
    await typed(pilot, folder)
    await pilot.press("enter")


@pytest.mark.parametrize("how", ["too high up", "a picture", "quotes", "single quotes", "backslashes"])
async def test_new_understands_every_level_and_paths_as_terminals_paste_them(
    tmp_path: Path, profile: Profile, how: str
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
        assert pilot.app.session.recall("recent_folders") == [str(inside)]  # type: ignore[attr-defined]


async def test_a_folder_of_new_is_offered_the_next_time(profile: Profile) -> None:
    async with wizard() as pilot:
        await began(pilot, profile.dataset.path)
        await at_mode(pilot, "pictures")
        await pilot.press("h")
        await at_mode(pilot, "home")
        await pilot.press("n")
        await until(pilot, "IMG recent")
        await pilot.press("down", "enter")
        await at_mode(pilot, "pictures")
    assert load_profile("emi-2").dataset.path == profile.dataset.path


@pytest.mark.parametrize(("name", "reason"), [("a\x07b", "control characters"), ("a\udcffb", "must be UTF-8 text")])
async def test_a_folder_that_no_profile_can_name_is_refused_in_plain_words(
    tmp_path: Path, name: str, reason: str
) -> None:
    folder = write_pictures(tmp_path / "x").rename(tmp_path / name)
    async with wizard() as pilot:
        await until(pilot, "Try the demo")
        await pilot.press("n")
        await until(pilot, "Left empty")
        pilot.app.screen.query_one(Input).value = str(folder)
        await until(pilot, reason)
        await pilot.press("enter")
        assert "itself failed" not in "\n".join(await until(pilot, reason))
    assert not profiles_directory().exists()


def test_a_profile_for_such_a_folder_is_refused_as_profiles_are(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="control characters"):
        begin_profile(str(tmp_path / "a\x07b"))


# Where the keys of the steps lead


async def test_a_step_key_opens_the_profile_under_the_cursor(profile: Profile) -> None:
    for name in ("cat", "emi"):
        save(profile, name)
    run = a_run(profile, step=8, end="finished")
    async with wizard(profile="cat") as pilot:
        session = pilot.app.session  # type: ignore[attr-defined]
        await until(pilot, "▸ cat")
        await pilot.press("down")
        await until(pilot, "▸ emi")
        await pilot.press("4")
        await at_mode(pilot, "settings")
        assert (session.name, session.run.path) == ("emi", run.path)
        await pilot.press("h")
        await at_mode(pilot, "home")
        await pilot.press("up", "1")
        await at_mode(pilot, "system")
        assert session.name == "emi"


async def test_a_step_key_opens_the_run_under_the_cursor_with_its_profile(profile: Profile) -> None:
    save(profile)
    save(profile, "cat")
    older = a_run(profile, step=2, end="stopped")
    a_run(profile, step=8, end="finished")
    async with wizard(profile="cat") as pilot:
        session = pilot.app.session  # type: ignore[attr-defined]
        await until(pilot, "2/8")
        await pilot.press("end")
        for key, mode in (("3", "pictures"), ("6", "try")):
            session.open("cat")
            await pilot.press(key)
            await at_mode(pilot, mode)
            assert (session.name, session.run.path) == ("emi", older.path)
            await pilot.press("h")
            await at_mode(pilot, "home")
            await pilot.press("end")


async def test_a_step_key_on_a_run_of_no_saved_profile_shows_the_run_and_says_what_it_lacks(profile: Profile) -> None:
    run = a_run(profile, step=8, end="finished")
    async with wizard() as pilot:
        await until(pilot, "8/8")
        await pilot.press("4")
        await until(pilot, "The profile of this run is not saved here")
        await pilot.press("5")
        await at_mode(pilot, "train")
        assert pilot.app.session.run.path == run.path  # type: ignore[attr-defined]


async def test_a_step_key_on_a_broken_profile_says_what_is_wrong_with_it(profile: Profile) -> None:
    save(profile)
    (profiles_directory() / "broken.toml").write_text("schema = 1\n[model]\nbsae = 'x'\n")
    async with wizard() as pilot:
        await until(pilot, "▸ broken")
        await pilot.press("3")
        await until(pilot, "That did not work")


# What the list tells


async def test_escape_ends_the_search_and_what_is_at_work_is_never_hidden(profile: Profile) -> None:
    for name in ("emi", "cat"):
        save(profile, name)
    run = a_run(profile, step=3)
    async with wizard() as pilot:
        await until(pilot, "3/8")
        with hold_lock(run):
            await until(pilot, "running")
            await pilot.press("slash")
            await until(pilot, "Show only rows with this text")
            await pilot.press(*"cat", "enter")
            lines = await until(pilot, 'Esc shows all rows: now only those with "cat", and runs at work.')
            assert "running" in line_with(lines, "3/8")
            assert not any("base" in line and "emi" in line for line in lines)
            await pilot.press("escape")
            lines = await until(pilot, "emi           base")
            assert not any("Esc shows" in line for line in lines)
            await pilot.press("escape")
            assert pilot.app.current_mode == "home"


async def test_a_second_interruption_of_the_same_run_is_offered_too(profile: Profile) -> None:
    save(profile)
    run = a_run(profile, step=3)
    for _ in range(2):
        async with wizard() as pilot:
            lines = await until(pilot, "6 in IMG")
            assert not any("was interrupted" in line for line in lines)
    with EventWriter(run.events_path, 2) as events:
        events.write("started", pid=1, task="train")
        events.write("resumed", step=3, steps=8)
    async with wizard() as pilot:
        await until(pilot, "emi was interrupted")


async def test_what_was_taken_out_of_the_queue_does_not_hide_the_last_training(profile: Profile) -> None:
    save(profile)
    trained = a_run(profile, step=8, end="finished")
    withdrawn = a_run(profile)
    with EventWriter(withdrawn.events_path, 0) as events:
        events.write("stopped", signal=0, step=0, command="stop")
    async with wizard() as pilot:
        lines = await until(pilot, "6 in IMG")
        assert "finished" in line_with(lines, "6 in IMG")
        await pilot.press("enter")
        await at_mode(pilot, "pictures")
        assert pilot.app.session.run.path == trained.path  # type: ignore[attr-defined]


async def test_a_run_tells_the_name_of_its_profile_where_it_is_another(profile: Profile) -> None:
    save(profile)
    save(profile, "demo")
    a_run(profile, step=8, end="finished")
    run = a_run(profile, step=4, end="stopped")
    run.origin_path.write_text(f'{{"profile": "{profile_path("demo")}"}}')
    async with wizard() as pilot:
        lines = await until(pilot, "8/8")
        assert line_with(lines, "8/8").startswith("  emi           finished")
        assert line_with(lines, "4/8").startswith("  emi (demo)    stopped")
    async with wizard((120, 40)) as pilot:
        await until(pilot, "emi (demo) ")


async def test_a_folder_with_nothing_in_it_has_its_number_in_front(tmp_path: Path, profile: Profile) -> None:
    (tmp_path / "empty").mkdir()
    save(profile)
    profile.dataset.path = str(tmp_path / "empty")
    save(profile, "none")
    async with wizard() as pilot:
        lines = await until(pilot, "0 in empty")
        assert line_with(lines, "6 in IMG").index("6 in") == line_with(lines, "0 in empty").index("0 in")


@BOTH_SIZES
async def test_only_names_are_cut_and_every_figure_is_whole(
    tmp_path: Path, profile: Profile, size: tuple[int, int]
) -> None:
    """With long names everywhere, the demo's profile, a mistake, and runs of all kinds."""
    long = "a-very-long-name-of-a-profile-that-nobody-wants"
    base = tmp_path / "a-very-long-name-of-a-base-model"
    base.mkdir()
    profile.model.base = str(base)
    profile.dataset.path = str(write_pictures(tmp_path / "5_a very long name of a folder", count=1))
    save(profile, long)
    save(demo_profile(), "demo")
    (profiles_directory() / "broken.toml").write_text("schema = 1\n[model]\nbsae = 'x'\n")
    a_run(profile, of=long, step=8, end="finished")
    a_run(profile, of="another-very-long-name-of-a-lora", step=7, end="failed").origin_path.write_text(
        f'{{"profile": "{profile_path(long)}"}}'
    )
    cut_short = a_run(profile, of=long, step=6)
    os.utime(cut_short.events_path, (TEN_FORTY_TWO, TEN_FORTY_TWO))
    async with wizard(size) as pilot:
        lines = await until(pilot, "1 in 5_a")
        assert max(map(cell_len, lines)) <= size[0]
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


# How quick it is


async def test_hundreds_of_runs_do_not_hold_up_a_key(profile: Profile) -> None:
    save(profile)
    many = a_run(profile, step=8, end="stopped")
    lines = many.events_path.read_text().splitlines(keepends=True)
    for number in range(400):
        copy = many.path.with_name(f"20261101-{number:06d}-emi")
        copy.mkdir()
        for file in (many.profile_path, many.manifest_path, many.origin_path):
            (copy / file.name).write_bytes(file.read_bytes())
        (copy / "events.jsonl").write_text("".join(lines[:3] + lines[3:-1] * 200 + lines[-1:]))
    async with wizard() as pilot:
        waits = []
        for _ in range(40):
            await pilot.press("down")
            begun = time.monotonic()
            await asyncio.sleep(0)
            waits.append(time.monotonic() - begun)
            await asyncio.sleep(0.02)
        await until(pilot, "8/8")
        for key in ("end", "home", "pagedown", "pageup", *["down"] * 30):
            begun = time.monotonic()
            await pilot.press(key)
            waits.append(time.monotonic() - begun)
        assert sorted(waits)[int(len(waits) * 0.95)] < 0.1
        await pilot.press("end")
        home_list = pilot.app.screen.query_one(HomeList)
        assert home_list.row is not None
        assert home_list.row.id == "run:20261101-000000-emi"


def test_importing_home_loads_nothing_that_reads_profiles_or_pictures() -> None:
    code = (
        "import sys, loratui.tui.screens.home, loratui.tui.app\n"
        "print([name for name in ('pydantic', 'PIL', 'numpy', 'torch', 'loratui.profile', 'loratui.runs', "
        "'loratui.dataset', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
