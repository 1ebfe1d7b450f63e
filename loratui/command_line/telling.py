"""What a worker's events say, in lines for a person. The lines are not yet made printable: `Terminal.say` does that."""

from pathlib import Path

from loratui.command_line.terminal import number
from loratui.dataset.problems import counted
from loratui.quantities import duration, memory_size
from loratui.runs.events import Event, pictures_drawn
from loratui.safe_text import printable


def phase_of(event: Event) -> str:
    """What the worker is busy with, by a "caching" or "drawing" event."""
    if event["event"] == "drawing":
        return "drawing the comparison"
    return f"caching {printable(event.get('what') or 'pictures')}"


def counts_of(event: Event) -> tuple[int, int]:
    """How far the worker is with that, and how much there is: files to cache, or pictures to draw."""
    if event["event"] == "drawing" and (drawn := pictures_drawn(event))[1]:
        return drawn
    done, of = (event.get(name) for name in ("done", "of"))
    return (done if isinstance(done, int) else 0), (of if isinstance(of, int) else 0)


def amount_of(event: Event) -> str:
    """`14`, or `21 pictures` where these are drawn."""
    of = counts_of(event)[1]
    return counted(of, "picture") if event["event"] == "drawing" and "pictures" in event else str(of)


def figures_of(event: Event) -> str:
    """Loss and learning rate of a step."""
    return f"loss {number(event.get('loss'))}  lr {number(event.get('lr'), '.1e')}"


def training_line(event: Event) -> str:
    """What is about to be trained."""
    return (
        f"Training {number(event.get('steps'), 'd')} steps in {number(event.get('epochs'), 'd')} "
        f"epoch{'s' * (event.get('epochs') != 1)}: "
        f"{number(event.get('modules'), 'd')} modules, {number(event.get('parameters'), ',d')} parameters"
    )


def position_line(step: object, steps: object, rate: object) -> str:
    """`step 120 of 500, learning rate 1.3e-04`, as much of it as is known."""
    line = f"step {number(step, 'd')}"
    if isinstance(steps, int) and steps:
        line += f" of {steps}"
    return line + (f", learning rate {rate:.1e}" if isinstance(rate, int | float) else "")


def recovery_line(event: Event) -> str:
    """What went wrong and was put right."""
    what = event.get("what") or "trouble"
    return f"recovered: {what}" + (f" (step {event['step']})" if isinstance(event.get("step"), int) else "")


def preflight_line(event: Event) -> str:
    """What two trial steps measured."""
    parts = []
    if isinstance(memory := event.get("peak_memory_bytes"), int):
        parts.append(f"peak memory {memory_size(memory)}")
    if isinstance(pace := event.get("seconds_per_step"), int | float):
        parts.append(f"{pace:.2f} s a step")
    if isinstance(estimated := event.get("estimated_seconds"), int | float):
        parts.append(f"about {duration(estimated)} with validations and pictures")
    return "Preflight: " + (", ".join(parts) or "done")


def event_line(event: Event, quiet: bool = False) -> str:
    """The line that an event deserves, or ""; with `quiet` only what is said a few times in a run."""
    match event["event"]:
        case "base":
            where = ", ".join(str(event[key]) for key in ("family", "device", "precision") if event.get(key))
            tokenizer = f". {event['tokenizer']}" if event.get("tokenizer") else ""
            return f"Base {event.get('name', '?')}" + (f" ({where})" if where else "") + tokenizer
        case "validation" if not quiet:
            return f"epoch {number(event.get('epoch'), 'd')}: validation loss {number(event.get('loss'))}"
        case "saved" if not quiet:
            return f"saved {Path(str(event.get('file', '?'))).name}"
        case "verified":
            return (
                f"Verified {Path(str(event.get('file', '?'))).name} with diffusers: relative error "
                f"{number(event.get('error'), '.1e')}, at most {number(event.get('bound'), '.1e')} allowed"
            )
        case "installed":
            return f"installed {event.get('file', '?')}"
        case "warning":
            return f"warning: {event.get('message', '')}"
        case "resumed":
            return f"Resumed at {position_line(event.get('step'), event.get('steps'), event.get('lr'))}"
        case "preflight":
            return preflight_line(event)
        case "compilation":
            return f"torch.compile: {event.get('backend') or 'not used'}, {event.get('why', '')}"
        case "compiling":
            backend = event.get("backend", "?")
            return f"torch.compile: {backend} is at work for half a minute or more, {event.get('why', '')}"
        case "recovered":
            return recovery_line(event)
        case "told":
            return f"told: {event.get('command', '?')}"
        case "preview":
            return f"preview {event.get('file', '?')}"
    return ""
