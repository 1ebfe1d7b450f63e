"""A renamed profile keeps its history, and nothing of its old name is said any more."""

from loratui.profile.schema import Profile
from loratui.profile.store import profile_path
from loratui.tui.messages import OpenProfile
from tests.functional.wizard.home_rows import a_run, fill_in, home, save
from tests.wizard import at_mode, line_with, read, screen_text, see, session_of, until


async def test_the_runs_of_a_renamed_profile_follow_it(unsaved: Profile) -> None:
    save(unsaved)
    run = a_run(unsaved, step=8, end="finished")
    other = a_run(unsaved, of="ken", step=3)
    async with home("8/8", profile="emi") as pilot:
        session = session_of(pilot)
        assert session.run is not None
        await pilot.press("m")
        await read(pilot, "The new name")
        await fill_in(pilot, "mia")
        await pilot.press("enter")
        await read(pilot, "emi is called mia now.")
        lines = await read(pilot, "▸ mia")
        assert "not trained yet" not in line_with(lines, "▸ mia")
        assert (session.name, session.run.path) == ("mia", run.path)
        pilot.app.post_message(OpenProfile("mia", "train"))
        await at_mode(pilot, "train")
        await see(pilot, "finished at")
        assert session.name == "mia"
    assert run.read_origin() == str(profile_path("mia").absolute())
    assert other.read_origin() == str(profile_path("ken"))


async def test_news_of_a_profile_that_is_renamed_do_not_stay(unsaved: Profile) -> None:
    save(unsaved)
    async with home("6 in IMG") as pilot:
        await pilot.press("c")
        await read(pilot, "The name of the copy")
        await pilot.press("enter")
        await read(pilot, "emi-2 is a copy of emi; Enter opens it.")
        await read(pilot, "▸ emi-2")
        await pilot.press("m")
        await read(pilot, "The new name of emi-2")
        await fill_in(pilot, "mia")
        await pilot.press("enter")
        await read(pilot, "▸ mia")
        await until(pilot, lambda: "emi-2 is a copy" not in "\n".join(screen_text(pilot)))
