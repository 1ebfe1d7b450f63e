"""What Train says of a run beside its figures: news that are true, what is lacking, and plain text."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.runs.directory import RunDirectory
from loratui.runs.lock import hold_lock
from tests.functional.wizard.test_train_runs import at_step, ended, shown
from tests.patient_pilot import driven
from tests.recorded_run import Recording, recorded_run
from tests.wizard import TEN_FORTY_TWO, screen_text, see, see_line, session_of, until


@pytest.fixture
def run(tmp_path: Path, loratui_home: Path) -> RunDirectory:
    """A run that nobody has begun."""
    return recorded_run(tmp_path / "run", loratui_home)


async def test_what_was_promised_is_not_said_any_more_once_it_has_happened(profile: str, run: RunDirectory) -> None:
    recording = at_step(run)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        with hold_lock(run):
            await see(pilot, "step 138/360", "RAM")
            await pilot.press("s")
            await see(pilot, "Told to save; it does so after this step.")
            recording.event("saved", 0.1, file="emi-138.safetensors", epoch=4, step=138, bytes=9, partial=True)
            recording.write(TEN_FORTY_TWO + 1)
            await gone(pilot, "Told to save; it does so")
            await pilot.press("v")
            await see(pilot, "A preview is drawn after this step. It comes in the place of the gauges.", "RAM")
            await pilot.press("v")
            await gone(pilot, "A preview is drawn")
            await pilot.press("v")
            await see(pilot, "A preview is drawn after this step. It comes in the place of the gauges.")
            recording.preview(138)
            recording.write(TEN_FORTY_TWO + 5)
            await gone(pilot, "A preview is drawn")
            await pilot.press("v", "v")
            await see(pilot, "A preview is drawn after this step. v shows the gauges again.")
            await pilot.press("v")
            await gone(pilot, "v shows the gauges again")
            await pilot.press("x")
            await see(pilot, "Stop emi?")
            await pilot.press("end", "enter")
            await see(pilot, "It stops after this step, and saves.")
            recording.event("stopped", signal=0, step=138)
            recording.write(TEN_FORTY_TWO + 9)
        await see(pilot, "stopped at 10:42", "step 138 of 360")
        await gone(pilot, "It stops after this step")


async def test_the_plain_text_is_whole_and_goes_column_by_column(profile: str, run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin(device="cpu")
    recording.write(TEN_FORTY_TWO)
    with hold_lock(run):
        async with driven(shown(profile, run), (80, 24)) as pilot:
            await see(pilot, "no GPU: trains", "RAM")
            text = pilot.app.screen.plain_text()  # type: ignore[attr-defined]
            assert "a LoRA of 192 layers is trained for 360 steps" in text
            assert "no GPU: trains on the CPU\n" in text
            assert "│ RAM" not in text
            assert "│ no GPU" not in text
            assert "…" not in text
            recording.train(20)
            recording.write(TEN_FORTY_TWO + 20)
            await see(pilot, "step  20/360", "smoothed", "┤")
            text = pilot.app.screen.plain_text()  # type: ignore[attr-defined]
            assert "│ RAM" not in text
            assert "│ no GPU" not in text
            places = [text.find(part) for part in ("smoothed", "┤", "RAM", "the worker started")]
            assert places == sorted(places), text
            assert places[0] > 0, text


async def test_what_is_lacking_is_said_of_the_training_that_there_was(profile: str, run: RunDirectory) -> None:
    ended(run)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        await see(pilot, "A trains once more")
        session = session_of(pilot)
        pictures = session.profile.dataset.path
        session.change("dataset.path", "/nowhere")
        await see(pilot, "3 Pictures is where to mend it")
        session.change("dataset.path", pictures)
        await see(pilot, "Enter starts the training")
        assert session.unmet("train") == ()
        await pilot.press("4")
        await pilot.pause()
        assert "Still to do: It is not trained" not in "\n".join(screen_text(pilot))


async def test_one_epoch_is_no_epochs(profile: str, run: RunDirectory) -> None:
    recording = Recording(run, steps=10, epochs=1)
    recording.begin()
    recording.train(10)
    recording.finish()
    recording.write(TEN_FORTY_TWO)
    async with driven(shown(profile, run), (80, 24)) as pilot:
        assert "10 steps, 1 epoch " in await see_line(pilot, "finished at 10:42")


async def gone(pilot: Pilot[int], text: str) -> None:
    """Wait until a text is not shown any more."""
    await until(pilot, lambda: not any(text in line for line in screen_text(pilot)), what=f"the end of {text!r}")
