"""`runs`, `stop`, `tell` and `rm`: seeing all runs, and acting on one from any terminal."""

import contextlib
import time

from loratui.command_line.terminal import Terminal, number
from loratui.errors import RunError
from loratui.paths import runs_directory
from loratui.runs.commands import COMMANDS, STOP, send
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.events import EventReader, read_landmarks
from loratui.runs.finding import choose_run, only_living
from loratui.runs.history import fold
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.overview import RunOverview, overviews
from loratui.runs.queue import ticket_of
from loratui.runs.removal import remove_run
from loratui.runs.state import run_state
from loratui.runs.stopping import Stopping
from loratui.safe_text import printable

_OFFERED = 5
# A run that was interrupted this many seconds ago is no longer offered unasked.
_IS_NEWS = 7 * 24 * 3600.0


def list_all(terminal: Terminal) -> int:
    """List the runs, the newest first."""
    listed = list(overviews(runs_directory()))
    width = max((len(printable(entry.name)) for entry in listed), default=0)
    for entry in listed:
        terminal.say(_line(entry, width), verbatim=True)
    for entry in [entry for entry in listed if entry.state == "interrupted"][:_OFFERED]:
        terminal.say(f"Go on with what was interrupted: loratui resume {entry.name}")
    if not listed:
        terminal.say("There are no runs yet; `loratui run PROFILE` makes one.")
    terminal.answer_list([entry.as_json() for entry in listed])
    return 0


def tell_of_interrupted(terminal: Terminal) -> None:
    """Offer the latest runs for resume that a kill, a full disk or a restart of the computer cut short."""
    for run in list_runs(runs_directory())[:_OFFERED]:
        with contextlib.suppress(OSError):
            if time.time() - run.events_path.stat().st_mtime < _IS_NEWS and run_state(run) == "interrupted":
                terminal.warn(f"{run.name} was interrupted; go on with it: loratui resume {run.name}")


def stop(name: str, terminal: Terminal) -> int:
    """Have a run finish its step, save and end, or take it out of the queue; returns when it has."""
    run = choose_run(name, runs_directory()) if name else only_living(runs_directory())
    if ticket_of(run) is None and not is_busy(run):
        raise _not_at_work(run)
    reader = EventReader(run.events_path)
    history = fold(reader.read())
    stopping = Stopping(run)
    stopping.pursue(history)
    if not stopping.taken_back:
        terminal.say(f"Stopping {run.name} after its step; Ctrl+C does not change that.")
    while is_busy(run):
        for event in reader.read():
            history.take(event)
        stopping.pursue(history)
        time.sleep(0.1)
    for event in reader.read():
        history.take(event)
    state = run_state(run)
    if stopping.taken_back:
        terminal.say(f"{run.name} was taken out of the queue.")
    else:
        terminal.say(f"{run.name} {state} at step {history.step}" + (f" of {history.steps}" * bool(history.steps)))
    terminal.answer(name=run.name, run=str(run.path), state=state, step=history.step)
    return 1 if state == "failed" else 0


def tell(name: str, command: str, terminal: Terminal) -> int:
    """Pass a command to a worker, which heeds it between two steps."""
    run = choose_run(name, runs_directory())
    if command not in COMMANDS:
        raise RunError(f"There is no command “{printable(command)}”.", f"There are {', '.join(COMMANDS)}.")
    if not is_alive(run):
        if ticket_of(run) is not None:
            raise RunError(f"The run {printable(run.name)} still waits for its turn.", "Tell it when it is at work.")
        raise _not_at_work(run)
    if command != STOP:
        _refuse_what_comes_too_late(run, command)
    send(run, command)
    terminal.say(f"Told {run.name}: {command}. It answers after its step: loratui attach {run.name}")
    terminal.answer(name=run.name, run=str(run.path), command=command)
    return 0


def remove(name: str, yes: bool, terminal: Terminal) -> int:
    """Remove a run's directory; the LoRA files and grids that it wrote stay."""
    run = choose_run(name, runs_directory())
    if not yes:
        if not terminal.may_ask:
            raise RunError(f"The run {printable(run.path)} was not removed: nobody was asked.", "Add --yes.")
        if not _confirms(run, terminal):
            terminal.say("Nothing was removed.")
            return 0
    remove_run(run)
    terminal.say(f"Removed {run.path}; its LoRA files and grids stay where they are.")
    terminal.answer(name=run.name, run=str(run.path), removed=True)
    return 0


def _refuse_what_comes_too_late(run: RunDirectory, command: str) -> None:
    history = fold(read_landmarks(run.events_path))
    if history.task == "compare" or history.phase == "finishing" or (history.steps and history.step >= history.steps):
        doing = "draws its comparison" if history.task == "compare" else "has trained, and proves and draws the result"
        raise RunError(
            f"The run {printable(run.name)} {doing}: “{command}” is for the training.",
            f"It can only be stopped: loratui stop {printable(run.name)}",
        )
    if run.read_profile().accelerate.machine_rank:
        raise RunError(
            f"“{command}” is for the machine that writes the files.", "Tell the run on machine 0 (machine_rank = 0)."
        )


def _confirms(run: RunDirectory, terminal: Terminal) -> bool:
    terminal.say(f"{run.name} is {run_state(run)}. Remove {run.path} with its events, states and cache? [y/N]")
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _not_at_work(run: RunDirectory) -> RunError:
    return RunError(
        f"The run {printable(run.name)} is not at work: it is {run_state(run)}.", "`loratui runs` lists all."
    )


def _line(entry: RunOverview, width: int) -> str:
    steps = f"{entry.step}/{entry.steps or '?'}" if entry.step or entry.steps else "-"
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.started)) if entry.started else "-"
    loss = number(entry.loss) if entry.loss is not None else "-"
    return f"{printable(entry.name):<{width}}  {entry.state:<11}  {steps:>11}  {loss:>7}  {started}"
