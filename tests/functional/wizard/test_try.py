"""Try as a person uses it: what is shown of a run, what the keys draw, keep and hand over."""

import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from loratui.paths import runs_directory
from loratui.profile.store import load_profile, new_profile, profile_path
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.keeping import kept_strength
from loratui.runs.lock import is_busy
from loratui.runs.slots import release, slots_of, try_slots
from loratui.runs.try_stopping import stop_session
from loratui.tui.base_choice import choose_base
from tests.stand_in_worker import TRIES, environment
from tests.tried_run import compared_run, finished_run
from tests.wizard import screen_text, wizard

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in draws."""
    for name, value in environment(tmp_path / "stand-in", TRIES).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return saved(compared_run(tmp_path / "p", runs_directory()))


def saved(run: RunDirectory) -> RunDirectory:
    """The run as one of the saved profile emi."""
    new_profile("emi", run.read_profile())
    run.origin_path.write_text(json.dumps({"profile": str(profile_path("emi"))}))
    return run


@asynccontextmanager
async def trying(
    run: RunDirectory | None, size: tuple[int, int] = (80, 24), **options: object
) -> AsyncIterator[Pilot[int]]:
    """The wizard on Try, showing a run."""
    try:
        async with wizard(size=size, profile="emi", mode="try", **options) as pilot:
            if run is not None:
                pilot.app.session.show_run(run)  # type: ignore[attr-defined]
                await until(pilot, "seed")
            yield pilot
    finally:
        if run is not None:
            stop_session(run)


async def until(pilot: Pilot[int], text: str, seconds: float = 20.0) -> list[str]:
    """The screen's lines as soon as `text` is among them."""
    deadline = time.monotonic() + seconds
    while text not in "\n".join(lines := screen_text(pilot)):
        assert time.monotonic() < deadline, "\n".join([f"{text!r} never came:", *lines])
        await pilot.pause(0.02)
    return lines


async def enter(pilot: Pilot[int], text: object) -> None:
    """Have a text in the field that is asked for, and take it."""
    pilot.app.screen.query_one(Input).value = str(text)
    await pilot.press("enter")


@BOTH_SIZES
async def test_what_the_run_has_drawn_is_shown_without_any_worker(run: RunDirectory, size: tuple[int, int]) -> None:
    async with trying(run, size) as pilot:
        lines = await until(pilot, "▀▀▀▀")
        text = "\n".join(lines)
        assert "“Emi, girl, smiling, night”" in text
        assert "epoch 2 (finished)   seed 1" in text
        assert "no LoRA" in text
        assert "strength 0.8, everyday" in text
        assert " 0.0✓   0.5✓  [0.8✓]  1.0✓" in text
        assert "everyday 0.7–0.9   strong 1.0–1.2   0.5–0.7 each when combining" in text
        assert "<lora:disc:0.8>    grid: " in text
        assert max(map(len, lines)) <= size[0]
        await pilot.press("right")
        assert "strength 1.0, strong" in "\n".join(screen_text(pilot))
        await pilot.press("right", "left", "left", "left", "left")
        assert "[0.0✓]" in "\n".join(screen_text(pilot))
        await pilot.pause(0.6)
        assert not is_busy(run.trying)


