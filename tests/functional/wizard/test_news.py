"""What is said above the keys can be read whole, and copied, in the smallest terminal."""

import pytest

from loratui.errors import LoratuiError
from loratui.tui.widgets.news import NewsRows
from tests.wizard import read, screen_text, see, until, wizard

LONG = "The file /home/emi/pictures/5_emi_person/a-picture.txt could not be written: the disk is full."
REMEDY = "Make room on the disk, then press Enter once more to write the caption."


@pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=str)
async def test_a_long_sentence_takes_the_rows_that_it_needs(profile: str, size: tuple[int, int]) -> None:
    async with wizard(size, profile, "system") as pilot:
        assert pilot.app.step_screen is not None
        pilot.app.step_screen.say(f"{LONG} {REMEDY}", "error")
        lines = await read(pilot, f"{LONG} {REMEDY}")
        assert "? Help" in lines[-1]
        assert len(lines) == size[1]


async def test_the_rows_are_given_back_when_it_is_over(profile: str) -> None:
    async with wizard(profile=profile, mode="system") as pilot:
        screen = pilot.app.step_screen
        assert screen is not None
        screen.say(f"{LONG} {REMEDY}", "warning")
        await until(pilot, lambda: screen.query_one(NewsRows).size.height > 1)
        screen.unsay(f"{LONG} {REMEDY}")
        await until(pilot, lambda: screen.query_one(NewsRows).size.height == 1)
        assert set(screen_text(pilot)[-2].strip()) == {"─"}


async def test_another_size_of_the_terminal_takes_other_rows(profile: str) -> None:
    async with wizard(profile=profile, mode="system") as pilot:
        assert pilot.app.step_screen is not None
        pilot.app.step_screen.say(f"{LONG} {REMEDY}", "error")
        await pilot.resize_terminal(60, 20)
        await read(pilot, f"{LONG} {REMEDY}")


async def test_an_error_can_be_copied_until_something_else_is_said(profile: str) -> None:
    async with wizard(profile=profile, mode="system") as pilot:
        screen = pilot.app.step_screen
        assert screen is not None
        screen.say(LONG, "error")
        screen.query_one(NewsRows).be_silent()
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard.endswith(f"\n\n{LONG}"))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        screen.say("Looked again.")
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.screen is not screen and LONG not in pilot.app.clipboard)


async def test_what_takes_more_than_a_third_of_the_screen_says_where_the_rest_is(profile: str) -> None:
    story = " ".join(f"{number}. {LONG}" for number in range(12))
    async with wizard(profile=profile, mode="system") as pilot:
        assert pilot.app.step_screen is not None
        pilot.app.step_screen.say(story, "warning")
        lines = await see(pilot, "… y shows all")
        assert sum("/home/emi" in line for line in lines) < 12
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard.endswith(story))


async def test_an_error_in_a_window_can_be_copied(profile: str) -> None:
    async with wizard(profile=profile) as pilot:
        pilot.app.show_error(LoratuiError(LONG, REMEDY))  # type: ignore[attr-defined]
        await see(pilot, "That did not work", "y copy")
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard == f"{LONG}\n\n{REMEDY}")
