"""The last words of a run or a comparison, for a person."""

from pathlib import Path

from loratui.command_line.telling import recovery_line
from loratui.command_line.terminal import Terminal, number
from loratui.quantities import duration, memory_size
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event
from loratui.runs.history import History
from loratui.safe_text import printable

_FILES_SHOWN = 8
_EPOCHS_SHOWN = 40


def say_finished(terminal: Terminal, run: RunDirectory, history: History, last: Event) -> None:
    """Say what a finished training left behind."""
    terminal.say()
    if last.get("what"):  # a machine's part of a training, whose figures are elsewhere
        terminal.say(f"Finished: {last['what']}", style="bold green")
        _say_file(terminal, "run", str(run.path))
        return
    terminal.say(
        f"Finished: {number(last.get('steps', history.step), 'd')} steps"
        + _time_taken(history, last)
        + _validation_change(history),
        style="bold green",
    )
    lora = str(last.get("lora") or "")
    _say_file(terminal, "LoRA", lora)
    _say_file(terminal, "grid", str(last.get("grid") or ""))
    _say_epochs(terminal, [file for file in history.saved if file != lora])
    for copy in history.installed:
        _say_file(terminal, "copy", copy)
    _say_file(terminal, "run", str(run.path))
    _say_validation(terminal, history)
    _say_memory(terminal, last)
    _say_recovered(terminal, history)
    for message in dict.fromkeys(history.warnings):
        terminal.say(f"warning: {message}", style="yellow")
    if lora:
        terminal.say(f"Prompts use it as <lora:{Path(lora).stem}:0.8>; 0.7–0.9 is for every day, 1.0–1.2 is strong.")


def say_stopped(terminal: Terminal, run: RunDirectory, history: History, last: Event) -> None:
    """Say where a run was stopped, what it left behind, and how it goes on."""
    step = last.get("step") if isinstance(last.get("step"), int) else history.step
    of = f" of {history.steps}" if history.steps else ""
    terminal.say(f"The run was stopped at step {step}{of}; it is {run.path}.")
    _say_file(terminal, "LoRA", str(last.get("lora") or ""))
    _say_epochs(terminal, [file for file in history.saved if file != last.get("lora")])
    _say_validation(terminal, history)
    _say_recovered(terminal, history)
    terminal.say(f"Go on with it: loratui resume {printable(run.name)}")


def say_not_drawn(terminal: Terminal, run: RunDirectory) -> None:
    """Say that the drawing of a comparison was stopped, and how it is drawn after all."""
    terminal.say(f"The drawing of the comparison was stopped; its run is {run.path}.")
    terminal.say(f"Draw it again: loratui compare {run.name}")


def say_left(terminal: Terminal, run: RunDirectory) -> None:
    """Say how to come back to a run that goes on by itself."""
    terminal.say(f"The worker goes on by itself; its run is {run.path}.")
    terminal.say(f"See it again: loratui attach {run.name}")


def say_compared(terminal: Terminal, run: RunDirectory, last: Event) -> None:
    """Say where a redrawn comparison is."""
    terminal.say()
    terminal.say("The comparison is drawn.", style="bold green")
    _say_file(terminal, "grid", str(last.get("grid") or ""))
    _say_file(terminal, "run", str(run.path))


def _time_taken(history: History, last: Event) -> str:
    seconds = last.get("seconds")
    if history.attempts > 1 and history.worked:
        return f" in {duration(history.worked)} and {history.attempts} attempts"
    return f" in {duration(seconds)}" if isinstance(seconds, int | float) else ""


def _validation_change(history: History) -> str:
    """Validation loss before and after; that of a single step says little, as its noise level is random."""
    if not history.validation:
        return ""
    first, last = (history.validation[epoch] for epoch in (min(history.validation), max(history.validation)))
    return f", validation loss {number(first)}" + (f" → {number(last)}" if len(history.validation) > 1 else "")


def _say_memory(terminal: Terminal, last: Event) -> None:
    memory, on_gpu = last.get("peak_memory_bytes"), last.get("peak_gpu_memory_bytes")
    if isinstance(memory, int | float):
        gpu = f", {memory_size(on_gpu)} on the GPU" if isinstance(on_gpu, int | float) else ""
        terminal.say(f"Peak memory {memory_size(memory)}{gpu}.")


def _say_recovered(terminal: Terminal, history: History) -> None:
    for line in dict.fromkeys(map(recovery_line, history.recovered)):
        terminal.say(line, style="yellow")


def _say_file(terminal: Terminal, label: str, path: str) -> None:
    if path:
        terminal.say(f"  {label:<7}{path}", verbatim=True)


def _say_epochs(terminal: Terminal, files: list[str]) -> None:
    for label, file in zip(["epochs", *[""] * _FILES_SHOWN], files[:_FILES_SHOWN], strict=False):
        terminal.say(f"  {label:<7}{file}", verbatim=True)
    if len(files) > _FILES_SHOWN:
        terminal.say(f"  {'':<7}and {len(files) - _FILES_SHOWN} more")


def _say_validation(terminal: Terminal, history: History) -> None:
    best = history.best_epoch
    if best is None:
        return
    last = max(history.validation)
    which = "the last, which is the best" if best == last else f"so epoch {best} is the one to try first"
    terminal.say(f"Validation loss after each epoch (0: before training), lowest after epoch {best}: {which}.")
    every = -(-len(history.validation) // _EPOCHS_SHOWN)
    shown = [epoch for place, epoch in enumerate(history.validation) if place % every == 0 or epoch == best]
    cells = [f"{epoch:>5}: {history.validation[epoch]:.4f}{'*' if epoch == best else ' '}" for epoch in shown]
    across = max(1, (terminal.width + 2) // (len(cells[0]) + 2))
    for first in range(0, len(cells), across):
        terminal.say("  ".join(cells[first : first + across]).rstrip())