async def test_space_flips_in_one_place(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await until(pilot, "▀▀▀▀")
        seen = []
        for _ in range(3):
            await pilot.press("space")
            text = "\n".join(screen_text(pilot))
            seen.append(("no LoRA" in text, "strength 0.8" in text))
        assert seen == [(True, False), (False, True), (True, False)]
        await pilot.press("right")
        text = "\n".join(screen_text(pilot))
        assert "no LoRA" in text
        assert "strength 1.0" in text


async def test_another_prompt_draws_without_and_with_and_is_there_when_one_comes_back(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("p")
        await until(pilot, "Enter take")
        await enter(pilot, "Emi reads")
        lines = await until(pilot, "[0.8✓]")
        text = "\n".join(lines)
        assert "“Emi reads”" in text
        assert " 0.0✓   0.5·  [0.8✓]  1.0·" in text
        # Going to a strength that is missing draws it.
        await pilot.press("right")
        await until(pilot, "[1.0✓]")
        await until(pilot, "everyday 0.7")
    async with trying(run) as pilot:
        text = "\n".join(await until(pilot, "“Emi reads”"))
        assert " 0.0✓   0.5·   0.8✓  [1.0✓]" in text
        assert not is_busy(run.trying)


async def test_a_prompt_that_cannot_be_drawn_says_why_and_the_next_one_is_drawn(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("p")
        await until(pilot, "Enter take")
        await enter(pilot, "Emi <lora:x:1>")
        await until(pilot, "There is no such LoRA. Add its file.")
        await pilot.press("question_mark")
        await until(pilot, "Not done: There is no such LoRA. Add its file.")
        await pilot.press("escape", "y")
        await until(pilot, "Not done: There is no such LoRA. Add its file.")
        await pilot.press("escape")
        await pilot.press("r")
        await until(pilot, "There is no such LoRA.")
        await pilot.press("p")
        await until(pilot, "Enter take")
        await enter(pilot, "Emi")
        await until(pilot, "[0.8✓]")


async def test_the_grid_is_filled_and_named(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("f")
        text = "\n".join(await until(pilot, "Fill the grid"))
        assert "This prompt at every strength  4 pictures" in text
        await pilot.press("enter")
        await until(pilot, "disc-grid-v2.png")


async def test_all_that_a_grid_shows_is_seen_row_by_row(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        session = pilot.app.session  # type: ignore[attr-defined]
        session.change_many({"comparison.prompts": ["Emi reads", "Emi sleeps"], "comparison.seeds": [1, 2]})
        assert not any(" row " in line for line in screen_text(pilot))
        assert "↑↓" not in screen_text(pilot)[-1]
        await pilot.press("f")
        await until(pilot, "All prompts of the comparison")
        await pilot.press("down", "enter")
        # The run's own row, and two prompts with two seeds.
        lines = await until(pilot, "row 1/5")
        assert "↑↓ Row" in lines[-1]
        assert "“Emi, girl, smiling, night”" in lines[2]
        seen = []
        for row in range(2, 6):
            await pilot.press("down")
            lines = await until(pilot, f"row {row}/5")
            seen.append((lines[2].strip(), " ".join(lines[3].split()[3:5])))
        reads, sleeps = "“Emi reads”", "“Emi sleeps”"
        assert seen == [(reads, "seed 1"), (reads, "seed 2"), (sleeps, "seed 1"), (sleeps, "seed 2")]
        assert "0.0✓   0.5✓  [0.8✓]  1.0✓" in "\n".join(lines)
        await pilot.press("down")
        await until(pilot, "row 5/5")
        await pilot.press("up", "right")
        lines = await until(pilot, "row 4/5")
        assert "strength 1.0" in "\n".join(lines)
        await pilot.pause(0.6)
        assert "[1.0✓]" in "\n".join(screen_text(pilot))


async def test_what_is_asked_for_can_be_stopped(run: RunDirectory) -> None:
    run.trying.path.mkdir()
    (run.trying.path / "hold").touch()
    async with trying(run) as pilot:
        await pilot.press("r")
        await until(pilot, "x stops")
        assert "x Stop" in "\n".join(screen_text(pilot)) or pilot.app.size.width == 80
        await pilot.press("x")
        await until(pilot, "Not drawn yet: Enter draws without and with 0.8.")


async def test_a_strength_is_kept_on_cards_and_in_the_run(run: RunDirectory) -> None:
    lora = Path(run.read_profile().output.directory) / "disc.safetensors"
    lora.with_suffix(".json").write_text('{"notes": "mine"}')
    async with trying(run) as pilot:
        await pilot.press("left", "left", "k")
        await until(pilot, "Choose a strength whose picture is drawn")
        await pilot.press("right", "right", "k")
        text = "\n".join(await until(pilot, "Kept 0.8: disc.png and disc.json are beside the LoRA."))
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
        text = "\n".join(await until(pilot, "Saved epochs"))
        assert "epoch 1  validation 0.1000, lowest, so probably the best" in text
        await pilot.press("down", "enter")
        await until(pilot, "epoch 1, best")
        text = "\n".join(await until(pilot, "[0.8✓]"))
        assert "<lora:disc-000001:0.8>" in text


async def test_other_loras_and_bases_are_chosen_and_trained_on(run: RunDirectory, tmp_path: Path) -> None:
    style, base = tmp_path / "style.safetensors", tmp_path / "anime.safetensors"
    style.write_bytes(b"lora")
    async with trying(run) as pilot:
        await pilot.press("O")
        await until(pilot, "Draw on another base")
        await pilot.press("enter")
        await until(pilot, "after a colon")
        await enter(pilot, style.with_name("nothing.safetensors"))
        await until(pilot, "There is no such file.")
        await enter(pilot, f"{style}:0.6")
        await until(pilot, "with style 0.6")
        await until(pilot, "[0.8✓]")
        await pilot.press("O")
        await until(pilot, "Leave out style 0.6")
        await pilot.press("up", "enter")
        await until(pilot, "Another base")
        await enter(pilot, base)
        await until(pilot, "There is no base model")
        write_checkpoint(base)
        await pilot.press("enter")
        await until(pilot, "on anime.safetensors")
        session = pilot.app.session  # type: ignore[attr-defined]
        session.change("dataset.resolution", 512)
        choose_base(session, "demo")
        assert load_profile("emi").dataset.resolution == 64
        await pilot.press("B")
        await pilot.pause()
        assert load_profile("emi").model.base == str(base)
        # The resolution follows as on Model, and that is said where one arrives.
        assert load_profile("emi").dataset.resolution == 512
        lines = await until(pilot, "anime.safetensors is the base now; pictures are trained at its 512 × 512")
        assert "5 Train" in lines[0]
        assert pilot.app.current_mode == "train"


def write_checkpoint(path: Path) -> None:
    """A file whose header is that of a Stable Diffusion 1.x checkpoint."""
    import struct

    names = {
        "model.diffusion_model.input_blocks.0.0.weight": [1],
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [1, 768],
        "first_stage_model.encoder.conv_in.weight": [1],
        "cond_stage_model.transformer.text_model.embeddings.position_ids": [1],
    }
    offset, header = 0, {}
    for name, shape in names.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


async def test_y_shows_tag_paths_and_the_line_that_fetches_them(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.168.1.5 51000 192.168.1.9 22")
    async with trying(run) as pilot:
        assert any(line.startswith(" scp ") for line in screen_text(pilot))
        await pilot.press("y")
        text = "".join(await until(pilot, "To take along"))
        assert "<lora:disc:0.8>" in text
        assert "@192.168.1.9:" in text
        assert "disc-grid.png" in text


async def test_without_a_run_it_says_what_comes_first(tmp_path: Path) -> None:
    shutil.rmtree(saved(finished_run(tmp_path, tmp_path / "p", runs_directory(), random_loras=False)).path)
    async with trying(None) as pilot:
        await until(pilot, "There is nothing to try yet. Train first: 5 goes there.")
        assert pilot.app.session.unmet("try")  # type: ignore[attr-defined]
        await pilot.press("right", "k", "p", "space", "y")


async def test_a_run_that_is_not_finished_offers_its_epochs_and_waits_for_the_device(tmp_path: Path) -> None:
    run = saved(finished_run(tmp_path, tmp_path / "p", runs_directory(), random_loras=False))
    first = Path(run.read_profile().output.directory) / "disc-000001.safetensors"
    run.events_path.unlink()
    with EventWriter(run.events_path) as events:
        events.write("started", task="train", pid=1)
        events.write("saved", file=first, epoch=1, step=4, partial=False)
    slots = try_slots(slots_of(run.read_profile().accelerate), str(run.path))
    assert slots is not None
    async with trying(run) as pilot:
        text = "\n".join(await until(pilot, "The run is not finished"))
        assert "Not drawn yet: Enter draws without and with 0.8." in text
        assert "<lora:disc-000001:0.8>" in text
        await pilot.press("enter")
        await until(pilot, f"Waiting for the CPU, where {run.name} is at work")
        release(slots.values())
        await until(pilot, "[0.8✓]")


async def test_a_worker_that_died_is_told(run: RunDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in environment(tmp_path / "dead", "sys.exit('No torch here')").items():
        monkeypatch.setenv(name, value)
    async with trying(run) as pilot:
        await pilot.press("r")
        await until(pilot, "ended without a last word")


async def test_leaving_the_program_ends_the_worker(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("r")
        await until(pilot, "[0.8✓]")
        assert is_busy(run.trying)
        await pilot.press("q")
        deadline = time.monotonic() + 10
        while is_busy(run.trying):
            assert time.monotonic() < deadline
            await pilot.pause(0.05)


async def test_the_key_bar_names_both_arrows_and_copying(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        bar = screen_text(pilot)[-1]
        assert bar.startswith(" ←→ Strength  p Prompt  r Seed  f Grid  k Keep  y Copy")
        await pilot.press("r")
        await until(pilot, "row 2/2")
        bar = screen_text(pilot)[-1]
        assert bar.startswith(" ←→ Strength  ↑↓ Row  p Prompt  r Seed  f Grid  k Keep  y Copy")
        assert bar.endswith("? Help  : More")


async def test_with_pictures_off_the_two_paths_stay_apart(run: RunDirectory) -> None:
    async with trying(run, images="off") as pilot:
        lines = await until(pilot, "picture off")
        first = next(line for line in lines if line.count("picture off") == 2)
        column = first.rindex("picture off")
        for line in lines[lines.index(first) : lines.index(first) + 4]:
            assert line[column - 2 : column].strip() == "", line
