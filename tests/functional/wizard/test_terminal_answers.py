"""What the wizard makes of the terminal's answers, and that it knows them at once the next time."""

import os
import sys
from pathlib import Path

from textual.pilot import Pilot

from loratui.environment.terminal import Answers
from loratui.environment.terminal_memory import remembered
from loratui.tui.app import Wizard
from loratui.tui.dialogs import Pages
from loratui.tui.driver import ProbeAnswered
from loratui.tui.glyphs import ASCII, UNICODE
from tests.answering_terminal import SILENT, WIDE_PUTTY, AnsweringTerminal, Replies
from tests.wizard import make_wizard, screen_text, wizard

KITTY = Answers("kitty(0.36.4)", kitty=True, cell=(9, 18), sign_columns=3, complete=True)
PUTTY = Answers("PuTTY", sign_columns=6, complete=True)
ROOT = Path(__file__).parents[3]


async def answer(pilot: Pilot[int], answers: Answers) -> Wizard:
    app = pilot.app
    assert isinstance(app, Wizard)
    app.post_message(ProbeAnswered(answers))
    await pilot.pause()
    return app


async def test_signs_that_are_drawn_double_become_ascii() -> None:
    async with wizard() as pilot:
        assert "─" in screen_text(pilot)[1]
        app = await answer(pilot, PUTTY)
        await pilot.pause()
        assert app.session.glyphs is ASCII
        assert screen_text(pilot)[1] == " " + "-" * 78
        assert not {"─", "▸", "✓"} & set("".join(screen_text(pilot)))
    assert make_wizard().session.glyphs is ASCII


async def test_pictures_are_drawn_as_the_terminal_can() -> None:
    async with wizard() as pilot:
        app = await answer(pilot, KITTY)
        assert (app.session.images, app.session.cell_size) == ("kitty", (9, 18))
    assert make_wizard().session.images == "kitty"


async def test_what_a_person_asked_for_wins() -> None:
    async with wizard(ascii=False, images="off") as pilot:
        app = await answer(pilot, PUTTY)
        assert (app.session.glyphs, app.session.images) == (UNICODE, "off")


async def test_silence_makes_nobody_forget() -> None:
    async with wizard() as pilot:
        await answer(pilot, PUTTY)
        app = await answer(pilot, Answers())
        assert app.session.glyphs is ASCII
    assert remembered() == PUTTY


async def test_nothing_is_painted_behind_a_dialog() -> None:
    async with wizard() as pilot:
        app = pilot.app
        await app.push_screen(Pages("Title", "Text"))
        await pilot.pause()
        behind = app.screen_stack[0]
        painted = []
        paint = app._display
        app._display = lambda *frame: (painted.append(frame), paint(*frame))[1]  # type: ignore[method-assign]
        for _ in range(5):
            behind.refresh(layout=True)
            await pilot.pause(0.05)
        assert painted == []
        await pilot.press("escape")
        await pilot.pause()
        assert painted


def test_a_real_wizard_asks_once_and_draws_in_ascii_from_the_first_frame_of_the_next_start(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LORATUI_HOME": str(tmp_path / "home")}

    def open_and_leave(replies: Replies, sign: str) -> str:
        with AnsweringTerminal([sys.executable, "-m", "loratui"], environment, tmp_path, replies) as session:
            session.wait_for(sign * 70)
            session.wait_for("Train your own")
            session.press("q")
            assert session.wait() == 0
            return session.said

    first = open_and_leave(WIDE_PUTTY, "-")
    assert first.count("\x1b[c") == 1
    second = open_and_leave(SILENT, "-")
    painted = second[second.index("\x1b[c") :]
    assert not {"─", "▸"} & set(painted)
