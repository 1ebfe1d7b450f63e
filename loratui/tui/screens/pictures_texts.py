"""The longer texts of the pictures' screen: the empty folder, the help, and the whole as plain text."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.dataset.folder_choice import Proposal, shown
from loratui.dataset.problems import DatasetFault, Problem
from loratui.environment.transfer import copy_to_here
from loratui.safe_text import printable
from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.pictures_lines import size_text

if TYPE_CHECKING:
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
    instead = "".join(f"\n  {shown(path)}" for path in proposal.instead[:3])
    meant = f"\n\nProbably meant:{instead}\n\nPress o, then Enter, to take it." if proposal.instead else ""
    return f"{proposal.what}\n{proposal.todo}{meant or chr(10) * 2 + 'Press o to choose another folder.'}"


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
