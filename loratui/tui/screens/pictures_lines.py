"""The lines of the pictures' screen: a row of the list, the heading with the steps, and the text that the model sees.

From values to text with roles; knows no widgets and opens nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from loratui.dataset.problems import Problem, counted
from loratui.safe_text import printable
from loratui.tui.fitting import cut, cut_start, wrapped_parts
from loratui.tui.glyphs import Glyphs
from loratui.tui.widgets.changing_lines import Line, Role

if TYPE_CHECKING:
    from loratui.dataset.buckets import Size
    from loratui.dataset.report import Report
    from loratui.profile.schema import Dataset, Profile
    from loratui.tui.screens.pictures_album import PictureRow, State

_MARKS: dict["State", Role] = {"good": "good", "odd": "warning", "bad": "error"}
# Cells of a size, of a reason, and of a name at least.
_SIZE, _TAIL, _NAME = 9, 15, 8


def size_text(size: "Size", glyphs: Glyphs) -> str:
    """`512×768`."""
    return f"{size[0]}{glyphs.times}{size[1]}"


def row_line(row: "PictureRow", width: int, names: int, glyphs: Glyphs, *, at_cursor: bool, focused: bool) -> Line:
    """One picture in `width` cells: cursor, name, size, and what there is to say.

    Args:
        row: The picture.
        width: Of the list.
        names: Cells of the longest name in the list.
        glyphs: The terminal's signs.
        at_cursor: Whether the cursor is here.
        focused: Whether keys go to the list.
    """
    size = size_text(row.size, glyphs) if row.size else ""
    tail, role = _tail(row, glyphs)
    name = cut_start(row.name, min(names, max(_NAME, width - _SIZE - _TAIL - 4)), glyphs, pad=True)
    # The size of a picture that cannot be trained says nothing: the reason takes its place.
    middle = f" {size.rjust(_SIZE)}" if row.state != "bad" else ""
    strength: Role = "strong" if at_cursor and focused else "text"
    return [
        (f"{glyphs.current} " if at_cursor else "  ", "accent"),
        (name, strength),
        (middle, "text" if at_cursor else "faint"),
        (" ", "text"),
        (cut(tail, max(0, width - 3 - cell_len(name) - cell_len(middle)), glyphs), role),
    ]


def _tail(row: "PictureRow", glyphs: Glyphs) -> tuple[str, Role]:
    if row.state == "unknown":
        return (f"{glyphs.arrow} {size_text(row.bucket, glyphs)}" if row.bucket else ""), "faint"
    if row.state != "good":
        mark = glyphs.cross if row.state == "bad" else glyphs.unmet
        return f"{mark} {row.reason}", _MARKS[row.state]
    if row.bucket:
        return f"{glyphs.arrow} {size_text(row.bucket, glyphs)}", "good"
    return glyphs.check, "good"


def steps_text(files: int, report: "Report", profile: "Profile", glyphs: Glyphs) -> str:
    """`15 files, 14 readable × 5 ÷ batch 2 × 10 epochs = 360 steps`, as the training will count them."""
    training, together = profile.training, profile.accelerate.processes * profile.training.gradient_accumulation
    if not report.images:
        return counted(files, "file")
    readable = len(report.images)
    repeats = {image.repeats for image in report.images}
    of_them = f"{counted(files, 'file')}, {readable} readable" if readable != files else counted(files, "picture")
    if len(repeats) == 1:
        samples = f"{of_them} {glyphs.times} {repeats.pop()}"
    else:
        samples = f"{of_them}, {report.samples_per_epoch} an epoch"
    steps = steps_in_all(report, profile)
    if training.steps:
        return f"{samples} {glyphs.dot} {counted(steps, 'step')} as set"
    batch = f"{training.batch_size}{glyphs.times}{together}" if together > 1 else str(training.batch_size)
    return (
        f"{samples} {glyphs.divided} batch {batch} {glyphs.times} {counted(training.epochs, 'epoch')} "
        f"= {counted(steps, 'step')}"
    )


def steps_in_all(report: "Report", profile: "Profile") -> int:
    """Optimizer steps of the run: each bucket's last batch may be short, and counts."""
    together = profile.accelerate.processes * profile.training.gradient_accumulation
    return profile.training.steps or profile.training.epochs * -(-report.batches_per_epoch // together)


def heading(folder: str, text: str, width: int, glyphs: Glyphs) -> Line:
    """The folder on the left, cut at its front, and the figures on the right."""
    room = max(8, width - 2 - cell_len(text) - 2)
    name = cut_start(folder, room, glyphs)
    gap = max(2, width - 2 - cell_len(name) - cell_len(text))
    return [(f" {name}", "strong"), (" " * gap, "text"), (cut(text, width - 4, glyphs), "text")]


def problems_line(problems: Sequence[Problem], glyphs: Glyphs) -> Line:
    """How many problems there are, and whether one of them stops the training."""
    stops = sum(problem.severity == "stop" for problem in problems)
    warnings = sum(problem.severity == "warning" for problem in problems)
    notes = len(problems) - stops - warnings
    if stops:
        count = counted(stops + warnings, "problem")
        which = "it stops" if stops + warnings == 1 else f"{stops} {'stops' if stops == 1 else 'stop'}"
        return [(f" {glyphs.cross} {count}, {which} the training: press ! to see and fix", "error")]
    if warnings:
        return [(f" {glyphs.unmet} {counted(warnings, 'problem')}, none stops the training: press ! to see", "warning")]
    if notes:
        return [(f" {glyphs.check} no problems", "good"), (f"; {counted(notes, 'note')}: press ! to see", "faint")]
    return [(f" {glyphs.check} no problems", "good")]


def seen_label(count: int | None, section: "Dataset", *, has_file: bool, caption: str) -> str:
    """`the model sees (31 of 75 tokens):`; says too when there is no caption, and what changes in every epoch."""
    begin = "the model sees" if has_file else "no caption, so the model sees"
    if not caption:
        return "no caption: the model sees the picture without a text"
    most = section.max_token_length
    if count is None:
        told = ["tokens are counted once the base is here"]
    else:
        told = [f"{count} of {most} tokens" if count <= most else f"{count} tokens, {most} are learnt"]
    told += ["tags shuffled"] if section.shuffle else []
    return f"{begin} ({', '.join(told)}):"


def seen_lines(caption: str, *, label: str, cut_at: int, width: int, rows: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """What the model sees: `label` and the caption, the part that it does not learn marked and in another colour.

    Args:
        caption: As it is trained.
        label: What stands in front, such as "the model sees (31 of 75 tokens):".
        cut_at: Characters of `caption` that are learnt.
        width: Cells of a line, with a margin of one on either side.
        rows: Lines at most; the last one ends with a sign where more would follow.
        glyphs: The terminal's signs.
    """
    pieces: list[tuple[str, Role]] = [(f"{label} ", "faint"), (printable(caption[:cut_at]).rstrip(), "text")]
    if cut_at < len(caption):
        beyond = printable(caption[cut_at:]).lstrip()
        pieces += [(f" {glyphs.vertical}not learnt: ", "warning"), (beyond, "warning")]
    lines = wrapped_parts(pieces, width - 2)
    if len(lines) > rows:
        lines = [*lines[: rows - 1], [*_shortened(lines[rows - 1], width - 3), (glyphs.ellipsis, "faint")]]
    return tuple([(" ", "text"), *line] for line in lines)


def _shortened(line: list[tuple[str, Role]], width: int) -> list[tuple[str, Role]]:
    kept: list[tuple[str, Role]] = []
    for text, role in line:
        room = width - sum(cell_len(before) for before, _ in kept)
        kept.append((text if cell_len(text) <= room else set_cell_size(text, max(0, room)), role))
    return kept
