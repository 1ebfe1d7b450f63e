"""Terminals come and go: the wizard gives them back, and what it has started goes on. A stand-in is the worker."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.lock import is_alive, is_busy
from tests.small_project import events_of, wait_until
from tests.wizard_terminal import WizardTerminal, holding_worker


@dataclass(frozen=True)
class Project:
    """A folder with the saved profile "emi", whose worker holds after its 20th step until it may go on."""

    folder: Path
    variables: dict[str, str]

    def terminal(self, *arguments: str) -> WizardTerminal:
        """`loratui` in a terminal."""
        return WizardTerminal(self.folder, self.variables, *arguments)

    @property
    def run(self) -> RunDirectory:
        """The only run."""
        [run] = list_runs(self.folder / "home" / "data" / "runs")
        return run

    def let_go(self) -> None:
        """Let the worker go on."""
        (self.folder / "home" / "go").touch()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with holding_worker(tmp_path) as variables:
        yield Project(tmp_path, variables)


def start_training(terminal: WizardTerminal, project: Project) -> RunDirectory:
    """Have the profile trained from Home, and wait until its worker holds."""
    terminal.wait_to_see("6 in pictures")
    terminal.keys("A")
    terminal.wait_to_see("step 20/60")
    assert is_alive(project.run)
    return project.run


def test_a_lost_terminal_leaves_the_run_alone_and_the_next_one_shows_it(project: Project) -> None:
    with project.terminal() as terminal:
        run = start_training(terminal, project)
        terminal.wait_until(lambda: terminal.title.startswith("33 % emi"), "the title")
        terminal.hang_up()
        assert terminal.wait() == 128 + signal.SIGHUP
    assert is_alive(run)
    with project.terminal() as terminal:
        terminal.wait_to_see("step 20/60")
        terminal.wait_until(lambda: terminal.lines[0].startswith(" loratui  emi"), "the profile's name")
        project.let_go()
        terminal.wait_to_see("finished at")
        terminal.wait_to_see("6 tries")
        terminal.keys("q")
        assert terminal.wait() == 0
    assert [event["step"] for event in events_of(run, "step")] == list(range(1, 61))


def test_a_killed_wizard_leaves_the_run_alone_and_its_end_is_offered_the_next_time(project: Project) -> None:
    with project.terminal() as terminal:
        run = start_training(terminal, project)
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.wait() == -signal.SIGKILL
    assert is_alive(run)
    project.let_go()
    wait_until(lambda: not is_busy(run))
    with project.terminal() as terminal:
        terminal.wait_to_see("emi finished")
        terminal.wait_to_see("Enter to try it")
        terminal.keys("enter")
        terminal.wait_to_see("<lora:emi:")


def test_leaving_asks_and_lets_the_run_go_on(project: Project) -> None:
    with project.terminal() as terminal:
        run = start_training(terminal, project)
        terminal.keys("q")
        terminal.wait_to_see("Leave loratui?")
        terminal.keys("enter")
        assert terminal.wait() == 0
    assert is_alive(run)


def test_leaving_asks_and_stops_the_run(project: Project) -> None:
    with project.terminal() as terminal:
        run = start_training(terminal, project)
        terminal.keys("\x03")
        terminal.wait_to_see("Leave loratui?")
        terminal.keys("down", "enter")
        assert terminal.wait() == 0
    wait_until(lambda: not is_busy(run))
    assert events_of(run, "stopped")[0]["command"] == "stop"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(project: Project, number: int) -> None:
    with project.terminal() as terminal:
        before = terminal.modes
        terminal.wait_to_see("6 in pictures")
        assert terminal.modes != before
        os.kill(terminal.pid, number)
        assert terminal.wait() == 128 + number
        assert terminal.modes == before
    assert is_given_back(terminal.sent)


def test_a_terminal_that_takes_nothing_holds_neither_the_run_nor_the_end_up(project: Project) -> None:
    with project.terminal() as terminal:
        before = terminal.modes
        run = start_training(terminal, project)
        terminal.stall()
        heard = len(terminal.sent)
        # Screen after screen is painted, until the terminal's buffer and the program's queue are full.
        for key in "45" * 35:
            terminal.press(key)
            time.sleep(0.1)
        project.let_go()
        wait_until(lambda: not is_busy(run))
        assert [event["step"] for event in events_of(run, "step")] == list(range(1, 61))
        assert events_of(run, "finished")
        # Nobody has read a byte since.
        assert len(terminal.sent) - heard < 65_536
        began = time.monotonic()
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait() == 128 + signal.SIGTERM
        assert time.monotonic() - began < 30
        assert terminal.modes == before


def test_a_fault_of_the_program_is_told_in_a_sentence_with_its_log(project: Project) -> None:
    fault = (
        "import loratui.tui.screens.home as home\n"
        "def fail(screen): raise ValueError('with hf_abcdefghijklmnop in it')\n"
        "home.HomeScreen.action_doctor = fail\n"
        "from loratui.cli import main\n"
        "main([])"
    )
    program = (sys.executable, "-c", fault)
    with WizardTerminal(project.folder, project.variables, program=program) as terminal:
        before = terminal.modes
        terminal.wait_to_see("6 in pictures")
        terminal.keys("i")
        assert terminal.wait() == 1
        assert terminal.modes == before
    assert is_given_back(terminal.sent)
    said = terminal.said.rpartition("\x1b[?1049l")[2]
    assert "loratui itself failed (ValueError)" in said
    assert "Traceback" not in terminal.said
    assert "hf_abcdefghijklmnop" not in terminal.said
    [log] = (project.folder / "home" / "data").glob("crash-*.log")
    assert log.name in said.replace("\r\n", "")
    assert "Traceback" in log.read_text()
    assert "hf_abcdefghijklmnop" not in log.read_text()


def test_without_a_terminal_it_says_so(project: Project) -> None:
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "loratui"],
        env=project.variables,
        cwd=project.folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "ssh -t" in done.stderr


def is_given_back(sent: bytes) -> bool:
    """Whether the alternate screen was left, the cursor shown, and neither mouse nor pasting is reported any more."""
    return all(
        sent.rfind(b"\x1b[?%sl" % mode if off else b"\x1b[?%sh" % mode)
        > sent.rfind(b"\x1b[?%sh" % mode if off else b"\x1b[?%sl" % mode)
        for mode, off in ((b"1049", True), (b"25", False), (b"1000", True), (b"1003", True), (b"2004", True))
    )
