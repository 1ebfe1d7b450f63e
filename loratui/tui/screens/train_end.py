"""What a run that is over leaves behind, or why it failed and what to do, as lines. Knows no widgets."""

from pathlib import Path

from loratui.dataset.problems import counted
from loratui.quantities import disk_size, memory_size
from loratui.runs.directory import RunDirectory
from loratui.runs.finding import output_name
from loratui.safe_text import printable
from loratui.shown_paths import shown_path
from loratui.tui.fitting import cut_middle, wrapped
from loratui.tui.glyphs import Glyphs
from loratui.tui.moment import Moment
from loratui.tui.run_watch import RunWatch
from loratui.tui.widgets.changing_lines import Line

_LABEL = 8


def end_lines(moment: Moment, run: RunDirectory, width: int, glyphs: Glyphs) -> list[Line]:
    """The last words on a run that is over; nothing while it is not."""
    if moment.is_busy:
        return []
    if moment.state == "finished":
        return _finished(moment, width, glyphs)
    lines: list[Line] = []
    if moment.failure is not None:
        lines += [((row, "error"),) for row in wrapped(moment.failure.what, width)[:4]]
        lines += [((row, "text"),) for row in wrapped(_todo(moment), width)[:3]]
    if file := _partial(moment):
        lines.append(_row("saved", file, width, glyphs))
    if moment.failure is not None:
        lines.append(_row("log", str(run.log_path), width, glyphs))
    lines.append(_keys(moment))
    return lines


def end_text(moment: Moment, run: RunDirectory) -> str:
    """The same with whole paths, to be copied."""
    rows = [f"{moment.state} at step {moment.step} of {moment.steps}" if moment.steps else moment.state]
    if moment.never_began:
        rows = ["never began"]
    if moment.failure is not None:
        rows += [printable(moment.failure.what), printable(_todo(moment))]
    files = [str(moment.end.get(key) or "") for key in ("lora", "grid")]
    rows += [printable(file) for file in dict.fromkeys([*files, *moment.saved, *moment.installed]) if file]
    return "\n".join([*rows, f"run {printable(run.path)}", f"log {printable(run.log_path)}"])


def lacking(watch: RunWatch | None) -> list[str]:
    """What is to be done of a training yet, by how the last one went; nothing where that is finished."""
    if watch is None or not watch.moment.is_known:
        return ["It is not trained yet."]
    name = printable(output_name(watch.run))
    match watch.moment.state:
        case "finished":
            return []
        case "failed":
            return [f"The training of {name} failed."]
    if watch.moment.never_began:
        return [f"{name} never began; 5 Train starts it."]
    return [f"{name} was {watch.moment.state}; 5 Train goes on with it."]


def _finished(moment: Moment, width: int, glyphs: Glyphs) -> list[Line]:
    lora, grid = str(moment.end.get("lora") or ""), str(moment.end.get("grid") or "")
    lines: list[Line] = []
    if lora:
        lines.append(_row("LoRA", lora, width, glyphs, _file_remark(lora, moment)))
    if grid:
        lines.append(_row("grid", grid, width, glyphs))
    epochs = [file for file in moment.saved if file != lora]
    if epochs:
        lines.append(_row("epochs", f"{counted(len(epochs), 'more file')} beside it{_best(moment)}", width, glyphs))
    for copy in moment.installed[:2]:
        lines.append(_row("copy", copy, width, glyphs))
    told = [f"peak memory {memory_size(moment.memory_peak)}"] if moment.memory_peak else []
    warnings = sum(event["event"] in ("warning", "recovered") for event in moment.happened)
    if warnings:
        told.append(f"{warnings} warning{'s' * (warnings > 1)}, l shows the log")
    if told:
        lines.append(_row("also", ", ".join(told), width, glyphs))
    lines.append(_keys(moment))
    return lines


def _best(moment: Moment) -> str:
    """Which epoch the validation loss speaks for, where that is not the last."""
    best = moment.best_epoch
    if best is None or best >= moment.epochs:
        return ""
    return f"; epoch {best} has the lowest validation loss"


def _keys(moment: Moment) -> Line:
    key, rest = {
        "finished": ("6", " tries strengths   A trains once more"),
        "failed": ("Enter", " tries again from the last state   l shows the log"),
    }.get(moment.state, ("Enter", " goes on where it stopped   A trains from the beginning"))
    if moment.never_began:
        rest = " starts it   A trains with the profile as it is now"
    if moment.proposal:
        rest = f" goes on with {printable(moment.proposal)}"
    return ((key, "accent"), (rest, "text"))


def _todo(moment: Moment) -> str:
    """What to try; the line of keys says it where that is what the command line would say."""
    if moment.failure is None or moment.proposal or "loratui resume" in moment.failure.todo:
        return ""
    return moment.failure.todo


def _partial(moment: Moment) -> str:
    lora = moment.end.get("lora")
    return str(lora) if lora else (moment.saved[-1] if moment.saved else "")


def _file_remark(lora: str, moment: Moment) -> str:
    try:
        size = disk_size(Path(lora).stat().st_size)
    except OSError:
        return "  is gone"
    return f"  {size}" + (", verified" if moment.verified else "")


def _row(label: str, text: str, width: int, glyphs: Glyphs, remark: str = "") -> Line:
    room = width - _LABEL - len(remark)
    told = cut_middle(shown_path(text), room, glyphs, start=room // 4)
    return ((label.ljust(_LABEL), "faint"), (told, "text"), (remark, "good"))
