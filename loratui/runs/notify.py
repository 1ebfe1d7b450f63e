"""Telling a person who is not there that a run has ended: the `notify_command` of the settings.

Whatever goes wrong with it is written to the log and changes nothing else.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from loratui.errors import LoratuiError
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.history import History, fold
from loratui.runs.state import State, state_of
from loratui.safe_text import printable
from loratui.settings import read_settings

TIMEOUT = 60.0
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_SCRIPT_FOLLOWS = re.compile(r"-[A-Za-z]*c")


def notify(run: RunDirectory) -> None:
    """Run the person's command, if there is one, with what became of the run in its environment."""
    try:
        command = read_settings().notify_command
    except LoratuiError as error:
        print(f"notify_command was not run: {error.what}", file=sys.stderr)
        return
    if not command:
        return
    history = History()
    with contextlib.suppress(OSError):
        history = fold(read_landmarks(run.events_path))
    environment = {**os.environ, **notice(run, history)}
    try:
        with subprocess.Popen(
            command if isinstance(command, str) else filled_in(command, environment),
            shell=isinstance(command, str),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
        ) as process:
            _wait(process)
    except (OSError, ValueError) as error:
        print(f"notify_command failed: {error}", file=sys.stderr)


def filled_in(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """`words` with `$NAME` and `${NAME}` replaced, as no shell will do it; what is not set stays as it is.

    A script behind `-c` is left alone: its shell finds the variables itself, and a message that were part of it could
    be run.
    """
    filled = [_VARIABLE.sub(lambda found: environment.get(found[1] or found[2], found[0]), word) for word in words]
    return [
        word if before is not None and _SCRIPT_FOLLOWS.fullmatch(before) else new
        for before, word, new in zip([None, *words], words, filled, strict=False)
    ]


def notice(run: RunDirectory, history: History) -> dict[str, str]:
    """The environment variables that the command finds."""
    last = history.last or {}
    state = _task_state(history)
    name = run.name.split("-", 2)[-1]
    return {
        "LORATUI_RUN": str(run.path),
        "LORATUI_NAME": name,
        "LORATUI_STATE": state,
        "LORATUI_MESSAGE": printable(f"{name}: {_message(state, history)}"),
        "LORATUI_LORA": str(last.get("lora") or ""),
        "LORATUI_GRID": str(last.get("grid") or ""),
    }


def _task_state(history: History) -> State:
    if history.task == "compare":
        ended = history.comparison_end["event"] if history.comparison_end else "interrupted"
        return "finished" if ended == "finished" else "failed"
    return state_of(history)


def _message(state: State, history: History) -> str:
    last = history.last or {}
    if history.task == "compare":
        return "the comparison is drawn" if state == "finished" else f"the comparison failed. {last.get('what', '')}"
    if state == "finished" and last.get("what"):
        return f"finished. {last['what']}"
    if state == "finished":
        losses = [last.get("first_loss"), last.get("last_loss")]
        told = [f"{loss:.4f}" for loss in losses if isinstance(loss, int | float)]
        return f"finished, {last.get('steps', history.step)} steps" + (f", loss {' → '.join(told)}" if told else "")
    where = f" at step {history.step}" + (f" of {history.steps}" if history.steps else "")
    return f"{state}{where}" + (f". {last['what']}" if last.get("what") else "")


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        code = process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        print(f"notify_command did not end within {TIMEOUT:.0f} s.", file=sys.stderr)
        return
    if code:
        print(f"notify_command ended with exit code {code}.", file=sys.stderr)
