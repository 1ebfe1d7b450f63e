"""How a row of a form looks: label, mark, value and note in columns, cut to the width by cells.

Knows text and widths; where the cursor is and what a key does is `form.py`'s matter.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len, set_cell_size

from loratui.safe_text import printable
from loratui.tui.fitting import cut, cut_start, wrapped
from loratui.tui.glyphs import Glyphs

if TYPE_CHECKING:
    from loratui.tui.widgets.form_listing import Listing

Kind = Literal["text", "choice", "switch", "list", "path", "action", "heading"]
Part = Literal["cursor", "label", "mark", "value", "note", "complaint", "heading", "help", "rule"]
Parts = list[tuple[str, Part]]

YES, NO = "yes", "no"
LABEL_WIDTH = 26
VALUE_COLUMN = 2 + LABEL_WIDTH + 3
_NOTE_GAP = 2
_NAME = re.compile(r"[^\W_]+(?:[-/][^\W_]+)*")
_NOTE_COLUMN = 14


@dataclass(frozen=True)
class Row:
    """A line of a form.

    Attributes:
        id: By which messages name the row.
        label: At most 26 columns.
        value: As it is shown; "yes" or "no" in a switch.
        kind: How Enter edits it; a "heading" is passed over, an "action" only tells that it was chosen.
        choices: What a "choice" may become.
        help: Shown below the rows while the cursor is here.
        note: Dim, right of the value; left out where it does not fit.
        complaint: What is wrong with the value although it was taken.
        text: What editing begins with where that is not `value`; of a "list" one entry a line.
        changed: Whether the row gets the mark of a value that is not the default.
        found_by: Further words by which the search finds the row.
        late: Whether its text is taken when the field is left, and not at every key.
    """

    id: str
    label: str
    value: str = ""
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    help: str = ""
    note: str = ""
    complaint: str = ""
    text: str | None = None
    changed: bool = False
    found_by: str = ""
    late: bool = False

    @property
    def editable_text(self) -> str:
        """What editing begins with."""
        return self.value if self.text is None else self.text

    def is_called(self, words: str) -> bool:
        """Whether each of `words` begins a word of what the row is called, or of its value."""
        text = " ".join((self.label, self.id, self.value, self.found_by)).lower()
        names = _NAME.findall(text)
        return all(any(name.startswith(word) for name in names) or word in names for word in words.lower().split())

    def tells_of(self, words: str) -> bool:
        """Whether all of `words` occur in what the row is called or in its help."""
        text = " ".join((self.label, self.id, self.value, self.found_by, self.help)).lower()
        return all(word in text for word in words.lower().split())


def row_parts(row: Row, width: int, glyphs: Glyphs, *, at_cursor: bool) -> Parts:
    """The parts of a row's line, together exactly `width` cells."""
    sign = f"{glyphs.current} " if at_cursor else "  "
    if row.kind == "heading":
        return [(set_cell_size(f" {printable(row.label)}", width), "heading")]
    mark = glyphs.unmet if row.complaint else glyphs.dot if row.changed else " "
    parts: Parts = [
        (sign, "cursor"),
        (cut(row.label, LABEL_WIDTH, glyphs, pad=True), "label"),
        (f" {mark} ", "complaint" if row.complaint else "mark"),
    ]
    room = width - VALUE_COLUMN - 1
    value = (cut_start if row.kind == "path" else cut)(row.value, room, glyphs)
    note = printable(row.note)
    parts.append((value, "complaint" if row.complaint else "value"))
    used = cell_len(value)
    # Notes stand in a column of their own where values are short and there is room for that.
    gaps = [gap for gap in (_NOTE_COLUMN - used, _NOTE_GAP) if gap >= _NOTE_GAP] if value else [0]
    gap = next((gap for gap in gaps if used + gap + cell_len(note) <= room), None)
    if note and gap is not None:
        parts.append((" " * gap + note, "note"))
        used += gap + cell_len(note)
    parts.append((" " * (width - VALUE_COLUMN - used), "value"))
    return parts


def rule_parts(listing: "Listing", width: int, glyphs: Glyphs, *, searching: bool) -> Parts:
    """The line between rows and help: how many rows there are beyond the lines, or what is searched."""
    if searching:
        return [("/ ", "cursor")]
    if listing.query:
        return [(f"/ {printable(listing.query)}", "cursor"), (f"   {listing.found} found, Esc shows all", "note")]
    hidden = [(glyphs.up, listing.top), (glyphs.down, listing.beneath)]
    more = "   ".join(f"{sign} {count} more" for sign, count in hidden if count)
    ending = f" {more} {glyphs.rule * 2}" if more else ""
    return [(f" {glyphs.rule * max(0, width - 2 - cell_len(ending))}{ending}", "rule")]


def help_parts(row: Row | None, width: int, rows: int, glyphs: Glyphs) -> Parts:
    """The lines below the rows: what is wrong, then the help; as many as fit into `rows`."""
    if row is None:
        return []
    lines: Parts = []
    if row.complaint:
        lines += [(line, "complaint") for line in wrapped(printable(row.complaint), width)]
    lines += [(line, "help") for line in wrapped(printable(row.help), width)]
    if len(lines) > rows:
        last, part = lines[rows - 1]
        lines[rows - 1 :] = [(cut(f"{last} {lines[rows][0]}", width, glyphs), part)]
    return lines
