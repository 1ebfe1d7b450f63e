"""A list with a cursor: what the keys and the mouse do, and where the cursor is when rows come and go."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from rich.style import Style
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from loratui.tui.themes import DARK
from loratui.tui.type_ahead import TypeAhead
from loratui.tui.widgets.changing_lines import Line, in_bold, plain
from loratui.tui.widgets.cursor_list import CursorList
from tests.patient_pilot import driven


@dataclass(frozen=True)
class Row:
    """A row; without a number it is a title."""

    number: int | None
    text: str = ""


class Numbers(CursorList[Row]):
    """Numbers, with two lines above them that stay."""

    def id_of(self, row: Row) -> int | None:
        return row.number

    def line_of(self, row: Row, width: int, *, at_cursor: bool) -> Line:
        text = row.text if row.number is None else f"row {row.number}{row.text}"
        return [(">" if at_cursor else " ", "accent"), (text, "text")]

    def heading(self, width: int) -> Sequence[Line]:
        return [[("Numbers", "strong")], [("-" * width, "rule")]]


class Listed(TypeAhead):
    """The list alone, eight rows of it in sight."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.heard: list[str] = []

    def compose(self) -> ComposeResult:
        yield Numbers()

    @property
    def numbers(self) -> Numbers:
        """The list."""
        return self.query_one(Numbers)

    def on_cursor_list_moved(self) -> None:
        self.heard.append("moved")

    def on_cursor_list_chosen(self) -> None:
        self.heard.append("chosen")

    def on_cursor_list_all_wanted(self) -> None:
        self.heard.append("all")


def rows(*numbers: int | None) -> list[Row]:
    return [Row(number, "" if number is not None else "title") for number in numbers]


def shown(app: Listed) -> list[str]:
    return plain(app.numbers.lines).splitlines()


def at(app: Listed) -> int | None:
    row = app.numbers.row
    return row.number if row is not None else None


async def listed(pilot: Pilot[int], some: Sequence[Row]) -> Listed:
    """The program with rows in its list, the cursor on the first that can be chosen."""
    app = pilot.app
    assert isinstance(app, Listed)
    app.numbers.focus()
    app.numbers.show_rows(some)
    await pilot.pause()
    app.heard.clear()
    return app


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ("down", 1),
        ("down down up", 1),
        ("up", 0),
        ("end", 2_000),
        ("end up", 1_999),
        ("end down", 2_000),
        ("end home", 0),
        ("pagedown", 7),
        ("pagedown pagedown pageup", 7),
        ("pageup", 0),
    ],
)
async def test_keys_move_the_cursor_and_it_stays_in_sight(keys: str, number: int) -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(*range(2_001)))
        await pilot.press(*keys.split())
        assert at(app) == number
        assert f">row {number}" in shown(app)
        assert shown(app)[0] == "Numbers"
        assert len(shown(app)) == 10


async def test_rows_without_an_id_are_passed_over_and_the_first_of_them_stays_in_sight() -> None:
    async with driven(Listed(), (20, 6)) as pilot:
        app = await listed(pilot, rows(None, None, 0, 1, None, 2, 3))
        assert at(app) == 0
        await pilot.press("down", "down")
        assert at(app) == 2
        await pilot.press("end", "home")
        assert shown(app)[2:] == [" title", " title", ">row 0", " row 1"]


async def test_it_is_told_only_when_the_cursor_has_moved() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(0, 1))
        await pilot.press("up", "down", "down", "escape")
        assert app.heard == ["moved", "all"]


async def test_the_cursor_stays_with_its_row_or_near_its_place() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(None, 0, 1, 2, 3))
        assert app.numbers.go_to(2)
        app.numbers.show_rows(rows(None, 9, 8, 0, 1, 2, 3))
        await pilot.pause()
        assert (at(app), app.heard) == (2, ["moved"])
        app.numbers.show_rows(rows(None, 9, 8, 0, None, 3))
        await pilot.pause()
        assert (at(app), app.heard) == (3, ["moved", "moved"])
        app.numbers.show_rows(rows(None))
        assert app.numbers.row is None
        app.numbers.show_rows(rows(None, 5, 6), 6)
        assert at(app) == 6


async def test_what_the_row_under_the_cursor_says_anew_is_told() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(0, 1))
        app.numbers.show_rows([Row(0), Row(1, " is new")])
        await pilot.pause()
        assert app.heard == []
        app.numbers.show_rows([Row(0, " is new"), Row(1)])
        await pilot.pause()
        assert app.heard == ["moved"]


async def test_a_row_that_is_not_there_is_not_gone_to() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(None, 0, 1))
        assert not app.numbers.go_to(7)
        assert not app.numbers.go_to(None)
        assert (at(app), app.heard) == (0, [])


async def test_a_click_goes_to_a_row_and_a_second_one_chooses_it() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(0, None, 1, 2))
        for line in (0, 1, 3, 8):  # the heading, a title, and below the rows
            await pilot.click(Numbers, offset=(3, line))
        assert (at(app), app.heard) == (0, [])
        await pilot.click(Numbers, offset=(3, 4))
        assert (at(app), app.heard) == (1, ["moved"])
        await pilot.click(Numbers, offset=(3, 4))
        assert app.heard == ["moved", "chosen"]


async def test_only_the_rows_that_the_cursor_left_and_reached_are_drawn_again() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(*range(2_000)))
        app.numbers.action_move(1)
        assert sorted(app.numbers._repaint_regions) == [Region(0, 2, 1, 1), Region(0, 3, 1, 1)]


async def test_another_size_keeps_the_cursor_in_sight() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(*range(50)))
        await pilot.press(*["down"] * 7)
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        assert shown(app)[2:] == [" row 5", " row 6", ">row 7"]
        await pilot.resize_terminal(20, 60)
        await pilot.pause()
        assert len(shown(app)) == 52


async def test_what_is_copied_has_all_rows_and_no_cursor() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(*range(30)))
        lines = plain(app.numbers.all_lines(5)).splitlines()
        assert lines == ["Numbers", "-----", *(f" row {number}" for number in range(30))]


async def test_a_line_in_bold_keeps_its_colours() -> None:
    async with driven(Listed(), (20, 10)) as pilot:
        app = await listed(pilot, rows(0))
        app.numbers.show([[("good", "good")], in_bold([("good", "good"), ("text", "text")])])
        (plainly, *_), (good, text, *_) = app.numbers.render_line(0), app.numbers.render_line(1)
        styles = [piece.style or Style() for piece in (plainly, good, text)]
        assert [bool(style.bold) for style in styles] == [False, True, True]
        assert styles[1].color == styles[0].color != styles[2].color
