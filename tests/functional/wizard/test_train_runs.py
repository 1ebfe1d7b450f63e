"""Train with a run: at work, ended or failed, as its recorded directory tells."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.runs.commands import CommandReader
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import hold_lock
from loratui.tui.app import Wizard
from loratui.tui.widgets.picture import Picture
from tests.patient_pilot import driven
from tests.recorded_run import Recording, recorded_run
from tests.wizard import TEN_FORTY_TWO, at_mode, cut_texts, is_drawn, make_wizard, screen_text, see, session_of, until


@pytest.fixture
def run(tmp_path: Path, loratui_home: Path) -> RunDirectory:
    """A run that nobody has begun."""
    return recorded_run(tmp_path / "run", loratui_home)


def at_step(run: RunDirectory, step: int = 138, device: str = "cuda:0") -> Recording:
    """The run's events up to a step, written."""
    recording = Recording(run)
    recording.begin(device=device)
    recording.train(step)
    recording.write(TEN_FORTY_TWO)
    return recording


def ended(run: RunDirectory) -> None:
    """The run's events up to its end, written."""
    recording = at_step(run, 360)
    recording.finish()
    recording.write(TEN_FORTY_TWO)


def shown(profile: str, run: RunDirectory, **options: object) -> Wizard:
    """The app on Train, with a run."""
    app = make_wizard(profile, "train", **options)
    app.session.run = run
    return app


@asynccontextmanager
async def at_work(profile: str, run: RunDirectory, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[int]]:
    """The wizard on Train while a worker holds the run, at step 138."""
    with hold_lock(run):
        async with driven(shown(profile, run), size) as pilot:
            await see(pilot, "step 138/360")
            yield pilot


@pytest.mark.parametrize(
    ("size", "ascii"), [((80, 24), False), ((80, 24), True), ((120, 40), False), ((200, 60), False)]
)
async def test_a_run_at_work_is_shown_whole(
    profile: str, run: RunDirectory, size: tuple[int, int], ascii: bool
) -> None:
    recording = at_step(run)
    recording.event("recovered", 1.0, what="out of memory: now 2 × 1 picture a step", step=138)
    recording.write(TEN_FORTY_TWO)
    app = shown(profile, run, ascii=ascii)
    with hold_lock(run):
        async with driven(app, size) as pilot:
            lines = await see(pilot, "step 138/360", "RAM", "360", "out of memory")

            text = "\n".join(lines)
            assert "epoch  4/10   step 138/360   38 %   1.9 steps/s   left 1:58   done about 10:43" in text
            assert "loss 0.0863  smoothed 0.0923" in text
            assert "saved emi_lora-000003.safetensors (18.9 MB)" in text
            assert "s Save" in lines[-1]
            assert "x Stop" in lines[-1]
            assert "l Log" in lines[-1]
            assert cut_texts(pilot) == []
            assert app.terminal_title == "38 % emi 1:58"


async def test_without_a_gpu_it_says_so_and_shows_cpu_and_ram(profile: str, run: RunDirectory) -> None:
    at_step(run, device="cpu")
    with hold_lock(run):
        async with driven(shown(profile, run), (80, 24)) as pilot:
            await see(pilot, "no GPU: trains on the CPU", "RAM", "CPU")


async def test_keys_reach_the_worker_as_commands(profile: str, run: RunDirectory) -> None:
    at_step(run)
    commands = CommandReader(run.commands_path)
    async with at_work(profile, run) as pilot:
        await pilot.press("s")
        await see(pilot, "Told to save")
        await pilot.press("x")
        await see(pilot, "Stop emi?", "Go on training")
        await pilot.press("down", "enter")
        await see(pilot, "It stops after this epoch.")

    assert commands.read() == ["save", "stop-after-epoch"]


async def test_going_on_is_the_first_answer_to_a_stop(profile: str, run: RunDirectory) -> None:
    at_step(run)
    async with at_work(profile, run) as pilot:
        await pilot.press("x")
        await see(pilot, "Stop emi?")
        await pilot.press("enter")
        await see(pilot, "step 138/360")

    assert not run.commands_path.exists()


async def test_v_shows_the_preview_in_place_of_the_gauges_and_the_gauges_again(profile: str, run: RunDirectory) -> None:
    recording = at_step(run)
    with hold_lock(run):
        async with driven(shown(profile, run), (80, 24)) as pilot:
            await see(pilot, "step 138/360", "RAM")
            await pilot.press("v")
            await see(pilot, "A preview is drawn after this step.")
            recording.preview(138)
            recording.write(TEN_FORTY_TWO + 5)
            lines = await see(pilot, "step 138", "preview ready", "▀")
            assert not any("RAM" in line for line in lines)
            assert is_drawn(pilot.app.screen.query_one(Picture))
            await pilot.press("v")
            await see(pilot, "RAM")

    assert CommandReader(run.commands_path).read() == ["preview"]


