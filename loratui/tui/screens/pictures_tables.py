"""What stands in front of the pictures for a moment: all problems, the tags, and the sizes with their buckets."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from loratui.dataset.problems import Problem, counted
from loratui.dataset.tags import TagCount
from loratui.safe_text import printable
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.fitting import wrapped
from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.pictures_lines import size_text

if TYPE_CHECKING:
    from loratui.dataset.report import Report

_STYLES = {"stop": "$text-error", "warning": "$text-warning", "note": "$text-accent"}
# How the screen itself helps.
_HERE = {
    "missing-caption": " Enter at a picture does it here.",
    "control-characters": " Enter at the picture leaves them out; any change there is saved so.",
}
_BAR = 24
# Of a sentence, beside mark and scrollbar.
_WIDTH = 64
# More lines than anybody reads would only take time.
_MOST_TAGS, _MOST_PROBLEMS = 300, 200


class _Table(Dialog[int | None]):
    """Lines to choose from: Enter answers the place of a line, Esc answers nothing."""

    BINDINGS = [Binding("escape", "leave", "Leave", id="leave")]

    def __init__(self, title: str, lines: Sequence[Content], enter: str, glyphs: Glyphs) -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._lines = lines
        self._keys = f"{glyphs.up}{glyphs.down} choose   Enter {enter}   Esc back"

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        with Vertical(classes="window"):
            yield Static(self._title, classes="dialog-title", markup=False)
            listing = OptionList(*map(Option, self._lines), markup=False)
            listing.styles.max_height = "80vh"
            yield listing
            yield Static(self._keys, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Have the lines under the keys at once."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.option_index)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class ProblemsTable(_Table):
    """Every problem with its fix, the most serious first."""

    def __init__(self, problems: Sequence[Problem], glyphs: Glyphs) -> None:
        marks = {"stop": glyphs.cross, "warning": glyphs.unmet, "note": glyphs.dot}
        lines = [
            Content.assemble(
                (f"{marks[problem.severity]} ", _STYLES[problem.severity]),
                "\n  ".join(wrapped(problem.message, _WIDTH)),
                "\n  ",
                ("\n  ".join(wrapped(problem.fix + _HERE.get(problem.code, ""), _WIDTH)), "$faint"),
            )
            for problem in problems[:_MOST_PROBLEMS]
        ]
        notes = sum(problem.severity == "note" for problem in problems)
        counts = ((len(problems) - notes, "problem"), (notes, "note"))
        title = ", ".join(counted(count, what) for count, what in counts if count)
        super().__init__(title, lines, "show the picture", glyphs)


class TagsTable(_Table):
    """Every tag with the number of captions that hold it, and a bar."""

    def __init__(self, tags: Sequence[TagCount], captions: int, glyphs: Glyphs) -> None:
        most = max((tag.captions for tag in tags), default=1)
        digits = len(str(most))
        lines = [
            Content.assemble(
                (str(tag.captions).rjust(digits), "$text-accent"),
                "  ",
                (
                    (glyphs.bar_full * max(1, round(tag.captions / most * _BAR))).ljust(_BAR),
                    "$faint",
                ),
                f"  {printable(tag.tag)}",
            )
            for tag in tags[:_MOST_TAGS]
        ]
        title = f"{counted(len(tags), 'tag')} in {counted(captions, 'caption')}"
        super().__init__(title, lines, "show its pictures", glyphs)


def buckets_text(report: "Report", glyphs: Glyphs) -> str:
    """Which sizes there are, in which bucket each is trained, and how many samples and batches those make."""
    rows = [("trained at", "pictures", "samples", "batches", "comes from")]
    for bucket, samples in report.buckets.items():
        images = [image for image in report.images if image.placement.bucket == bucket]
        sizes = Counter((image.found.width, image.found.height) for image in images)
        common = [f"{size_text(size, glyphs)} ({count})" for size, count in sizes.most_common(3)]
        more = f" and {len(sizes) - 3} more" if len(sizes) > 3 else ""
        batches = -(-samples // report.batch_size)
        numbers = (str(len(images)), str(samples), str(batches))
        rows.append((size_text(bucket, glyphs), *numbers, ", ".join(common) + more))
    table = "\n".join(f"{row[0]:>10}  {row[1]:>8}  {row[2]:>7}  {row[3]:>7}  {row[4]}".rstrip() for row in rows)
    cut = [image for image in report.images if image.placement.resized != image.placement.bucket]
    most = max((image.placement.share_cut for image in cut), default=0.0)
    cropped = (
        f"\n\n{counted(len(cut), 'picture')} {'is' if len(cut) == 1 else 'are'} cropped to fit the bucket, "
        f"by {'' if len(cut) == 1 else 'up to '}{max(most, 0.01):.0%}."
        if cut
        else ""
    )
    return (
        f"{table}\n\n{counted(report.samples_per_epoch, 'sample')} and "
        f"{counted(report.batches_per_epoch, 'batch', 'batches')} of {report.batch_size} an epoch. "
        "A batch holds pictures of one bucket; the last of each may be short." + cropped
    )


def picture_of(problem: Problem, paths: Sequence[Path]) -> Path | None:
    """The picture that a problem is about: the file itself, or the one whose caption it is."""
    if problem.path is None:
        return None
    if problem.path in paths:
        return problem.path
    stem = problem.path.with_suffix("")
    return next((path for path in paths if path.with_suffix("") == stem), None)
