"""Train once all steps are taken: only what is still possible is offered, in words that are true."""

from pathlib import Path

import pytest

from loratui.runs.commands import CommandReader
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import hold_lock
from loratui.tui.screens.train import TrainScreen
from tests.patient_pilot import driven
from tests.recorded_run import Recording, recorded_run
from tests.wizard import TEN_FORTY_TWO, make_wizard, read, screen_text, see, until


@pytest.fixture
def run(tmp_path: Path, loratui_home: Path) -> RunDirectory:
    """A run that nobody has begun."""
    return recorded_run(tmp_path / "run", loratui_home)


async def test_while_the_grid_is_drawn_nothing_is_saved_and_a_stop_says_what_it_ends(
    profile: str, run: RunDirectory
) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(138)
    recording.write(TEN_FORTY_TWO)
    app = make_wizard(profile, "train")
    app.session.run = run
    with hold_lock(run):
        async with driven(app, (80, 24)) as pilot:
            lines = await see(pilot, "step 138/360", "s Save")
            assert "s Save" in lines[-1]
            recording.train(360, after=138)
            recording.event("trained", 1.0)
            recording.event("drawing", 1.0, done=3, of=40, pictures=8)
            recording.write(TEN_FORTY_TWO + 5)
            await see(pilot, "drawing the comparison")
            await until(pilot, lambda: "s Save" not in "\n".join(screen_text(pilot)))
            await pilot.press("x")
            lines = await see(pilot, "Stop finishing emi?")
            assert not any("Go on training" in line or "after this epoch" in line for line in lines)
            await read(pilot, "nothing of the training is lost")
            await pilot.press("down", "enter")
            await see(pilot, "It stops; all steps are taken.")
            await until(pilot, lambda: CommandReader(run.commands_path).read() == ["stop"])


async def test_a_question_to_stop_that_outlives_its_run_says_that_it_is_over(profile: str, run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(138)
    recording.write(TEN_FORTY_TWO)
    app = make_wizard(profile, "train")
    app.session.run = run
    async with driven(app, (80, 24)) as pilot:
        with hold_lock(run):
            await see(pilot, "step 138/360", "s Save")
            await pilot.press("x")
            await see(pilot, "Stop emi?")
            recording.train(360, after=138)
            recording.finish()
            recording.write(TEN_FORTY_TWO + 5)
        train = next(screen for screen in app.screen_stack if isinstance(screen, TrainScreen))
        await until(pilot, lambda: train.run_watch is not None and not train.run_watch.moment.is_busy)
        await pilot.press("down", "down", "enter")
        await see(pilot, "It was over already: there is nothing to stop.")
    assert CommandReader(run.commands_path).read() == []
