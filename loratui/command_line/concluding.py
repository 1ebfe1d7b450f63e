"""The last words of a followed run, as text and as the fields of a JSON object, and the exit code they mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loratui.command_line.picture import Images, draw_picture
from loratui.command_line.summary import say_compared, say_finished, say_left, say_not_drawn, say_stopped
from loratui.command_line.terminal import Terminal
from loratui.runs.directory import RunDirectory
from loratui.runs.ending import Ending, WorkerFailed
from loratui.runs.events import Event
from loratui.runs.history import History
from loratui.safe_text import printable


@dataclass(frozen=True)
class Outcome:
    """How a command about one run ends."""

    exit_code: int
    fields: dict[str, Any]
    left: bool = False


def conclude(ending: Ending, run: RunDirectory, history: History, terminal: Terminal, images: Images) -> Outcome:
    """Say how a run ended, other than by failing."""
    if ending.kind == "left":
        say_left(terminal, run)
        what = f"The worker goes on by itself; its run is {printable(run.path)}."
        todo = f"See it again: loratui attach {printable(run.name)}"
        return Outcome(ending.exit_code, _unfinished(what, todo, "left", run, history), left=True)
    if ending.kind == "stopped" and history.task == "compare":
        say_not_drawn(terminal, run)
        what = f"The drawing of the comparison was stopped; its run is {printable(run.path)}."
        todo = f"Draw it again: loratui compare {printable(run.name)}"
        fields = _unfinished(what, todo, "stopped", run, history)
        if not ending.exit_code:
            del fields["error"], fields["todo"]
        return Outcome(ending.exit_code, fields)
    if ending.kind == "stopped":
        say_stopped(terminal, run, history, ending.fields)
        step = ending.fields.get("step") or history.step
        what = f"The run was stopped at step {step}; it is {printable(run.path)}."
        todo = f"Go on with it: loratui resume {printable(run.name)}"
        fields = _unfinished(what, todo, "stopped", run, history)
        fields |= {"step": step, "lora": ending.fields.get("lora")}
        if not ending.exit_code:
            # Stopped because somebody told it to: that is no error.
            del fields["error"], fields["todo"]
        return Outcome(ending.exit_code, fields)
    if history.task == "compare":
        say_compared(terminal, run, ending.fields)
        fields = {**_told(ending.fields), "warnings": history.warnings}
    else:
        say_finished(terminal, run, history, ending.fields)
        fields = finished_fields(history, ending.fields)
    _draw_grid(ending.fields, terminal, images)
    return Outcome(0, {**fields, "state": "finished", "run": str(run.path)})


def conclude_failure(error: WorkerFailed, run: RunDirectory, history: History, terminal: Terminal) -> Outcome:
    """Say why a run failed, or could not go on."""
    terminal.complain(error)
    return Outcome(error.exit_code, _unfinished(error.what, error.todo, error.state, run, history))


def finished_fields(history: History, last: Event) -> dict[str, Any]:
    """The JSON answer of a training whose last event is `last`."""
    return {
        "lora": None,
        "grid": None,
        "steps": history.steps or history.step,
        "seconds": None,
        "first_loss": history.first_loss,
        "last_loss": history.last_loss,
        **_told(last),
        "validation": [{"epoch": epoch, "loss": loss} for epoch, loss in history.validation.items()],
        "best_epoch": history.best_epoch,
        "saved": history.saved,
        "installed": history.installed,
        "recovered": [_told(event) for event in history.recovered],
        "warnings": history.warnings,
    }


def _unfinished(what: str, todo: str, state: str, run: RunDirectory, history: History) -> dict[str, Any]:
    return {
        "error": what,
        "todo": todo,
        "state": state,
        "step": history.step,
        "run": str(run.path),
        "saved": history.saved,
    }


def _told(event: Event) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in ("event", "time", "attempt")}


def _draw_grid(last: Event, terminal: Terminal, images: Images) -> None:
    grid = last.get("grid")
    if isinstance(grid, str) and grid and Path(grid).is_file():
        draw_picture(Path(grid), terminal, images)
