"""The form by its keys: moving, editing, what is refused, lists, choices, completion and search."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, TextArea

from loratui.tui.themes import THEMES
from loratui.tui.type_ahead import TypeAhead
from loratui.tui.widgets.form import Row, RowsForm
from tests.patient_pilot import driven
from tests.wizard import cut_texts, screen_text

ROWS = (
    Row("h1", "Basics", kind="heading"),
    Row("epochs", "Epochs", "10", help="How often each picture is seen."),
    Row("flip", "Mirror", "no", "switch"),
    Row("device", "Device", "auto", "choice", choices=("auto", "cpu", "cuda")),
    Row("precision", "Precision", "fp16", "choice", choices=("fp16", "fp32")),
    Row("folder", "Folder", "", "path"),
    Row("prompts", "Prompts", "1 prompt", "list", text="Emi, night"),
    Row("write", "Write it", kind="action"),
    Row("h2", "More", kind="heading"),
    *(Row(f"more.{number}", f"Field {number}", str(number)) for number in range(60)),
)


def whole_number(row_id: str, text: str) -> str:
    """What is wrong with a text."""
    if row_id == "epochs" and not text.isdigit():
        return f"Epochs must be a whole number, not '{text}'."
    return "Too long." if row_id == "prompts" and len(text) > 40 else ""


class Forms(TypeAhead):
    """A form and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        self.heard: list[tuple[str, ...]] = []

    def compose(self) -> ComposeResult:
        yield RowsForm(ROWS, whole_number)

    def on_mount(self) -> None:
        self.form.focus()

    @property
    def form(self) -> RowsForm:
        return self.screen_stack[0].query_one(RowsForm)

    def on_rows_form_edited(self, event: RowsForm.Edited) -> None:
        self.heard.append((event.row_id, event.text))

    def on_rows_form_chosen(self, event: RowsForm.Chosen) -> None:
        self.heard.append((event.row_id,))


@asynccontextmanager
async def form(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Pilot[int], Forms]]:
    app = Forms()
    async with driven(app, size) as pilot:
        await pilot.pause()
        yield pilot, app


