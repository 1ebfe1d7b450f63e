"""The three lines on top of a run: where it is, how far, and what it learns. Functions of a moment; no widgets."""

import time

from rich.cells import cell_len

from loratui.dataset.problems import counted
from loratui.quantities import countdown, duration
from loratui.safe_text import printable
from loratui.tui.fitting import cut
from loratui.tui.glyphs import Glyphs
from loratui.tui.moment import Moment
from loratui.tui.widgets.changing_lines import Line, Role

_GAP = 3
_FAST = 1.0


def head_lines(moment: Moment, width: int, glyphs: Glyphs, now: float) -> list[Line]:
    """Where the run is, a bar, and its figures."""
    return [_where(moment, width, glyphs, now), progress_bar(_share(moment), width, glyphs), _learnt(moment, glyphs)]


def title_text(moment: Moment, name: str) -> str:
    """The run in the terminal's title: `38 % emi 2:03`."""
    if moment.state == "queued":
        return f"queued {name}"
    if moment.state != "running":
        return f"{name} {moment.state}"
    if moment.doing or not moment.steps:
        return f"{percent(moment)} {name}" if moment.step else f"{name} starting"
    left = "" if moment.left is None else f" {countdown(moment.left)}"
    return f"{percent(moment)} {name}{left}"


def percent(moment: Moment) -> str:
    """`38 %` of the steps."""
    return f"{100 * moment.step // moment.steps if moment.steps else 0} %"


def progress_bar(share: float, width: int, glyphs: Glyphs) -> Line:
    """A line of which a share is done."""
    done = round(min(max(share, 0.0), 1.0) * width)
    return ((glyphs.progress * done, "accent"), (glyphs.rule * (width - done), "rule"))


def _share(moment: Moment) -> float:
    if moment.state == "running" and moment.doing and moment.step < moment.steps:
        return moment.share
    return moment.step / moment.steps if moment.steps else moment.share


def _where(moment: Moment, width: int, glyphs: Glyphs, now: float) -> Line:
    if moment.state == "queued":
        waits = (
            "It waits, but nobody attends to it, as after a restart: Enter goes on." if moment.is_left_behind else ""
        )
        return ((cut(waits or moment.place or "It waits for its turn.", width, glyphs), "warning"),)
    if moment.state != "running":
        return _end(moment, width, glyphs)
    if moment.doing:
        position = f"step {moment.step}/{moment.steps}" if moment.step else ""
        return _fitting([(moment.doing, "strong"), (position, "text"), *_stopping(moment)], width)
    digits, epochs = len(str(moment.steps)), len(str(moment.epochs))
    pieces: list[tuple[str, Role]] = [
        (f"epoch {moment.epoch:>{epochs}}/{moment.epochs}", "text"),
        (f"step {moment.step:>{digits}}/{moment.steps}", "text"),
        (percent(moment), "strong"),
    ]
    if moment.stopping:
        return _fitting([*pieces, *_stopping(moment)], width)
    if moment.left is not None:
        done = time.strftime("%H:%M", time.localtime(now + moment.left))
        pieces += [
            (_pace(moment.rate), "text"),
            (f"left {countdown(moment.left)}", "text"),
            (f"done about {done}", "text"),
        ]
    return _fitting(pieces, width)


def _stopping(moment: Moment) -> list[tuple[str, Role]]:
    return [(f"stops {moment.stopping}", "warning")] if moment.stopping else []


def _end(moment: Moment, width: int, glyphs: Glyphs) -> Line:
    at = moment.end.get("time")
    when = time.strftime(" at %H:%M", time.localtime(at)) if isinstance(at, int | float) else ""
    took = f"in {duration(moment.worked)}" if moment.worked else ""
    of = f"step {moment.step} of {moment.steps}" if moment.steps else "the beginning"
    if moment.never_began:
        return _fitting([("never began", "warning"), ("Enter starts it", "strong")], width)
    match moment.state:
        case "finished":
            steps = counted(moment.steps or moment.step, "step") + (
                f", {counted(moment.epochs, 'epoch')}" if moment.epochs else ""
            )
            return _fitting([(f"{glyphs.check} finished{when}", "good"), (steps, "text"), (took, "text")], width)
        case "stopped":
            pieces: list[tuple[str, Role]] = [(f"stopped{when}", "warning"), (of, "text"), (took, "text")]
            return _fitting([*pieces, ("Enter goes on", "strong")], width)
        case "interrupted":
            return _fitting([("interrupted", "warning"), (of, "text"), ("Enter goes on", "strong")], width)
    return _fitting([(f"{glyphs.cross} failed{when}", "error"), (of, "text")], width)


def _learnt(moment: Moment, glyphs: Glyphs) -> Line:
    """`loss 0.0918  smoothed 0.1043  validation 0.0987 ↓  lr 1.71e-4`, in the colours of the chart."""
    if moment.loss is None and moment.validation is None:
        return ()
    pieces: list[tuple[str, Role]] = []
    if moment.loss is not None:
        pieces += [("loss ", "faint"), (f"{moment.loss:.4f}", "text")]
    if moment.smoothed is not None:
        pieces += [("  smoothed ", "accent"), (f"{moment.smoothed:.4f}", "text")]
    if moment.validation is not None:
        trend = ""
        if moment.before is not None and moment.before != moment.validation:
            trend = f" {glyphs.down if moment.validation < moment.before else glyphs.up}"
        pieces += [("  o validation ", "second"), (f"{moment.validation:.4f}{trend}", "text")]
    if moment.learning_rate is not None:
        pieces += [("  lr ", "faint"), (rate_text(moment.learning_rate), "text")]
    return pieces


def rate_text(rate: float) -> str:
    """A learning rate as people write it: `1.71e-4`."""
    if not rate:
        return "0"
    mantissa, _, exponent = f"{rate:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _pace(rate: float) -> str:
    return f"{rate:.1f} steps/s" if rate >= _FAST else f"{1 / rate:.1f} s/step"


def _fitting(pieces: list[tuple[str, Role]], width: int) -> Line:
    """The pieces side by side, nearer to each other where room is short; what still does not fit is left out."""
    shown = [(printable(text), role) for text, role in pieces if text]
    gap = _GAP
    while gap > 2 and sum(cell_len(text) + gap for text, _ in shown) - gap > width:
        gap -= 1
    while len(shown) > 1 and sum(cell_len(text) + gap for text, _ in shown) - gap > width:
        # The pace says least to a person who is short of room.
        paces = [place for place, (text, _) in enumerate(shown) if text.endswith(("steps/s", "s/step"))]
        del shown[paces[0] if paces else -1]
    line: list[tuple[str, Role]] = []
    for place, piece in enumerate(shown):
        line += [(" " * gap * (place > 0), "text"), piece]
    return line
