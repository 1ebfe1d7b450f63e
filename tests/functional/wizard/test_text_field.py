"""Fields to type in: what a terminal might obey is drawn as a sign of one cell, and stays in the text."""

from collections.abc import Callable

import pytest
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

from loratui.tui.dialogs import Entry
from loratui.tui.screens.pictures_panel import CaptionLine
from loratui.tui.type_ahead import TypeAhead
from loratui.tui.widgets.form import Row
from loratui.tui.widgets.form_dialogs import Entries
from loratui.tui.widgets.form_editor import Editor
from loratui.tui.widgets.text_field import TextField, TextLines
from tests.patient_pilot import driven
from tests.wizard import screen_text

HOSTILE = "n\x1b]0;PWN\x07\x1b[31mdir\u202eabc\u200b写真\t."
DRAWN = "n�]0;PWN��[31mdir�abc�写真�."


class Fields(TypeAhead):
    """A field and nothing else."""

    def __init__(self, make: Callable[[], Widget]) -> None:
        super().__init__()
        self._make = make

    def compose(self) -> ComposeResult:
        yield self._make()

    def on_mount(self) -> None:
        self.query_one("TextField, TextLines").focus()

    @property
    def field(self) -> TextField:
        return self.query_one(TextField)


def seen(pilot: Pilot[int]) -> str:
    return "\n".join(screen_text(pilot))


@pytest.mark.parametrize("make", [TextField, Editor, lambda text: CaptionLine(text, "a caption", None)])
async def test_a_line_is_drawn_with_signs_and_keeps_its_text(make: Callable[[str], TextField]) -> None:
    app = Fields(lambda: make(HOSTILE))
    async with driven(app, (80, 24)) as pilot:
        await pilot.pause()
        assert DRAWN in seen(pilot)
        app.field.cursor_position = len(HOSTILE)
        left = app.field.content_region.x
        assert app.field.cursor_screen_offset.x - left == cell_len(DRAWN) + 1
        await pilot.press("end", "!")
        assert app.field.value == HOSTILE + "!"
        assert DRAWN + "!" in seen(pilot)


async def test_a_click_finds_its_letter() -> None:
    app = Fields(lambda: TextField(HOSTILE))
    async with driven(app, (80, 24)) as pilot:
        await pilot.pause()
        for letter in ("PWN", "abc", "真"):
            cells = cell_len(DRAWN[: DRAWN.index(letter)])
            await pilot.click(offset=(app.field.content_region.x + cells, app.field.content_region.y))
            assert app.field.cursor_position == HOSTILE.index(letter)
        await pilot.click(offset=(app.field.content_region.right - 1, app.field.content_region.y))
        assert app.field.cursor_at_end


async def test_a_long_text_shows_its_end() -> None:
    app = Fields(lambda: Editor("a" * 200 + " the end", select=False))
    async with driven(app, (80, 24)) as pilot:
        await pilot.pause()
        assert "the end" in seen(pilot)


async def test_placeholders_are_safe_and_secrets_stay_hidden() -> None:
    app = Fields(lambda: TextField(placeholder="5_\x1b]0;PWN\x07\u202e"))
    async with driven(app, (80, 24)) as pilot:
        await pilot.pause()
        assert "5_�]0;PWN��" in seen(pilot)
        app.push_screen(Entry("Token", value="hf_secret", secret=True))
        await pilot.pause()
        assert "•••••••••" in seen(pilot)
        assert "secret" not in seen(pilot)


async def test_lines_are_drawn_with_signs_and_keep_their_text() -> None:
    app = Fields(lambda: TextLines(f"one\n{HOSTILE}"))
    async with driven(app, (80, 24)) as pilot:
        await pilot.pause()
        assert "n�]0;PWN��[31mdir�abc�写真" in seen(pilot)
        assert not set(seen(pilot)) & set(HOSTILE) & set("\x1b\x07\u202e\u200b")
        assert app.query_one(TextLines).text == f"one\n{HOSTILE}"


async def test_a_list_is_edited_without_losing_what_cannot_be_drawn() -> None:
    app = Fields(TextField)
    answers: list[str | None] = []
    async with driven(app, (80, 24)) as pilot:
        row = Row("prompts", "Prompts", "1 prompt", "list", text="Emi\u202e, night")
        app.push_screen(Entries(row, lambda _row, _text: ""), answers.append)
        await pilot.pause()
        assert "Emi�, night" in seen(pilot)
        await pilot.press("!", "escape")
        await pilot.pause()
        assert answers == ["Emi\u202e, night!"]


async def test_a_pasted_text_is_drawn_with_signs() -> None:
    from textual.events import Paste

    app = Fields(TextField)
    async with driven(app, (80, 24)) as pilot:
        app.field.post_message(Paste("a\x1b]0;PWN\x07b"))
        await pilot.pause()
        assert "a�]0;PWN�b" in seen(pilot)


async def test_a_sign_stands_where_the_text_goes_on() -> None:
    app = Fields(lambda: TextField("a" + "bc" * 60 + "d"))
    async with driven(app, (80, 24)) as pilot:
        await pilot.pause()
        line = next(line for line in screen_text(pilot) if "bc" in line).strip("▊▎ ")
        assert line.startswith("…")
        assert line.endswith("bcd")
        await pilot.press("home")
        line = next(line for line in screen_text(pilot) if "bc" in line).strip("▊▎ ")
        assert line.startswith("abc")
        assert line.endswith("…")
