"""What Enter and the keys of the steps open from the row under Home's cursor."""

from loratui.profile.schema import Profile
from tests.functional.wizard.home_rows import a_broken_profile, a_run, home, save
from tests.wizard import at_mode, read, session_of, wizard


async def test_enter_opens_a_profile_with_its_newest_run(unsaved: Profile) -> None:
    save(unsaved)
    a_run(unsaved, step=2, end="stopped")
    newest = a_run(unsaved, step=8, end="finished")
    async with home("6 in IMG") as pilot:
        await pilot.press("enter")
        await at_mode(pilot, "pictures")
        session = session_of(pilot)
        assert session.name == "emi"
        assert session.run is not None
        assert session.run.path == newest.path


async def test_a_run_of_no_saved_profile_is_shown_without_one(unsaved: Profile) -> None:
    run = a_run(unsaved, step=8, end="finished")
    async with home("8/8") as pilot:
        await pilot.press("a")
        await at_mode(pilot, "train")
        session = session_of(pilot)
        assert (session.name, session.run.path) == ("", run.path)


async def test_the_doctor_is_the_first_step(unsaved: Profile) -> None:
    async with home("Try the demo") as pilot:
        await pilot.press("i")
        await at_mode(pilot, "system")


async def test_a_step_key_opens_the_profile_under_the_cursor(unsaved: Profile) -> None:
    for name in ("cat", "emi"):
        save(unsaved, name)
    run = a_run(unsaved, step=8, end="finished")
    async with wizard(profile="cat") as pilot:
        session = session_of(pilot)
        await read(pilot, "▸ cat")
        await pilot.press("down")
        await read(pilot, "▸ emi")
        await pilot.press("4")
        await at_mode(pilot, "settings")
        assert (session.name, session.run.path) == ("emi", run.path)
        await pilot.press("h")
        await at_mode(pilot, "home")
        await pilot.press("up", "1")
        await at_mode(pilot, "system")
        assert session.name == "emi"


async def test_a_step_key_opens_the_run_under_the_cursor_with_its_profile(unsaved: Profile) -> None:
    save(unsaved)
    save(unsaved, "cat")
    older = a_run(unsaved, step=2, end="stopped")
    a_run(unsaved, step=8, end="finished")
    async with wizard(profile="cat") as pilot:
        session = session_of(pilot)
        await read(pilot, "2/8")
        await pilot.press("end")
        for key, mode in (("3", "pictures"), ("6", "try")):
            session.open("cat")
            await pilot.press(key)
            await at_mode(pilot, mode)
            assert (session.name, session.run.path) == ("emi", older.path)
            await pilot.press("h")
            await at_mode(pilot, "home")
            await pilot.press("end")


async def test_a_step_key_on_a_run_of_no_saved_profile_shows_the_run_and_says_what_it_lacks(unsaved: Profile) -> None:
    run = a_run(unsaved, step=8, end="finished")
    async with home("8/8") as pilot:
        await pilot.press("4")
        await read(pilot, "The profile of this run is not saved here")
        await pilot.press("5")
        await at_mode(pilot, "train")
        assert session_of(pilot).run.path == run.path


async def test_a_step_key_on_a_broken_profile_says_what_is_wrong_with_it(unsaved: Profile) -> None:
    save(unsaved)
    a_broken_profile()
    async with home("▸ broken") as pilot:
        await pilot.press("3")
        await read(pilot, "That did not work")
