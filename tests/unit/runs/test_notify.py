import json
import os
import time
from pathlib import Path

import pytest

from loratui.runs import notify as notify_module
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, EventWriter
from loratui.runs.history import fold
from loratui.runs.notify import notice, notify
from loratui.settings import settings_path


def set_command(command: object) -> None:
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text(f"notify_command = {json.dumps(command)}\n")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "20260101-120000-emi-x")
    run.path.mkdir()
    with EventWriter(run.events_path) as events:
        events.write("started", task="train")
        events.write("finished", lora="/o/emi.safetensors", grid=None, steps=5, first_loss=1.0, last_loss=0.5)
    return run


def test_a_command_of_words_gets_no_shell_and_its_variables_all_the_same(run: RunDirectory, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('#!/bin/sh\nfor word; do echo "$word"; done > "$(dirname $0)/told"\n')
    script.chmod(0o755)
    words = ["$LORATUI_MESSAGE", "in ${HOME}, $LORATUI_STATE", "$NO_SUCH_VARIABLE; *", "$5"]
    set_command([str(script), *words])
    notify(run)
    message, home, *rest = (tmp_path / "told").read_text().splitlines()
    assert message == "emi-x: finished, 5 steps, loss 1.0000 → 0.5000"
    assert home == f"in {os.environ['HOME']}, finished"
    assert rest == ["$NO_SUCH_VARIABLE; *", "$5"]


def test_a_message_never_becomes_part_of_a_script(run: RunDirectory, tmp_path: Path) -> None:
    with EventWriter(run.events_path, 2) as events:
        events.write("failed", what=f"$(touch {tmp_path}/injected)", todo="")
    set_command(["/bin/sh", "-ec", 'echo "$1 $LORATUI_MESSAGE" > "$2"', "sh", "$LORATUI_NAME", str(tmp_path / "told")])
    notify(run)
    assert (tmp_path / "told").read_text().startswith("emi-x emi-x: failed")
    assert not (tmp_path / "injected").exists()


def test_a_line_is_for_the_shell_and_the_message_is_never_part_of_it(run: RunDirectory, tmp_path: Path) -> None:
    with EventWriter(run.events_path, 2) as events:
        events.write("failed", what="$(touch injected) \x1b[2J", todo="")
    set_command(f"cd {tmp_path}; printenv LORATUI_STATE LORATUI_MESSAGE LORATUI_RUN > told")
    notify(run)
    state, message, path = (tmp_path / "told").read_text().splitlines()
    assert (state, path) == ("failed", str(run.path))
    assert message == "emi-x: failed at step 0. $(touch injected) \\x1b[2J"
    assert not (tmp_path / "injected").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/no/such/program"], "failed"),
        ("exit 7", "exit code 7"),
        (3, "cannot be used"),
        ("sleep 60 & sleep 60", "within"),
    ],
)
def test_whatever_goes_wrong_is_only_logged(
    run: RunDirectory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: object,
    words: str,
) -> None:
    monkeypatch.setattr(notify_module, "TIMEOUT", 0.3)
    set_command(command)
    begun = time.monotonic()
    notify(run)
    assert time.monotonic() - begun < 5
    assert words in capfd.readouterr().err


@pytest.mark.parametrize(
    ("events", "state", "message"),
    [
        (
            [{"event": "finished", "steps": 5, "first_loss": 1.0, "last_loss": 0.5}],
            "finished",
            "5 steps, loss 1.0000 → 0.5000",
        ),
        ([{"event": "training", "steps": 9}, {"event": "step", "step": 3}], "interrupted", "at step 3 of 9"),
        ([{"event": "stopped"}], "stopped", "stopped at step 0"),
        ([{"event": "exited", "returncode": 1}], "failed", "failed"),
        (
            [{"event": "started", "task": "compare"}, {"event": "finished", "grid": "g"}],
            "finished",
            "comparison is drawn",
        ),
        ([{"event": "started", "task": "compare"}, {"event": "failed", "what": "Oh."}], "failed", "Oh."),
    ],
)
def test_the_notice_says_what_became_of_the_run(
    run: RunDirectory, events: list[Event], state: str, message: str
) -> None:
    told = notice(run, fold([{"event": "started", "task": "train"}, *events]))
    assert told["LORATUI_STATE"] == state
    assert message in told["LORATUI_MESSAGE"]
