"""Leaving Try and the program: which workers go with it, and what does not go on behind a person's back."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.paths import runs_directory
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.keeping import Kept
from loratui.runs.lock import hold_lock, is_busy
from loratui.runs.tried_files import files_to_try
from loratui.runs.try_session import TrySession
from loratui.runs.try_stopping import stop_session
from loratui.tui.screens.try_asking import Answered
from tests.functional.wizard.tried_runs import saved, trying
from tests.stand_in_worker import TRIES, put_in_place
from tests.tried_run import compared_run
from tests.wizard import screen_text, see, session_of, until


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    put_in_place(TRIES, tmp_path / "stand-in", monkeypatch)
    return saved(compared_run(tmp_path / "p", runs_directory()))


async def wait_for(pilot: Pilot[int], run: RunDirectory, busy: bool) -> None:
    """Go on once the run's strengths are tried, or are not."""
    await until(pilot, lambda: is_busy(run.trying) == busy)


async def test_only_what_was_asked_here_ends_with_the_program(run: RunDirectory, tmp_path: Path) -> None:
    theirs = compared_run(tmp_path / "q", runs_directory())
    session = TrySession(theirs)
    session.draw(next(iter(session.cells))[0], [0.9], files_to_try(theirs)[0].path)
    try:
        async with trying(run) as pilot:
            await wait_for(pilot, theirs, True)
            await pilot.press("r")
            await see(pilot, "Waiting for the CPU")
            await pilot.press("q")
            await wait_for(pilot, run, False)
        assert is_busy(theirs.trying)
        session.poll()
        assert session.refusal is None
    finally:
        stop_session(theirs)


async def test_another_run_is_looked_at_and_the_worker_that_others_asked_goes_on(
    run: RunDirectory, tmp_path: Path
) -> None:
    other, session = compared_run(tmp_path / "q", runs_directory()), TrySession(run)
    session.draw(next(iter(session.cells))[0], [0.9], files_to_try(run)[0].path)
    async with trying(run) as pilot:
        await wait_for(pilot, run, True)
        session_of(pilot).show_run(other)
        await pilot.pause(0.5)
        assert is_busy(run.trying)


async def test_d_ends_what_was_asked_here_too(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        await pilot.press("r")
        await see(pilot, "[0.8✓]")
        assert is_busy(run.trying)
        with EventWriter(run.events_path, 2) as events:
            events.write("started", task="train", pid=1)
            events.write("training", steps=8, epochs=2, steps_per_epoch=4, modules=1, parameters=1)
        with hold_lock(run):
            await pilot.press("5")
            await see(pilot, "d Detach")
            await pilot.press("d")
            await wait_for(pilot, run, False)


async def test_a_strength_that_was_only_passed_by_is_not_drawn_once_nobody_looks(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        session_of(pilot).change("comparison.strengths", [0.0, 0.5, 0.8, 1.0, 1.1])
        await see(pilot, "1.1·")
        await pilot.press("right", "right", "5")
        await pilot.pause(0.8)
        assert not is_busy(run.trying)


async def test_what_was_kept_of_another_run_is_not_shown_of_this_one(run: RunDirectory, tmp_path: Path) -> None:
    other = compared_run(tmp_path / "q", runs_directory())
    async with trying(run) as pilot:
        for about, is_shown in ((other, False), (run, True)):
            pilot.app.screen.post_message(Answered("", kept=Kept(0.6, "last", "x"), run=about))
            await pilot.pause()
            assert ("kept 0.6" in "\n".join(screen_text(pilot))) == is_shown


async def test_a_persons_own_picture_stays_and_this_is_said(run: RunDirectory) -> None:
    png = Path(run.read_profile().output.directory) / "disc.png"
    png.write_bytes(b"my own")
    async with trying(run) as pilot:
        await pilot.press("k")
        await see(pilot, "Kept 0.8: disc.json is beside the LoRA; your own disc.png stays.")
    assert png.read_bytes() == b"my own"
