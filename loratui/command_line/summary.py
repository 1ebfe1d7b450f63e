"""The last words of a run or a comparison, for a person."""

from pathlib import Path

from loratui.command_line.record import Record
from loratui.command_line.terminal import Terminal, duration, number
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event
from loratui.runs.places import size_text

_FILES_SHOWN = 8
_EPOCHS_SHOWN = 40


def say_finished(terminal: Terminal, run: RunDirectory, record: Record, last: Event) -> None:
    """Say what a finished training left behind."""
    seconds, memory = last.get("seconds"), last.get("peak_memory_bytes")
    terminal.say()
    terminal.say(
        f"Finished: {number(last.get('steps', record.step), 'd')} steps"
        + (f" in {duration(seconds)}" if isinstance(seconds, int | float) else "")
        + f", loss {number(last.get('first_loss', record.first_loss))} → "
        + number(last.get("last_loss", record.last_loss)),
        style="bold green",
    )
    lora = str(last.get("lora") or "")
    _say_file(terminal, "LoRA", lora)
    _say_file(terminal, "grid", str(last.get("grid") or ""))
    _say_epochs(terminal, [file for file in record.saved if file != lora])
    for copy in record.installed:
        _say_file(terminal, "copy", copy)
    _say_file(terminal, "run", str(run.path))
    _say_validation(terminal, record)
    if isinstance(memory, int | float):
        terminal.say(f"Peak memory {size_text(int(memory))}.")
    for message in dict.fromkeys(record.warnings):
        terminal.say(f"warning: {message}", style="yellow")
    if lora:
        terminal.say(f"Prompts use it as <lora:{Path(lora).stem}:0.8>; 0.7–0.9 is for every day, 1.0–1.2 is strong.")


def say_compared(terminal: Terminal, run: RunDirectory, last: Event) -> None:
    """Say where a redrawn comparison is."""
    terminal.say()
    terminal.say("The comparison is drawn.", style="bold green")
    _say_file(terminal, "grid", str(last.get("grid") or ""))
    _say_file(terminal, "run", str(run.path))


def _say_file(terminal: Terminal, label: str, path: str) -> None:
    if path:
        terminal.say(f"  {label:<7}{path}")


def _say_epochs(terminal: Terminal, files: list[str]) -> None:
    for label, file in zip(["epochs", *[""] * _FILES_SHOWN], files[:_FILES_SHOWN], strict=False):
        terminal.say(f"  {label:<7}{file}")
    if len(files) > _FILES_SHOWN:
        terminal.say(f"  {'':<7}and {len(files) - _FILES_SHOWN} more")


def _say_validation(terminal: Terminal, record: Record) -> None:
    best = record.best_epoch
    if best is None:
        return
    terminal.say(f"Validation loss after each epoch (0: before training), lowest after epoch {best}:")
    every = -(-len(record.validation) // _EPOCHS_SHOWN)
    shown = [epoch for place, epoch in enumerate(record.validation) if place % every == 0 or epoch == best]
    cells = [f"{epoch:>5}: {record.validation[epoch]:.4f}{'*' if epoch == best else ' '}" for epoch in shown]
    for first in range(0, len(cells), 5):
        terminal.say("  ".join(cells[first : first + 5]))
