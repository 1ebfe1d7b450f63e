"""The texts of the pictures' screen: above and below the pictures, for an empty folder, as help, and to be copied."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.dataset.folder_choice import Proposal
from loratui.dataset.problems import DatasetFault, Problem, counted
from loratui.environment.transfer import copy_to_here
from loratui.safe_text import printable
from loratui.shown_paths import shown_path
from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.pictures_lines import heading, problems_line, seen_label, seen_lines, size_text, steps_text
from loratui.tui.widgets.changing_lines import Line

if TYPE_CHECKING:
    from loratui.profile.schema import Profile
    from loratui.tui.screens.pictures_album import Album

_MOST_ROWS = 300

HELP = """\
Each line of the list is a picture: its size, and the size at which it is trained where that is another one.
{check}  can be trained
{arrow}  is scaled into this bucket, and cropped a little where the shape differs
{unmet}  can be trained, but something is odd; the line below the picture says what
{cross}  is left out, or stops the training

Below the picture stands the text that the model sees: the first line of the caption file, with the trigger word in \
front. It reads so many tokens as dataset.max_token_length says; what lies beyond is not learnt.

Enter edits the caption. Enter or Esc ends and keeps it, up and down go on with the neighbour, Tab completes a tag \
from the other captions, and z takes it back afterwards."""


# Where this screen itself has the remedy.
_FIX_HERE = {"caption-not-utf8": "Enter shows it as far as it can be read; any change there is saved as UTF-8."}


def head_lines(album: "Album", profile: "Profile", width: int, glyphs: Glyphs, done: int | None) -> tuple[Line, Line]:
    """The folder with its figures, and how the check stands.

    Args:
        album: What is known.
        profile: The settings that decide the steps.
        width: Cells of a line.
        glyphs: The terminal's signs.
        done: Pictures that have been decoded; None once all have.
    """
    folder, files = shown_path(profile.dataset.path), len(album.paths)
    if not files:
        return heading(folder, "", width, glyphs), []
    if album.survey is None:
        figures = counted(files, "picture")
    else:
        figures = steps_text(files, album.survey.report, profile, glyphs)
    first = heading(folder, figures, width, glyphs)
    if album.query:
        found = f" /{printable(album.query)}   {len(album.shown)} of {files}, Esc shows all"
        return first, [(found, "accent")]
    if done is not None:
        return first, [(f" looking through {done} of {files}", "faint")]
    return first, problems_line(album.survey.report.problems if album.survey is not None else (), glyphs)


def caption_lines(album: "Album", path: Path | None, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """What is wrong with a picture, and what the model sees of it."""
    if path is None:
        return [[(" No picture contains that. Esc shows all again.", "faint")]] if album.query else []
    image, problem = album.found.get(path), album.problem_of(path)
    lines: list[Line] = []
    if problem is not None and problem.severity != "note":
        lines.append([(f" {problem.message}", "error" if album.row(path).state == "bad" else "warning")])
        lines.append([(f" {_FIX_HERE.get(problem.code, problem.fix)}", "faint")])
    if image is None or isinstance(album.results.get(path), DatasetFault):
        return lines
    if problem is not None and problem.severity == "warning":
        del lines[1:]  # the text matters more than the fix, which stands in the list of problems
    has_file = image.caption_path is not None
    return [*lines, *seen(album, image.caption, width, rows - len(lines), glyphs, has_file=has_file)]


def seen(album: "Album", caption: str, width: int, rows: int, glyphs: Glyphs, *, has_file: bool) -> tuple[Line, ...]:
    """What the model sees of a caption as it is trained."""
    section, tokens = album.section, album.tokens
    count, cut_at = tokens.cut(caption, section.max_token_length) if tokens is not None else (None, len(caption))
    label = seen_label(count, section, has_file=has_file, caption=caption)
    return seen_lines(caption, label=label, cut_at=cut_at, width=width, rows=rows, glyphs=glyphs)


def help_text(glyphs: Glyphs) -> str:
    """What the list and the text below it mean."""
    return HELP.format(check=glyphs.check, arrow=glyphs.arrow, unmet=glyphs.unmet, cross=glyphs.cross)


def nothing_text(proposal: Proposal | None) -> str:
    """What to do where there are no pictures to show."""
    if proposal is None:
        return (
            "No folder of pictures is chosen yet.\n\n"
            "Press o to choose it: 10 to 50 varied pictures, each with a caption in a text file of the same name "
            "(1.png and 1.txt). A folder named 5_emi_person shows each picture 5 times an epoch."
        )
    if proposal.state == "empty":
        lines = "\n".join(f"  {line}" for line in copy_to_here(proposal.path).splitlines())
        return (
            f"{proposal.what}\n\nBring them here, for instance with:\n\n{lines}\n\n"
            "This screen looks again by itself as files arrive. y shows the line to copy, o chooses another folder."
        )
    told = f"{proposal.what}\n{proposal.todo}\n\n"
    if not proposal.instead:
        return told + "Press o to choose the folder with the pictures."
    instead = "\n".join(f"  {shown_path(path)}" for path in proposal.instead[:3])
    keys = "Enter, to take it" if len(proposal.instead) == 1 else "↓ and Enter, to take one of them"
    return f"{told}Probably meant:\n{instead}\n\nPress o, then {keys}."


def plain_text(album: "Album", head: str, current: Path | None, problems: Sequence[Problem], glyphs: Glyphs) -> str:
    """The whole screen to be copied: the heading, every picture with its caption, and the problems."""
    lines = [head, ""]
    if current is not None and current in album.found:
        lines += [album.name_of(current), printable(album.found[current].caption), ""]
    for path in album.shown[:_MOST_ROWS]:
        row = album.row(path)
        size = size_text(row.size, glyphs) if row.size else ""
        bucket = f" {glyphs.arrow} {size_text(row.bucket, glyphs)}" if row.bucket else ""
        lines.append(f"{row.name}  {size}{bucket}  {row.reason}".rstrip())
        result = album.results.get(path)
        if path in album.found and not isinstance(result, DatasetFault):
            lines.append(f"    {printable(album.found[path].caption)}")
    if len(album.shown) > _MOST_ROWS:
        lines.append(f"and {len(album.shown) - _MOST_ROWS} more")
    for problem in problems:
        lines += ["", problem.message, f"  {problem.fix}"]
    return "\n".join(lines)
