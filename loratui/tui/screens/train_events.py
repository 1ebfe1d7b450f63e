"""What happened in a run, in plain words: one line an event, for somebody who never saw an event.

Knows neither widgets nor where the lines go.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from loratui.quantities import disk_size, duration, memory_size
from loratui.runs.events import Event
from loratui.safe_text import printable
from loratui.tui.fitting import cut
from loratui.tui.glyphs import UNICODE, Glyphs
from loratui.tui.widgets.changing_lines import Line, Role

_CLOCK = len("10:39:51 ")


def event_lines(events: Iterable[Event], most: int, width: int = 0, glyphs: Glyphs = UNICODE) -> list[Line]:
    """The latest `most` lines, the newest last, each after its time.

    Args:
        width: Columns for a line, what is longer is cut; 0 leaves it whole.
    """
    lines: list[Line] = []
    for event in reversed(list(events)):
        text, role = sentence(event)
        if text:
            said = printable(text)
            said = cut(said, width - _CLOCK, glyphs) if width else said
            lines.append(((f"{clock(event.get('time'))} ", "faint"), (said, role)))
        if len(lines) == most:
            break
    return lines[::-1]


def clock(at: object) -> str:
    """`10:39:51`, the person's own time."""
    return time.strftime("%H:%M:%S", time.localtime(at)) if isinstance(at, int | float) else "        "


def sentence(event: Event) -> tuple[str, Role]:
    """What an event says, and how much it matters; "" where it says nothing to a person."""
    match event["event"]:
        case "started" if event.get("task", "train") == "train":
            again = isinstance(attempt := event.get("attempt"), int) and attempt > 1
            return (f"the worker started again, attempt {attempt}" if again else "the worker started"), "faint"
        case "started":
            return "the worker started, to draw pictures", "faint"
        case "base":
            told = [str(event[key]) for key in ("family", "device", "precision") if event.get(key)]
            tokenizer = f". {event['tokenizer']}" if event.get("tokenizer") else ""
            return f"base {event.get('name', '?')} loaded ({', '.join(told)}){tokenizer}", "faint"
        case "training":
            return (
                f"a LoRA of {event.get('modules', '?')} layers is trained for {event.get('steps', '?')} steps",
                "text",
            )
        case "preflight":
            return _preflight(event), "text"
        case "compilation":
            return f"torch.compile: {event.get('backend') or 'not used'}, {event.get('why', '')}", "text"
        case "compiling":
            return f"torch.compile: {event.get('backend', '?')} compiles, for half a minute or more", "text"
        case "resumed":
            return f"going on at step {event.get('step', '?')} of {event.get('steps', '?')}", "text"
        case "validation":
            return f"epoch {event.get('epoch', '?')}: validation loss {_loss(event.get('loss'))}", "text"
        case "saved":
            return _saved(event), "text"
        case "verified":
            return f"{_name(event)} gives the same pictures in diffusers: verified", "good"
        case "installed":
            return f"copied to {event.get('file', '?')}", "text"
        case "preview":
            return f"preview ready: “{event.get('prompt') or 'no prompt'}”", "text"
        case "recovered":
            return _capital_free(str(event.get("what") or "trouble, put right")), "warning"
        case "proposed":
            return f"not enough memory; it would do with {event.get('what', 'smaller pieces')}", "warning"
        case "warning":
            return str(event.get("message") or ""), "warning"
        case "told":
            return f"told to {_COMMANDS.get(str(event.get('command')), str(event.get('command')))}", "faint"
        case "grid":
            return f"the grid of strengths is drawn: {_name(event)}", "text"
        case "trained":
            return "the training is done", "good"
        case "finished":
            seconds = event.get("seconds")
            return "finished" + (f" after {duration(seconds)}" if isinstance(seconds, int | float) else ""), "good"
        case "stopped" if event.get("attempt") == 0:
            return "taken out of the queue; it never began", "text"
        case "stopped":
            return f"stopped at step {event.get('step', '?')}, and saved", "text"
        case "failed" | "interrupted":
            return f"{event['event']}: {event.get('what', '')}", "error"
        case "exited":
            return f"the worker ended without a last word (exit code {event.get('returncode', '?')})", "error"
    return "", "text"


_COMMANDS = {
    "save": "save now",
    "preview": "draw a preview",
    "stop": "stop and save",
    "stop-after-epoch": "stop after this epoch",
}


def _preflight(event: Event) -> str:
    parts = []
    if isinstance(memory := event.get("peak_memory_bytes"), int):
        parts.append(f"{memory_size(memory)} of memory")
    if isinstance(pace := event.get("seconds_per_step"), int | float):
        parts.append(f"{pace:.2f} s a step")
    if isinstance(whole := event.get("estimated_seconds"), int | float):
        parts.append(f"about {duration(whole)} with validations and pictures")
    measured = "known from an earlier run: " if event.get("remembered") else "measured: "
    return measured + (", ".join(parts) or "nothing")


def _saved(event: Event) -> str:
    size = event.get("bytes")
    kind = ", as it is now" if event.get("partial") else ""
    return f"saved {_name(event)}" + (f" ({disk_size(size)}{kind})" if isinstance(size, int) else "")


def _name(event: Event) -> str:
    return Path(str(event.get("file") or "?")).name


def _loss(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "?"


def _capital_free(text: str) -> str:
    return text[:1].lower() + text[1:]
