"""A run's events and a terminal that they are told to."""

import io
from pathlib import Path

from rich.console import Console

from loratui.command_line.terminal import Terminal
from loratui.runs.events import Event


def terminal(is_terminal: bool, json: bool = False) -> tuple[Terminal, io.StringIO]:
    """A terminal of 80 × 24, or none, and what is written to it."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=is_terminal,
        width=80,
        height=24,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        color_system="truecolor" if is_terminal else None,
    )
    return Terminal(json=json, out=console, err=console), stream


def a_run(steps: int, folder: Path) -> list[Event]:
    """The events of a run with one of everything that is odd about them."""
    events: list[Event] = [
        {"event": "started", "pid": 1, "task": "train"},
        {"event": "base", "name": "[red]b\x1b[2Jase", "family": "sd1", "device": "cpu", "precision": "float32"},
        *({"event": "caching", "done": done, "of": 9, "what": "pictures"} for done in range(10)),
        {"event": "training", "steps": steps, "epochs": steps // 10, "modules": 264, "parameters": 5_000_000},
    ]
    for step in range(1, steps + 1):
        events.append({"event": "step", "step": step, "epoch": step // 10, "loss": 1 / step, "lr": 1e-4, "seconds": 1})
        if step % 10 == 0:
            events.append({"event": "validation", "epoch": step // 10, "loss": abs(step - 50) / 100 + 0.1})
            events.append({"event": "saved", "epoch": step // 10, "file": str(folder / f"emi-{step // 10:06d}.x")})
    events += [
        {"event": "verified", "file": "/o/emi.safetensors", "error": 1e-4, "bound": 1e-2},
        *({"event": "drawing", "done": done, "of": 21} for done in range(22)),
        {"event": "warning", "message": "[/nonsense] \x1b[31m"},
        {"event": "step"},
        {"event": "saved", "file": None},
        {"event": "something new", "step": "x"},
    ]
    return events
