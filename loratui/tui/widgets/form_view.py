"""The drawing of a form: its listing as lines of one widget, then a rule and the help of the row under the cursor.

Knows no key and no text field; `form.py` has those.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from loratui.tui.fitting import wrapped
from loratui.tui.glyphs import Glyphs
from loratui.tui.widgets.form_lines import Part, Parts, Row, help_parts, row_parts, rule_parts
from loratui.tui.widgets.form_listing import Listing

_PARTS: tuple[Part, ...] = ("cursor", "label", "mark", "value", "note", "complaint", "heading", "help", "rule")
_STRONG = Style(bold=True)


class OfRow(Message):
    """Something about a row of a form."""

    def __init__(self, form: "RowsView", row_id: str) -> None:
        super().__init__()
        self.form = form
        self.row_id = row_id


class RowsView(Widget):
    """Rows, and below them what there is to say about the one under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows-form--{part}" for part in _PARTS}
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    RowsView {
        layers: rows editor;
        height: 1fr;
        overflow: hidden;
        & > .rows-form--cursor { color: $text-accent; text-style: bold; }
        & > .rows-form--mark { color: $text-accent; }
        & > .rows-form--note { color: $faint; }
        & > .rows-form--complaint { color: $text-error; }
        & > .rows-form--heading { color: $text-accent; }
        & > .rows-form--help { color: $text-muted; }
        & > .rows-form--rule { color: $rule; }
    }
    """

    def __init__(
        self, rows: Sequence[Row], help_rows: int, glyphs: Glyphs, *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._help_rows = help_rows
        self._glyphs = glyphs
        self._listing = Listing(rows)
        self._searching = False
        self._completions_told = ""
        self._drawn: list[tuple[Parts, bool]] = []

    @property
    def refused(self) -> dict[str, tuple[str, str]]:
        """Texts that were typed and not taken, with what is wrong with them, by the row's id."""
        return dict(self._listing.refused)

    def _lines_for_rows(self) -> int:
        below = self._help_rows + 1 if self._help_rows else 1 if self._searching or self._listing.query else 0
        return max(1, self.size.height - below)

    def render_line(self, y: int) -> Strip:
        """Draw a line: a row, the rule, or help."""
        if y >= len(self._drawn):
            return Strip.blank(self.size.width, self.rich_style)
        parts, strong = self._drawn[y]
        segments: list[Segment] = []
        for text, part in parts:
            style = self.get_component_rich_style(f"rows-form--{part}")
            if strong and part != "note":
                style += _STRONG
            # Spaces in front belong to what is before them: pictures of the screen swallow them otherwise.
            words = text.lstrip(" ")
            before = segments[-1].style if segments else style
            segments += [Segment(" " * (len(text) - len(words)), before), Segment(words, style)]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def on_focus(self) -> None:
        """Show that the keys come here."""
        self._redraw()

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self._redraw()

    def _redraw(self) -> None:
        """Draw the lines that are not as they were."""
        before, self._drawn = self._drawn, list(self._lines())
        if len(before) != len(self._drawn):
            self.refresh()
            return
        pairs = enumerate(zip(before, self._drawn, strict=True))
        changed = [Region(0, y, self.size.width, 1) for y, (old, new) in pairs if old != new]
        if changed:
            self.refresh(*changed)

    def _lines(self) -> Iterator[tuple[Parts, bool]]:
        listing, width, glyphs = self._listing, self.size.width, self._glyphs
        for place in range(listing.top, listing.top + listing.height):
            if place < len(listing.shown):
                at_cursor = place == listing.cursor
                yield (
                    row_parts(listing.shown[place], width, glyphs, at_cursor=at_cursor),
                    at_cursor and self.has_focus_within,
                )
            else:
                yield [], False
        if self._help_rows or self._searching or listing.query:
            yield rule_parts(listing, width, glyphs, searching=self._searching), False
        for text, part in self._text_below(max(1, width - 2)):
            yield [(f" {text}", part)], False

    def _text_below(self, width: int) -> Parts:
        if self._completions_told:
            below: Parts = [(line, "help") for line in wrapped(self._completions_told, width)[: self._help_rows]]
        else:
            below = help_parts(self._listing.row, width, self._help_rows, self._glyphs)
        return below + [("", "help")] * (self._help_rows - len(below))
