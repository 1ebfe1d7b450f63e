"""Lines of which only what differs is sent."""

import pytest
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from loratui.tui.themes import DARK
from loratui.tui.type_ahead import TypeAhead
from loratui.tui.widgets.changing_lines import ChangingLines, Line
from tests.patient_pilot import driven


class Lines(TypeAhead):
    """The widget alone, in the dark theme."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        yield ChangingLines()


def text_of(pilot: Pilot[int]) -> list[str]:
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


async def sent_for(pilot: Pilot[int], lines: list[Line]) -> list[Region]:
    """The regions that are drawn again when other lines are shown."""
    widget = pilot.app.query_one(ChangingLines)
    widget.show(lines)
    regions = list(widget._repaint_regions)
    await pilot.pause()
    return sorted(regions, key=lambda region: region.y)


async def test_what_is_shown_is_what_was_said_cut_to_the_width() -> None:
    async with driven(Lines(), (10, 3)) as pilot:
        await sent_for(pilot, [(("loss ", "faint"), ("0.0918 and more", "text")), ((("画像画像画像"), "strong"),)])

        assert text_of(pilot) == ["loss 0.09…", "画像画像…", ""]


async def test_only_lines_that_differ_are_drawn_up_to_the_last_change() -> None:
    async with driven(Lines(), (30, 4)) as pilot:
        await sent_for(pilot, [(("step 10/20   left 1:00", "text"),), (("same", "text"),)])
        regions = await sent_for(pilot, [(("step 11/20   left 1:00", "text"),), (("same", "text"),)])

        assert regions == [Region(0, 0, 7, 1)]
        assert text_of(pilot)[0] == "step 11/20   left 1:00"


async def test_the_same_lines_send_nothing() -> None:
    async with driven(Lines(), (30, 4)) as pilot:
        await sent_for(pilot, [(("same", "text"),)])

        assert await sent_for(pilot, [(("same", "text"),)]) == []


async def test_another_colour_is_a_change_and_so_is_a_line_less() -> None:
    async with driven(Lines(), (30, 4)) as pilot:
        await sent_for(pilot, [(("same", "text"),), (("gone", "text"),)])

        assert await sent_for(pilot, [(("same", "warning"),)]) == [Region(0, 0, 4, 1), Region(0, 1, 4, 1)]
        assert text_of(pilot)[:2] == ["same", ""]


async def test_a_wide_character_is_sent_whole() -> None:
    async with driven(Lines(), (30, 4)) as pilot:
        await sent_for(pilot, [(("ab 画", "text"),)])

        assert await sent_for(pilot, [(("ab 像", "text"),)]) == [Region(0, 0, 5, 1)]
        assert text_of(pilot)[0] == "ab 像"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("❤\ufe0f love.png", "❤\ufe0f love.png|"),
        ("1\ufe0f\u20e3 one.png", "1\ufe0f\u20e3 one.png|"),
        ("画\ufe0f.png", "画\ufe0f.png|"),
        ("e\u0301.png", "e\u0301.png|"),
    ],
)
async def test_an_emoji_by_variation_takes_the_cells_that_the_terminal_gives_it(name: str, seen: str) -> None:
    async with driven(Lines(), (30, 2)) as pilot:
        await sent_for(pilot, [((name, "text"), ("|", "rule"))])

        strip = pilot.app.query_one(ChangingLines).render_line(0)
        assert strip.text.rstrip() == seen
        assert strip.cell_length == 30
        assert sum(cell_len(segment.text) for segment in strip) == 30


async def test_an_emoji_that_does_not_fit_is_left_out_whole() -> None:
    async with driven(Lines(), (5, 1)) as pilot:
        await sent_for(pilot, [(("love❤\ufe0f", "text"),)])

        strip = pilot.app.query_one(ChangingLines).render_line(0)
        assert strip.text == "love…"
        assert sum(cell_len(segment.text) for segment in strip) == 5


async def test_spaces_that_do_not_fit_are_nothing_to_tell_of() -> None:
    async with driven(Lines(), (5, 2)) as pilot:
        await sent_for(pilot, [(("loss ", "text"), ("   ", "text")), (("love❤\ufe0f", "text"),)])

        assert text_of(pilot) == ["loss", "love…"]


@pytest.mark.parametrize("width", [20, 40])
async def test_another_size_cuts_the_lines_anew(width: int) -> None:
    async with driven(Lines(), (30, 4)) as pilot:
        await sent_for(pilot, [(("x" * 50, "text"),)] * 9)
        await pilot.resize_terminal(width, 6)
        await pilot.pause()

        assert text_of(pilot) == ["x" * (width - 1) + "…"] * 6
