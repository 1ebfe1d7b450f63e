"""Runs in Home's list: at work, ended meanwhile, interrupted, removed."""

from pathlib import Path

from loratui.profile.schema import Profile
from loratui.profile.store import profile_path
from loratui.runs.events import EventWriter
from loratui.runs.lock import hold_lock
from tests.functional.wizard.home_rows import a_run, home, save
from tests.wizard import TEN_FORTY_TWO, at_mode, line_with, read, screen_text, session_of, until, wizard


async def test_removing_a_run_asks_and_leaves_its_lora(unsaved: Profile) -> None:
    save(unsaved)
    run = a_run(unsaved, step=8, end="finished")
    async with home("8/8") as pilot:
        await pilot.press("down", "delete")
        await read(pilot, "Remove the run")
        await read(pilot, f"LoRA files and grids that it wrote stay in {unsaved.output.directory}")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is pilot.app.step_screen)
        assert run.path.exists()
        await pilot.press("delete")
        await read(pilot, "Remove the run")
        await pilot.press("down", "enter")
        await read(pilot, "was removed")
        await read(pilot, "not trained yet")
    assert not run.path.exists()
    assert (Path(unsaved.output.directory) / "emi.safetensors").exists()


async def test_a_run_at_work_is_not_removed_but_said_how_to_stop(unsaved: Profile) -> None:
    save(unsaved)
    run = a_run(unsaved, step=3)
    async with home("3/8") as pilot:
        with hold_lock(run):
            await read(pilot, "running")
            await pilot.press("end", "delete")
            await read(pilot, "x to stop it")
    assert run.path.exists()


async def test_with_a_run_at_work_it_opens_on_it_and_home_shows_its_progress(unsaved: Profile) -> None:
    save(unsaved)
    run = a_run(unsaved, step=3)
    with hold_lock(run):
        async with wizard() as pilot:
            await at_mode(pilot, "train")
            session = session_of(pilot)
            assert (session.name, session.run.path) == ("emi", run.path)
            await pilot.press("h")
            lines = await read(pilot, "3/8")
            assert line_with(lines, "3/8").split()[1:5] == ["running", "3/8", "37", "%"]
            assert line_with(lines, "3/8").endswith("left 2:30")
            with EventWriter(run.events_path) as events:
                events.write("step", step=4, loss=0.25, lr=1e-4, seconds=30.0)
            await read(pilot, "4/8  50 %")
            assert pilot.app.terminal_title == "50 % emi 2:00"


async def test_what_ended_meanwhile_is_offered_once(unsaved: Profile) -> None:
    save(unsaved)
    run = a_run(unsaved, step=3)
    with hold_lock(run):
        async with wizard() as pilot:
            await at_mode(pilot, "train")
    with EventWriter(run.events_path) as events:
        lora = Path(unsaved.output.directory) / "emi.safetensors"
        lora.parent.mkdir()
        lora.write_bytes(b"lora")
        events.write("finished", lora=lora, grid=None, steps=8, time=TEN_FORTY_TWO)
    async with wizard() as pilot:
        lines = await read(pilot, "emi finished 10:42: Enter to try it")
        assert lines[2].startswith("▸ emi finished")
        await pilot.press("enter")
        await at_mode(pilot, "try")
        await pilot.press("h")
        await read(pilot, "finished")
        assert not any("Enter to try it" in line for line in screen_text(pilot))
    async with wizard() as pilot:
        lines = await read(pilot, "finished")
        assert not any("Enter to try it" in line for line in lines)


async def test_a_run_at_work_comes_before_what_ended_meanwhile(unsaved: Profile) -> None:
    save(unsaved)
    async with home("6 in IMG"):
        pass
    a_run(unsaved, step=8, end="finished")
    run = a_run(unsaved, step=3)
    with hold_lock(run):
        async with wizard() as pilot:
            await at_mode(pilot, "train")
            await pilot.press("h")
            await read(pilot, "emi finished 10:42: Enter to try it")


async def test_ends_of_long_ago_are_not_offered_at_the_first_start(unsaved: Profile) -> None:
    a_run(unsaved, step=8, end="finished")
    async with wizard() as pilot:
        lines = await read(pilot, "8/8")
        assert not any("Enter to try it" in line for line in lines)


async def test_a_second_interruption_of_the_same_run_is_offered_too(unsaved: Profile) -> None:
    save(unsaved)
    run = a_run(unsaved, step=3)
    for _ in range(2):
        async with wizard() as pilot:
            lines = await read(pilot, "6 in IMG")
            assert not any("was interrupted" in line for line in lines)
    with EventWriter(run.events_path, 2) as events:
        events.write("started", pid=1, task="train")
        events.write("resumed", step=3, steps=8)
    async with home("emi was interrupted"):
        pass


async def test_what_was_taken_out_of_the_queue_does_not_hide_the_last_training(unsaved: Profile) -> None:
    save(unsaved)
    trained = a_run(unsaved, step=8, end="finished")
    withdrawn = a_run(unsaved)
    with EventWriter(withdrawn.events_path, 0) as events:
        events.write("stopped", signal=0, step=0, command="stop")
    async with wizard() as pilot:
        lines = await read(pilot, "6 in IMG")
        assert "finished" in line_with(lines, "6 in IMG")
        await pilot.press("enter")
        await at_mode(pilot, "pictures")
        assert session_of(pilot).run.path == trained.path


async def test_a_run_tells_the_name_of_its_profile_where_it_is_another(unsaved: Profile) -> None:
    save(unsaved)
    save(unsaved, "demo")
    a_run(unsaved, step=8, end="finished")
    run = a_run(unsaved, step=4, end="stopped")
    run.origin_path.write_text(f'{{"profile": "{profile_path("demo")}"}}')
    async with wizard() as pilot:
        lines = await read(pilot, "8/8")
        assert line_with(lines, "8/8").startswith("  emi                finished")
        assert line_with(lines, "4/8").startswith("  emi (demo)         stopped")
    async with home("emi (demo) ", (120, 40)):
        pass


async def test_versions_of_a_lora_are_told_apart(unsaved: Profile) -> None:
    long = "a-very-long-name-of-emi"
    for name in ("mine", long):
        save(unsaved, name)
    for profile, version, step in (("mine", "mine-v2", 1), ("mine", "mine-v3", 2), (long, f"{long}-v12", 3)):
        run = a_run(unsaved, of=version, step=step, end="stopped")
        run.origin_path.write_text(f'{{"profile": "{profile_path(profile)}"}}')
    async with wizard() as pilot:
        lines = await read(pilot, "3/8")
        assert line_with(lines, "1/8").startswith("  mine-v2 (mine)     stopped")
        assert line_with(lines, "2/8").startswith("  mine-v3 (mine)     stopped")
        assert "-v12 (" in line_with(lines, "3/8")
        assert line_with(lines, "3/8").endswith("Enter goes on")
