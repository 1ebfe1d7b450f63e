"""Try has pictures drawn: other prompts, grids, LoRAs and bases; refusals, waiting, stopping."""

from pathlib import Path

import pytest
from textual.widgets import Static

from loratui.paths import runs_directory
from loratui.profile.store import load_profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.keeping import kept_strength
from loratui.runs.lock import is_busy
from loratui.runs.slots import release, slots_of, try_slots
from loratui.tui.base_choice import choose_base, read_natives
from loratui.tui.screens.try_strengths import TryScreen
from tests.functional.wizard.tried_runs import adding_a_lora, enter, saved, trying
from tests.reads import reads_below
from tests.stand_in_worker import put_in_place
from tests.tried_run import compared_run, finished_run
from tests.unit.hub.checkpoints import write_checkpoint
from tests.wizard import screen_text, see, see_line, session_of, until

pytestmark = pytest.mark.usefixtures("drawing_worker")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return saved(compared_run(tmp_path / "p", runs_directory()))


async def test_another_prompt_draws_without_and_with_and_is_there_when_one_comes_back(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("p")
        await see(pilot, "Enter take")
        await enter(pilot, "Emi reads")
        lines = await see(pilot, "[0.8✓]")
        text = "\n".join(lines)
        assert "“Emi reads”" in text
        assert " 0.0✓   0.5·  [0.8✓]  1.0·" in text
        # Going to a strength that is missing draws it.
        await pilot.press("right")
        await see(pilot, "[1.0✓]")
        await see(pilot, "everyday 0.7")
    async with trying(run) as pilot:
        text = "\n".join(await see(pilot, "“Emi reads”"))
        assert " 0.0✓   0.5·   0.8✓  [1.0✓]" in text
        assert not is_busy(run.trying)


async def test_a_prompt_that_cannot_be_drawn_says_why_and_the_next_one_is_drawn(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("p")
        await see(pilot, "Enter take")
        await enter(pilot, "Emi <lora:x:1>")
        await see(pilot, "There is no such LoRA. Add its file.")
        await pilot.press("question_mark")
        await see(pilot, "Not done: There is no such LoRA. Add its file.")
        await pilot.press("escape", "y")
        await see(pilot, "Not done: There is no such LoRA. Add its file.")
        await pilot.press("escape")
        await pilot.press("r")
        await see(pilot, "There is no such LoRA.")
        await pilot.press("p")
        await see(pilot, "Enter take")
        await enter(pilot, "Emi")
        await see(pilot, "[0.8✓]")


async def test_a_seed_is_typed_and_what_is_none_is_refused(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("R")
        await see(pilot, "gives the same composition.")
        await enter(pilot, "-1")
        await see(pilot, "A seed is a whole number, 0 or more.")
        await enter(pilot, "99999999999999999999")
        await see(pilot, "seeds")
        await enter(pilot, "1234")
        await see(pilot, "seed 1234")
        await see(pilot, "[0.8✓]")


async def test_a_strength_is_typed_drawn_and_stays_in_the_strip(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("equals_sign")
        await see(pilot, "Strength", "strong 1.0–1.2")
        await enter(pilot, "much")
        await see(pilot, "A strength is a number such as 0.75.")
        await enter(pilot, "9")
        await see(pilot, "strengths")
        await enter(pilot, "0.75")
        await see(pilot, "0.5✓  [0.75✓]   0.8✓")
        await pilot.press("right")
        await see(pilot, "0.5✓   0.75✓  [ 0.8✓]")
        await pilot.press("equals_sign")
        await see(pilot, "strong 1.0–1.2")
        await enter(pilot, "-0.5")
        await see(pilot, "[-0.5✓]   0.0✓")
        await pilot.press("question_mark")
        await see(pilot, "Which strength?")
        told = "\n".join(str(text.render()) for text in pilot.app.screen.query(Static))
        assert "=  Draw the same at a strength of your choice." in told


async def test_a_long_prompt_says_that_its_beginning_is_hidden(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("p")
        await see(pilot, "Enter take")
        await enter(pilot, "Emi, " + "reading in a café, " * 6 + "night")
        await see(pilot, "[0.8✓]")
        await pilot.press("p")
        line = await see_line(pilot, "reading in a café, night")
        assert "…" in line.split("reading")[0] or line.strip("│ ").startswith("…")
        await pilot.press("home")
        line = await see_line(pilot, "Emi, reading in a café")
        assert line.rstrip("│ ").endswith("…")


async def test_the_grid_is_filled_and_named(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("f")
        text = "\n".join(await see(pilot, "Fill the grid"))
        assert "This prompt at every strength  4 pictures to draw" in text
        await pilot.press("enter")
        await see(pilot, "The grid is being drawn; it is written beside the LoRA.")
        await see(pilot, "disc-grid-v2.png")


async def test_a_grid_whose_pictures_are_there_is_only_written(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        for told in ("4 pictures to draw", "all drawn: writes the grid"):
            await pilot.press("f")
            await see(pilot, f"This prompt at every strength  {told}")
            await pilot.press("enter")
            await see(pilot, "disc-grid-v2.png")
            # What is drawn by the settings of now is another row than the run's own.
            await pilot.press("down")
        await see(pilot, "All pictures are there; the grid is written beside the LoRA.")


async def test_all_that_a_grid_shows_is_seen_row_by_row(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        session = session_of(pilot)
        session.change_many({"comparison.prompts": ["Emi reads", "Emi sleeps"], "comparison.seeds": [1, 2]})
        assert not any(" row " in line for line in screen_text(pilot))
        assert "↑↓" not in screen_text(pilot)[-1]
        await pilot.press("f")
        await see(pilot, "All prompts of the comparison")
        await pilot.press("down", "enter")
        # The run's own row, and two prompts with two seeds.
        lines = await see(pilot, "row 1/5")
        assert "↑↓ Row" in lines[-1]
        assert "“Emi, girl, smiling, night”" in lines[2]
        seen = []
        for row in range(2, 6):
            await pilot.press("down")
            lines = await see(pilot, f"row {row}/5")
            seen.append((lines[2].strip(), " ".join(lines[3].split()[3:5])))
        reads, sleeps = "“Emi reads”", "“Emi sleeps”"
        assert seen == [(reads, "seed 1"), (reads, "seed 2"), (sleeps, "seed 1"), (sleeps, "seed 2")]
        assert "0.0✓   0.5✓  [0.8✓]  1.0✓" in "\n".join(lines)
        await pilot.press("down")
        await see(pilot, "row 5/5")
        await pilot.press("up", "right")
        await see(pilot, "row 4/5", "[1.0✓]", "strength 1.0")


async def test_what_is_asked_for_can_be_stopped(run: RunDirectory) -> None:
    run.trying.path.mkdir()
    (run.trying.path / "hold").touch()
    async with trying(run) as pilot:
        await pilot.press("r")
        await see(pilot, "x stops")
        assert "x Stop" in "\n".join(screen_text(pilot)) or pilot.app.size.width == 80
        await pilot.press("x")
        await see(pilot, "Not drawn yet: Enter draws without and with 0.8.")


async def test_other_loras_and_bases_are_chosen_and_trained_on(run: RunDirectory, tmp_path: Path) -> None:
    style, base = tmp_path / "style.safetensors", tmp_path / "anime.safetensors"
    style.write_bytes(b"lora")
    async with trying(run) as pilot:
        await adding_a_lora(pilot)
        await enter(pilot, style.with_name("nothing.safetensors"))
        await see(pilot, "There is no such file.")
        await enter(pilot, f"{style}:0.6")
        await see(pilot, "with style 0.6")
        await see(pilot, "[0.8✓]")
        await pilot.press("O")
        await see(pilot, "Leave out style 0.6")
        await pilot.press("up", "enter")
        await see(pilot, "Another base")
        with reads_below(tmp_path) as reads:
            await enter(pilot, base)
            await see(pilot, "There is no base model")
            write_checkpoint(base)
            reads.by_main.clear()
            await pilot.press("enter")
            await see(pilot, "on anime.safetensors")
            assert str(base) not in reads.by_main
        session = session_of(pilot)
        session.change("dataset.resolution", 512)
        choose_base(session, "demo", read_natives("demo", session.profile.model.base))
        assert load_profile("emi").dataset.resolution == 64
        with reads_below(base) as reads:
            await pilot.press("B")
            await until(pilot, lambda: load_profile("emi").model.base == str(base))
            assert reads.by_main == []
        # The resolution follows as on Model, and that is said where one arrives.
        assert load_profile("emi").dataset.resolution == 512
        lines = await see(pilot, "anime.safetensors is the base now; pictures are trained at its 512 × 512")
        assert "5 Train" in lines[0]
        assert pilot.app.current_mode == "train"


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
        text = "\n".join(await see(pilot, "The run is not finished"))
        assert "Not drawn yet: Enter draws without and with 0.8." in text
        assert "<lora:disc-000001:0.8>" in text
        await pilot.press("enter")
        await see(pilot, f"Waiting for the CPU, where {run.name} is at work")
        release(slots.values())
        await see(pilot, "[0.8✓]")


async def test_a_worker_that_died_is_told(run: RunDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_in_place("sys.exit('No torch here')", tmp_path / "dead", monkeypatch)
    async with trying(run) as pilot:
        await pilot.press("r")
        await see(pilot, "ended without a last word")


async def test_leaving_the_program_ends_the_worker(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("r")
        await see(pilot, "[0.8✓]")
        assert is_busy(run.trying)
        await pilot.press("q")
        await until(pilot, lambda: not is_busy(run.trying))


async def test_what_is_kept_and_drawn_is_what_was_seen_when_the_key_came(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, TryScreen)
        await pilot.press("p")
        await see(pilot, "Enter take")
        await enter(pilot, "Emi reads")
        await see(pilot, "[0.8✓]")
        # As keys do that come in one burst: no thread has come to its work in between.
        screen.action_keep()
        screen.action_stronger()
        await see(pilot, "Kept 0.8:")
        kept = kept_strength(run)
        assert kept is not None
        assert kept.strength == 0.8
        await see(pilot, "[1.0✓]")
        await pilot.press("left", "left")
        await see(pilot, "[0.5·]")
        screen.action_act()
        screen.action_stronger()
        await see(pilot, " 0.5✓  [0.8✓]")