async def press(pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def test_nothing_is_edited_until_enter_and_only_then_a_field_is_mounted() -> None:
    async with form() as (pilot, app):
        await press(pilot, "down", "x", "up", "7")
        assert not app.query(Input)
        assert app.heard == []
        await press(pilot, "enter")
        assert len(app.query(Input)) == 1
        assert app.query_one(Input).size.height == 1
        await press(pilot, "escape")
        assert not app.query(Input)
        assert app.focused is app.form


async def test_what_is_valid_is_told_as_it_is_typed() -> None:
    async with form() as (pilot, app):
        await press(pilot, "enter", "1", "2")
        assert app.heard == [("epochs", "1"), ("epochs", "12")]
        await press(pilot, "enter")
        assert any("Epochs" in line and "12" in line for line in screen_text(pilot))


async def test_what_is_refused_stays_with_its_complaint_and_is_not_told() -> None:
    async with form() as (pilot, app):
        await press(pilot, "enter", "1", "x")
        assert app.heard == [("epochs", "1"), ("epochs", "10")]  # what it was before, while the text is refused
        assert "Epochs must be a whole number, not '1x'." in "\n".join(screen_text(pilot))
        await press(pilot, "escape", "down")
        assert any("! 1x" in line for line in screen_text(pilot))
        assert app.form.complaints == (("Epochs", "Epochs must be a whole number, not '1x'."),)
        await press(pilot, "up", "enter", "end", "backspace", "enter")
        assert app.heard[-1] == ("epochs", "1")
        assert app.form.complaints == ()


async def test_a_refused_text_is_forgotten_on_request_and_taken_once_it_is_valid() -> None:
    async with form() as (pilot, app):
        await press(pilot, "enter", "x", "enter")
        app.form.forget("epochs")
        await pilot.pause()
        assert any("Epochs" in line and "10" in line for line in screen_text(pilot))
        app.form.refuse("epochs", "99", "Not now.")
        app.form.set_rows(ROWS)
        await pilot.pause()
        assert app.heard[-1] == ("epochs", "99")
        assert app.form.complaints == ()


async def test_switches_flip_and_choices_are_made() -> None:
    async with form() as (pilot, app):
        await press(pilot, "down", "space", "enter")
        assert app.heard == [("flip", "yes"), ("flip", "no")]
        await press(pilot, "down", "enter")
        assert isinstance(app.screen.focused, OptionList)
        await press(pilot, "down", "enter")
        assert app.heard[-1] == ("device", "cpu")
        await press(pilot, "enter", "escape")
        assert app.heard[-1] == ("device", "cpu")
        await press(pilot, "down", "enter")
        assert app.heard[-1] == ("precision", "fp32")
        await press(pilot, "down", "space")
        assert not app.query(Input)


async def test_a_list_is_typed_one_entry_a_line() -> None:
    async with form() as (pilot, app):
        app.form.go_to("prompts")
        await press(pilot, "enter")
        assert app.screen.query_one(TextArea).text == "Emi, night"
        await press(pilot, "enter", *"day", "enter", "escape")
        assert app.heard == [("prompts", "Emi, night\nday")]
        await press(pilot, "enter", *("z" * 40))
        assert "Too long." in "\n".join(screen_text(pilot))
        await press(pilot, "escape")
        assert app.form.complaints == (("Prompts", "Too long."),)


async def test_an_action_is_chosen() -> None:
    async with form() as (pilot, app):
        app.form.go_to("write")
        await press(pilot, "enter")
        assert app.heard == [("write",)]


async def test_tab_completes_a_path_and_lists_what_it_may_become(tmp_path: Path) -> None:
    for name in ("emi_day", "emi_night"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
    async with form() as (pilot, app):
        app.form.go_to("folder")
        await press(pilot, "enter")
        app.query_one(Input).value = f"{tmp_path}/pic"
        for key in ("tab", "e", "tab"):
            await press(pilot, key)
            await app.workers.wait_for_complete()
            await pilot.pause()
        assert app.query_one(Input).value == f"{tmp_path}/pictures/emi_"
        assert "emi_day/   emi_night/" in "\n".join(screen_text(pilot))
        await press(pilot, "n", "tab")
        await app.workers.wait_for_complete()
        await press(pilot, "enter")
        assert app.heard[-1] == ("folder", f"{tmp_path}/pictures/emi_night/")


async def test_arrows_leave_the_field_for_the_neighbour() -> None:
    async with form() as (pilot, app):
        await press(pilot, "enter", "7", "down")
        assert app.heard == [("epochs", "7")]
        row = app.form.cursor_row
        assert row is not None
        assert row.id == "flip"
        assert app.focused is app.form


async def test_a_search_shows_rows_by_name_and_escape_shows_all() -> None:
    async with form() as (pilot, app):
        app.form.search()
        await press(pilot, *"dev")
        assert [line.strip() for line in screen_text(pilot)[:3]] == [
            "Basics",
            "▸ Device                       auto",
            "",
        ]
        await press(pilot, "enter", "enter", "escape")
        assert "1 found" in "\n".join(screen_text(pilot))
        await press(pilot, "escape")
        assert any("Epochs" in line for line in screen_text(pilot))
        row = app.form.cursor_row
        assert row is not None
        assert row.id == "device"


async def test_letters_reach_the_search_and_escape_ends_it_at_once() -> None:
    async with form() as (pilot, app):
        app.form.search()
        await press(pilot, *"zzz")
        assert app.form.cursor_row is None
        await press(pilot, "escape")
        assert app.form.cursor_row is not None
        assert app.focused is app.form


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (120, 40)])
async def test_the_cursor_row_and_its_field_are_always_in_sight(size: tuple[int, int]) -> None:
    async with form(size) as (pilot, _):
        await press(pilot, "end", "enter", "8", "8")
        lines = screen_text(pilot)
        assert any("▸ Field 59" in line and "88" in line for line in lines)
        assert cut_texts(pilot) == []
        await press(pilot, "enter", "home")
        assert any("▸ Epochs" in line for line in screen_text(pilot))
        await pilot.resize_terminal(60, 12)
        await press(pilot, "pagedown")
        assert any("▸" in line for line in screen_text(pilot))


async def test_the_mouse_chooses_a_row_and_acts_on_it() -> None:
    async with form() as (pilot, app):
        await pilot.click(RowsForm, offset=(5, 2))
        await pilot.pause()
        assert app.heard == []
        await pilot.click(RowsForm, offset=(5, 2))
        await pilot.pause()
        assert app.heard == [("flip", "yes")]


async def test_focus_that_goes_elsewhere_ends_editing() -> None:
    async with form() as (pilot, app):
        await press(pilot, "enter", "5")
        app.screen.set_focus(None)
        await pilot.pause()
        assert not app.query(Input)
        assert app.heard == [("epochs", "5")]


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_look_can_draw_it(theme: str) -> None:
    async with form() as (pilot, app):
        app.theme = theme
        await press(pilot, "enter", "x")
        assert "Epochs must be" in "\n".join(screen_text(pilot))


async def test_a_key_changes_no_line_that_it_does_not_concern() -> None:
    async with form() as (pilot, app):
        drawn: list[int] = []
        real = app.form.render_line

        def watched(y: int):  # type: ignore[no-untyped-def]
            drawn.append(y)
            return real(y)

        app.form.render_line = watched  # type: ignore[method-assign]
        await press(pilot, "down")
        assert 0 < len(set(drawn)) <= 5
