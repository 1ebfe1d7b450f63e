"""Try finds the run that there is something to try of, and follows one that is at work to its end."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from loratui.paths import runs_directory
from loratui.profile.store import profile_path
from loratui.runs.directory import RunDirectory, create_run
from loratui.runs.events import EventWriter
from loratui.runs.lock import hold_lock
from tests.functional.wizard.tried_runs import enter, saved, trying
from tests.small_dataset import frozen
from tests.tried_run import compared_run
from tests.wizard import screen_text, see, session_of, until

pytestmark = pytest.mark.usefixtures("drawing_worker")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A finished run of the profile emi, with its comparison."""
    return saved(compared_run(tmp_path / "p", runs_directory()))


class Rewound:
    """A finished run as it was at its beginning, and what was still to come.

    Args:
        run: Not at work.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        # The end with the grid counts.
        lines = run.events_path.read_text().splitlines(keepends=True)
        self._lines = [line for line in lines if '"grid":null' not in _tight(line)]
        self._away = run.path / "away"
        run.comparison.rename(self._away)
        run.events_path.unlink()
        self.happen("started")

    def happen(self, *kinds: str) -> None:
        """Have the next of these events happen; "grid" brings the pictures, before the last word."""
        with self.run.events_path.open("a") as events:
            for kind in kinds:
                if kind == "grid":
                    self._away.rename(self.run.comparison)
                    continue
                place = next(place for place, line in enumerate(self._lines) if f'"event":"{kind}"' in _tight(line))
                events.write(self._lines.pop(place))


def _tight(line: str) -> str:
    return line.replace(": ", ":")


def a_later_run(run: RunDirectory, *kinds: str) -> RunDirectory:
    """Another run of the profile emi, which began and has saved nothing."""
    profile = run.read_profile()
    profile.output.name = "disc-v2"
    later = create_run(profile, frozen(profile), runs_directory(), origin=str(profile_path("emi").absolute()))
    with EventWriter(later.events_path, 1) as events:
        events.write("started", task="train", pid=1)
        events.write("training", steps=200, epochs=2, steps_per_epoch=100, modules=1, parameters=1)
        events.write("step", step=3, epoch=1, loss=0.1, lr=1e-4, seconds=0.1)
        for kind in kinds:
            events.write(kind, step=3, signal=0)
    return later


async def test_the_last_lora_is_tried_where_a_later_run_was_stopped(run: RunDirectory) -> None:
    later = a_later_run(run, "stopped")
    async with trying(None) as pilot:
        lines = await see(pilot, "epoch 2 (finished)")
        assert "<lora:disc:0.8>" in "\n".join(lines)
        assert session_of(pilot).run == later
        assert session_of(pilot).unmet("try") == ()
        await pilot.press("5")
        lines = await see(pilot, "step 3 of 200")
        assert "6 Try✓" in lines[0]
        # What is lacking there is not done by Enter here.
        await pilot.press("4")
        await see(pilot, "Still to do: disc-v2 was stopped; 5 Train goes on with it.")


async def test_a_run_at_work_is_waited_for_and_comes_by_itself(run: RunDirectory) -> None:
    rewound = Rewound(run)
    with hold_lock(run):
        async with trying(None) as pilot:
            await see(pilot, "There is nothing to try yet. What disc saves first comes here by itself.")
            assert session_of(pilot).unmet("try") is None
            await pilot.press("5")
            await see(pilot, "x Stop")
            assert "Still to do" not in "\n".join(screen_text(pilot))
            await pilot.press("6")
            rewound.happen("saved")
            await see(pilot, "epoch 1", "The run is not finished.")


@pytest.mark.parametrize("chosen", [False, True])
async def test_a_run_is_followed_to_its_end_and_what_a_person_chose_stays(run: RunDirectory, chosen: bool) -> None:
    rewound = Rewound(run)
    rewound.happen("saved", "validation")
    with ExitStack() as lock:
        lock.enter_context(hold_lock(run))
        async with trying(run) as pilot:
            await see(pilot, "epoch 1", "Not drawn yet: Enter draws without and with 0.8. The run is not finished.")
            if chosen:
                await pilot.press("p")
                await see(pilot, "Enter take")
                await enter(pilot, "Emi reads")
                await see(pilot, "[0.8✓]")
            rewound.happen("saved", "validation", "trained")
            with EventWriter(run.events_path) as events:
                events.write("drawing", done=4, of=8, pictures=4)
            if not chosen:
                await see(pilot, "The run is drawing the comparison: 2 of 4 pictures", "50 %", "epoch 2 (finished)")
            rewound.happen("grid", "finished")
            lock.close()
            lines = await see(pilot, "grid: ", "row 2/2" if chosen else "epoch 2 (finished)")
            if chosen:
                assert "“Emi reads”" in lines[2]
                assert "epoch 1" in lines[3]
            else:
                await see(pilot, " 0.0✓   0.5✓  [0.8✓]  1.0✓")


async def test_a_grid_is_asked_for_and_stopped_once_the_run_is_over(run: RunDirectory) -> None:
    rewound = Rewound(run)
    with ExitStack() as lock:
        lock.enter_context(hold_lock(run))
        async with trying(None) as pilot:
            rewound.happen("saved", "saved", "trained")
            await see(pilot, "epoch 2 (finished)")
            rewound.happen("grid", "finished")
            lock.close()
            await see(pilot, "[0.8✓]")
            run.trying.path.mkdir(exist_ok=True)
            (run.trying.path / "hold").touch()
            await pilot.press("f")
            await see(pilot, "Fill the grid")
            await pilot.press("enter")
            await see(pilot, "x stops")
            await pilot.press("x")
            await see(pilot, "Stopped.")


async def test_a_train_screen_takes_back_that_nothing_is_to_be_tried(run: RunDirectory) -> None:
    rewound = Rewound(run)
    run.events_path.write_text("")
    async with trying(None) as pilot:
        await see(pilot, "There is nothing to try yet. Train first: 5 goes there.")
        await pilot.press("5")
        await until(pilot, lambda: pilot.app.current_mode == "train")
        await see(pilot, "5 Train!", "6 Try!")
        assert "Still to do" not in "\n".join(screen_text(pilot))
        await pilot.press("4")
        await see(pilot, "Still to do")
        await pilot.press("5")
        with hold_lock(run):
            rewound.happen("saved")
            await until(pilot, lambda: session_of(pilot).unmet("try") is None)
            await until(pilot, lambda: "6 Try!" not in screen_text(pilot)[0])
