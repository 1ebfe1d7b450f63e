"""The driver in real pseudo-terminals: some answer, some late, one says nothing, one goes away."""

import os
import re
import sys
import time
from pathlib import Path

import pytest

from tests.answering_terminal import FOOT, KITTY, SILENT, XTERM, AnsweringTerminal, Replies
from tests.small_dataset import write_pictures

ROOT = Path(__file__).parents[2]
RECORDER = """
from textual.app import App
from textual.widgets import Static
from loratui.tui.driver import ProbeAnswered, WizardDriver

class Recorder(App):
    typed = ""

    def compose(self):
        yield Static("PAINTED", markup=False)
        yield Static("", id="answers", markup=False)
        yield Static("", id="keys", markup=False)

    def on_mount(self):
        self._driver.set_title("38 % emi 2:03\\x1b[31m")

    def on_probe_answered(self, message):
        told = message.answers
        text = f"NAME {told.name} CELL {told.cell} SIGNS {told.sign_columns} COMPLETE {told.complete}"
        self.query_one("#answers").update(text)

    def on_key(self, event):
        if event.key == "q":
            self.exit(return_code=0)
        self.typed += f"<{event.key}>"
        self.query_one("#keys").update("KEYS " + self.typed)
"""
RUN = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
app = Recorder(driver_class=WizardDriver)
app.run()
"""
THEN_WHAT_A_SHELL_WOULD_GET = """
import os, select
rest = os.read(0, 1000) if select.select([0], [], [], 1.0)[0] else b""
print("REST", rest, app.return_code)
"""
END = "raise SystemExit(app.return_code)"
VIEWER = """
import os, sys
from pathlib import Path
from textual.app import App
from textual.widgets import Static
from loratui.tui.driver import ProbeAnswered, WizardDriver
from loratui.tui.session import Session
from loratui.tui.widgets.picture import Picture
from loratui.environment.terminal import choose_images

class Recorder(App):
    CSS = "Picture { height: 10; }"
    session = Session()
    beats = 0

    def compose(self):
        yield Static("beat", id="beat", markup=False)
        yield Picture()

    def on_probe_answered(self, message):
        self.session.images = choose_images("auto", message.answers, {})
        self.session.cell_size = message.answers.cell or (10, 20)
        self.query_one(Picture).show(Path("1.png"))
        self.set_interval(0.05, self.beat)

    def beat(self):
        self.beats += 1
        self.query_one("#beat").update(f"BEAT {self.beats}", layout=False)

    def on_key(self, event):
        if event.key == "space":
            self.query_one(Picture).show(Path(f"{1 + self.beats % 2}.png"))
        if event.key == "1":
            self.query_one(Picture).show(Path("1.png"))
        if event.key == "2":
            self.query_one(Picture).show(Path("2.png"))
        if event.key == "q":
            self.exit(return_code=0)
"""


def terminal(folder: Path, script: str, replies: Replies, **how: float | int) -> AnsweringTerminal:
    (folder / "program.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLORTERM": "truecolor"}
    environment.pop("TMUX", None)
    return AnsweringTerminal([sys.executable, "program.py"], environment, folder, replies, **how)  # type: ignore[arg-type]


def until_all_answered(session: AnsweringTerminal, replies: Replies) -> None:
    deadline = time.monotonic() + 60
    while session.answered < len(replies):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_question_comes_before_the_first_paint_and_does_not_wait(tmp_path: Path) -> None:
    with terminal(tmp_path, RECORDER + RUN + END, SILENT) as session:
        session.wait_for("PAINTED")
        asked, painted = session.said.index("\x1b[c"), session.said.index("PAINTED")
        assert asked < painted
        session.wait_for("COMPLETE False")
        session.press("q")
        assert session.wait() == 0


@pytest.mark.parametrize(("delay", "piece"), [(0.0, 0), (0.4, 0), (0.0, 1), (0.3, 3)])
def test_answers_arrive_as_answers_and_never_as_keys(tmp_path: Path, delay: float, piece: int) -> None:
    with terminal(tmp_path, RECORDER + RUN + END, KITTY, delay=delay, piece=piece) as session:
        session.wait_for("PAINTED")
        session.press("x")
        until_all_answered(session, KITTY)
        time.sleep(0.3)
        session.press("y")
        session.wait_for("<y>")
        session.wait_for("NAME kitty(0.36.4) CELL (9, 18) SIGNS 3 COMPLETE True")
        session.press("q")
        assert session.wait() == 0
        assert session.said.count("KEYS <x>") >= 1
        assert set(re.findall("<.*?>", session.said)) <= {"<x>", "<y>"}


def test_quitting_at_once_leaves_nothing_for_the_shell(tmp_path: Path) -> None:
    script = RECORDER + RUN + THEN_WHAT_A_SHELL_WOULD_GET
    with terminal(tmp_path, script, XTERM, delay=0.2) as session:
        session.wait_for("PAINTED")
        session.press("q")
        assert session.wait() == 0
        assert "REST b'' 0" in session.said


def test_the_title_is_shown_without_its_escape_codes_and_given_back(tmp_path: Path) -> None:
    with terminal(tmp_path, RECORDER + RUN + END, KITTY) as session:
        session.wait_for("\x1b]2;38 % emi 2:03\\x1b[31m\x07")
        session.press("q")
        assert session.wait() == 0
        assert session.said.index("\x1b[22;2t") < session.said.index("\x1b]2;") < session.said.index("\x1b[23;2t")


def test_bytes_that_are_no_text_do_not_end_the_program(tmp_path: Path) -> None:
    with terminal(tmp_path, RECORDER + RUN + END, KITTY) as session:
        session.wait_for("COMPLETE True")
        os.write(session._terminal, b"\xff\xfe")
        session.press("y")
        session.wait_for("<y>")
        session.press("q")
        assert session.wait() == 0


def test_a_terminal_that_goes_away_without_a_signal_ends_the_program(tmp_path: Path) -> None:
    with terminal(tmp_path, RECORDER + RUN + END, KITTY) as session:
        session.wait_for("COMPLETE True")
        session.hang_up()
        assert session.wait() == 129


@pytest.mark.parametrize(("replies", "picture"), [(KITTY, "\x1b_Gi=[0-9]+,f=100"), (FOOT, "\x1bP0;[01];0q")])
def test_a_picture_is_sent_once_while_the_rest_is_redrawn(tmp_path: Path, replies: Replies, picture: str) -> None:
    write_pictures(tmp_path, count=2)
    with terminal(tmp_path, VIEWER + RUN + END, replies) as session:
        session.wait_for("BEAT 30")
        assert len(re.findall(picture, session.said)) == 1
        session.press("2")
        session.wait_for(" 60")
        assert len(re.findall(picture, session.said)) == 2
        session.press("q")
        assert session.wait() == 0


def test_flipping_between_two_pictures_sends_kitty_nothing_again_and_frees_both(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=2)
    with terminal(tmp_path, VIEWER + RUN + END, KITTY) as session:
        session.wait_for("BEAT 5")
        for key in "212121":
            session.press(key)
            time.sleep(0.2)
        session.press("q")
        assert session.wait() == 0
        sent = set(re.findall("\x1b_Gi=([0-9]+),f=100", session.said))
        assert len(sent) == 2
        assert set(re.findall("\x1b_Ga=d,d=I,i=([0-9]+)", session.said)) == sent
