"""Try in a terminal: what is copied by OSC 52, and what becomes of the worker when the terminal's program ends."""

import base64
import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loratui.profile.store import write_profile
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import is_alive, is_busy
from tests import stand_in_worker
from tests.small_project import wait_until
from tests.tried_run import compared_run
from tests.wizard_terminal import WizardTerminal, with_stand_in

# The alarm or ST ends it.
_CLIPBOARD = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\)")


@dataclass(frozen=True)
class Project:
    """A folder with the saved profile "emi" and a run of it whose comparison is drawn."""

    folder: Path
    variables: dict[str, str]
    run: RunDirectory

    def terminal(self) -> WizardTerminal:
        """`loratui` in a terminal, on Try."""
        terminal = WizardTerminal(self.folder, self.variables)
        terminal.wait_to_see("emi")
        terminal.wait_to_see("finished")
        terminal.keys("enter")
        terminal.wait_to_see("3 Pictures")
        terminal.keys("6")
        terminal.wait_to_see("<lora:disc:0.8>")
        return terminal


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    run = compared_run(tmp_path / "p", tmp_path / "home" / "data" / "runs")
    saved = tmp_path / "home" / "config" / "profiles" / "emi.toml"
    write_profile(run.read_profile(), saved)
    run.origin_path.write_text(json.dumps({"profile": str(saved)}))
    with with_stand_in(tmp_path, stand_in_worker.TRIES) as variables:
        yield Project(tmp_path, variables, run)


def test_the_tag_is_sent_to_the_terminals_clipboard(project: Project) -> None:
    with project.terminal() as terminal:
        assert not _CLIPBOARD.findall(terminal.sent)
        terminal.keys("y")
        terminal.wait_to_see("sent to the terminal")
        terminal.wait_until(lambda: _CLIPBOARD.findall(terminal.sent), "the clipboard")
        [sent] = _CLIPBOARD.findall(terminal.sent)
        text = base64.b64decode(sent, validate=True).decode()
        assert text.splitlines()[0] == "<lora:disc:0.8>"
        assert "disc-grid.png" in text
        terminal.keys("escape", "q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_worker_too_but_not_where_the_link_was_lost(project: Project, number: int) -> None:
    trying = project.run.trying
    with project.terminal() as terminal:
        terminal.keys("r")
        terminal.wait_to_see("row 2/2")
        wait_until(lambda: is_alive(trying))
        terminal.wait_to_see("[0.8✓]")
        os.kill(terminal.pid, number)
        assert terminal.wait(10) == 128 + number
    if number == signal.SIGTERM:
        wait_until(lambda: not is_busy(trying))
    else:
        assert is_alive(trying)
