"""Try as a person reads it: what is shown of a run, chosen, kept and taken along."""

import json
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.paths import runs_directory
from loratui.runs.directory import RunDirectory
from loratui.runs.keeping import kept_strength
from loratui.runs.lock import is_busy
from tests.functional.wizard.tried_runs import BOTH_SIZES, saved, trying
from tests.tried_run import compared_run, finished_run
from tests.wizard import cut_texts, screen_text, see, session_of, until

pytestmark = pytest.mark.usefixtures("drawing_worker")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return saved(compared_run(tmp_path / "p", runs_directory()))


def captions(pilot: Pilot[int], *texts: str) -> tuple[bool, ...]:
    """Which of the texts are on the screen."""
    seen = "\n".join(screen_text(pilot))
    return tuple(text in seen for text in texts)


@BOTH_SIZES
async def test_what_the_run_has_drawn_is_shown_without_any_worker(run: RunDirectory, size: tuple[int, int]) -> None:
    async with trying(run, size) as pilot:
        lines = await see(pilot, "▀▀▀▀", "no LoRA", "strength 0.8, everyday")
        text = "\n".join(lines)
        assert "“Emi, girl, smiling, night”" in text
        assert "epoch 2 (finished)   seed 1" in text
        assert " 0.0✓   0.5✓  [0.8✓]  1.0✓" in text
        assert "everyday 0.7–0.9   strong 1.0–1.2   0.5–0.7 each when combining" in text
        assert "<lora:disc:0.8>    grid: " in text
        assert cut_texts(pilot) == []
        await pilot.press("right")
        await see(pilot, "strength 1.0, strong")
        await pilot.press("right", "left", "left", "left", "left")
        await see(pilot, "[0.0✓]")
        await pilot.pause(0.6)
        assert not is_busy(run.trying)


async def test_space_shows_one_then_the_other_then_both_and_esc_both_at_once(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await see(pilot, "▀▀▀▀")
        keys = ("space", "space", "space", "space", "escape")
        for key, shown in zip(keys, ("left", "right", "both", "left", "both"), strict=True):
            await pilot.press(key)
            wanted = (shown != "right", shown != "left")
            await until(pilot, lambda wanted=wanted: captions(pilot, "no LoRA", "strength 0.8") == wanted, what=shown)
        await pilot.press("space")
        await pilot.press("right")
        await see(pilot, "no LoRA", "strength 1.0")


async def test_a_strength_is_kept_on_cards_and_in_the_run(run: RunDirectory) -> None:
    lora = Path(run.read_profile().output.directory) / "disc.safetensors"
    lora.with_suffix(".json").write_text('{"notes": "mine"}')
    async with trying(run) as pilot:
        await pilot.press("left", "left", "k")
        await see(pilot, "0.0 is the base without the LoRA: nothing to keep.")
        await pilot.press("right", "right", "k")
        text = "\n".join(await see(pilot, "Kept 0.8: disc.png and disc.json are beside the LoRA."))
        assert "kept 0.8" in text
    assert json.loads(lora.with_suffix(".json").read_text()) == {
        "notes": "mine",
        "preferred weight": 0.8,
        "activation text": "Emi",
    }
    assert lora.with_suffix(".png").is_file()
    kept = kept_strength(run)
    assert kept is not None
    assert kept.strength == 0.8


async def test_epochs_are_chosen_and_the_best_is_marked(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("e")
        text = "\n".join(await see(pilot, "Saved epochs"))
        assert "epoch 1  validation 0.1000, lowest, so probably the best" in text
        await pilot.press("down", "enter")
        await see(pilot, "epoch 1, best")
        text = "\n".join(await see(pilot, "[0.8✓]"))
        assert "<lora:disc-000001:0.8>" in text


async def test_y_shows_tag_paths_and_the_line_that_fetches_them(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.168.1.5 51000 192.168.1.9 22")
    async with trying(run) as pilot:
        assert any(line.startswith(" scp ") for line in screen_text(pilot))
        await pilot.press("y")
        text = "".join(await see(pilot, "To take along"))
        assert "<lora:disc:0.8>" in text
        assert "@192.168.1.9:" in text
        assert "disc-grid.png" in text


async def test_without_a_run_it_says_what_comes_first(tmp_path: Path) -> None:
    shutil.rmtree(saved(finished_run(tmp_path, tmp_path / "p", runs_directory(), random_loras=False)).path)
    async with trying(None) as pilot:
        await see(pilot, "There is nothing to try yet. Train first: 5 goes there.")
        assert session_of(pilot).unmet("try")
        await pilot.press("right", "k", "p", "space", "y")


async def test_the_key_bar_names_both_arrows_and_copying(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        bar = screen_text(pilot)[-1]
        assert bar.startswith(" ←→ Strength  p Prompt  r Seed  f Grid  k Keep  y Copy")
        await pilot.press("r")
        await see(pilot, "row 2/2")
        bar = screen_text(pilot)[-1]
        assert bar.startswith(" ←→ Strength  ↑↓ Row  p Prompt  r Seed  f Grid  k Keep  y Copy")
        assert bar.endswith("? Help  : More")


async def test_with_pictures_off_the_two_paths_stay_apart(run: RunDirectory) -> None:
    async with trying(run, images="off") as pilot:
        lines = await see(pilot, "picture off")
        first = next(line for line in lines if line.count("picture off") == 2)
        column = first.rindex("picture off")
        for line in lines[lines.index(first) : lines.index(first) + 4]:
            assert line[column - 2 : column].strip() == "", line