async def test_the_log_tells_events_and_what_the_worker_printed(profile: str, run: RunDirectory) -> None:
    at_step(run)
    run.log_path.write_text("loading\n\x1b[31mred [bold]not markup\n401 for hf_abcdefghijklmnop\n", encoding="utf-8")
    async with at_work(profile, run, (120, 50)) as pilot:
        await pilot.press("l")
        await see(pilot, "the worker started", "\\x1b[31mred [bold]not markup", "401 for hf_…")
        assert "abcdefghij" not in "\n".join(screen_text(pilot))
        await pilot.press("escape")
        await see(pilot, "step 138/360")


async def test_a_finished_run_names_its_files_and_enter_tries_it(profile: str, run: RunDirectory) -> None:
    ended(run)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        lines = await see(pilot, "finished at 10:42", "verified", "grid", "6 tries strengths")
        assert "Enter Try" in lines[-1]
        assert session_of(pilot).unmet("train") == ()
        assert "/emi_lora.safetensors\n" in pilot.app.screen.plain_text()  # type: ignore[attr-defined]
        await pilot.press("y")
        await see(pilot, "finished at step 360 of 360")
        await pilot.press("escape")
        await pilot.press("enter")
        await at_mode(pilot, "try")


async def test_a_run_that_ends_while_it_is_watched_offers_try(profile: str, run: RunDirectory) -> None:
    recording = at_step(run, 350)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        with hold_lock(run):
            await see(pilot, "step 350/360")
            recording.train(360, after=350)
            recording.finish()
            recording.write(TEN_FORTY_TWO + 60)
        await see(pilot, "emi is trained: 6 tries it.", "Enter Try")


async def test_a_finished_run_makes_room_for_a_new_plan_and_comes_back(profile: str, run: RunDirectory) -> None:
    ended(run)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        await see(pilot, "A trains once more")
        await pilot.press("A")
        await see(pilot, "Enter starts the training", "a Attach")
        await pilot.press("a")
        await see(pilot, "A trains once more")


async def test_a_failed_run_says_what_and_where_its_log_is(profile: str, run: RunDirectory) -> None:
    recording = at_step(run, 20)
    recording.event("failed", what="The loss is not a number.", todo="Lower training.unet_lr.", exit_code=1)
    recording.write(TEN_FORTY_TWO)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        lines = await see(pilot, "failed at 10:42", "The loss is not a number.", "Lower training.unet_lr.")
        assert any("worker.log" in line for line in lines)
        assert "Enter Try again" in lines[-1]
        assert session_of(pilot).unmet("train")


async def test_memory_that_does_not_suffice_is_asked_about_as_it_happens(profile: str, run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.write(TEN_FORTY_TWO)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        with hold_lock(run):
            await see(pilot, "x Stop")
            recording.event("proposed", 1.0, what="2 × 1 picture a step")
            recording.event("failed", 1.0, what="A step needs more memory than cuda:0 has free.", todo="", exit_code=1)
            recording.write(TEN_FORTY_TWO + 2)
        await see(pilot, "A step does not fit into memory", "Go on in smaller pieces", "2 × 1 picture a step")
        await pilot.press("escape")
        await see(pilot, "Enter goes on with 2 × 1 picture a step")
        await pilot.press("enter")
        await see(pilot, "A step does not fit into memory")
        await pilot.press("down", "enter")
        await at_mode(pilot, "settings")


async def test_d_leaves_the_program_and_says_how_to_come_back(profile: str, run: RunDirectory) -> None:
    at_step(run)
    app = shown(profile, run)
    with hold_lock(run):
        async with driven(app, (80, 24)) as pilot:
            await see(pilot, "step 138/360")
            await pilot.press("d")
            await until(pilot, lambda: not pilot.app.is_running)
    assert app.return_code == 0
    assert not run.commands_path.exists()


async def test_help_explains_what_is_shown(profile: str, run: RunDirectory) -> None:
    at_step(run)
    async with at_work(profile, run, (80, 50)) as pilot:
        await pilot.press("question_mark")
        await see(pilot, "While it trains", "Save the LoRA as it is now")


async def test_names_from_files_are_never_read_as_markup(profile: str, run: RunDirectory) -> None:
    recording = at_step(run)
    recording.event("warning", 1.0, message="[bold red]not markup[/] \x1b[2J")
    recording.write(TEN_FORTY_TWO + 1)
    with hold_lock(run):
        async with driven(shown(profile, run), (80, 24)) as pilot:
            await see(pilot, "[bold red]not markup[/] \\x1b[2J")


async def test_a_profile_that_was_changed_after_its_run_is_planned_anew(profile: str, run: RunDirectory) -> None:
    ended(run)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        await see(pilot, "A trains once more")
        await pilot.press("4")
        session_of(pilot).change("training.epochs", 4)
        await pilot.press("5")
        await see(pilot, "40: 4 epochs of 10 steps", "Enter starts the training")
        await pilot.press("a")
        await see(pilot, "A trains once more")
        await pilot.press("4", "5")
        await see(pilot, "A trains once more")
