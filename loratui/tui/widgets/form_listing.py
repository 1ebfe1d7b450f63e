"""Which rows of a form are shown and where the cursor is among them: search, refused texts, scrolling.

Knows no widget: the form asks where things are after each key.
"""

from collections.abc import Sequence
from dataclasses import replace

from loratui.tui.widgets.form_lines import Row


class Listing:
    """The rows of a form.

    Attributes:
        rows: All of them, as their owner has them.
        refused: Texts that were typed and not taken, with what is wrong with them, by the row's id.
        query: Only rows that contain these words are shown; "" shows all.
        shown: What is shown, refused texts included.
        cursor: Place in `shown`, never that of a heading; -1 when nothing is found.
        top: Place in `shown` of the first line.
        height: Lines there are for rows.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        self.refused: dict[str, tuple[str, str]] = {}
        self.query = ""
        self.shown: list[Row] = []
        self.cursor = -1
        self.top = 0
        self.height = 1
        self.choose()

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.shown[self.cursor] if 0 <= self.cursor < len(self.shown) else None

    @property
    def found(self) -> int:
        """Rows that are shown, without headings."""
        return sum(row.kind != "heading" for row in self.shown)

    @property
    def beneath(self) -> int:
        """Rows below the last line."""
        return max(0, len(self.shown) - self.top - self.height)

    def as_typed(self) -> list[Row]:
        """All rows, those with a refused text with that and its complaint."""
        return [self._as_typed(row) for row in self.rows]

    def put(self, row_id: str, text: str) -> None:
        """Give a row a text that was taken; how a list looks is for its owner to say."""
        self.refused.pop(row_id, None)
        self.rows = tuple(_with_text(row, text) if row.id == row_id else row for row in self.rows)

    def choose(self) -> None:
        """Work out what is shown; the cursor stays on its row where that is among it."""
        before, rows = self.row, self.as_typed()
        # Help texts are searched only for what no row is called: "rate" is in "generate" too.
        named = any(row.kind != "heading" and row.is_called(self.query) for row in rows)
        found = Row.is_called if named else Row.tells_of
        shown: list[Row] = []
        for row in rows:
            if row.kind == "heading":
                if shown and shown[-1].kind == "heading":
                    shown.pop()
                shown.append(row)
            elif not self.query or found(row, self.query):
                shown.append(row)
        while shown and shown[-1].kind == "heading":
            shown.pop()
        self.shown = shown
        self.cursor = self.place_of(before.id) if before is not None else -1
        if self.cursor < 0:
            self.cursor = self.selectable(0, 1)
        self.scroll()

    def place_of(self, row_id: str) -> int:
        """Where a row is shown; -1 where it is not."""
        found = (place for place, row in enumerate(self.shown) if row.id == row_id and row.kind != "heading")
        return next(found, -1)

    def selectable(self, place: int, step: int) -> int:
        """The nearest row from `place` on that is no heading; -1 when there is none."""
        while 0 <= place < len(self.shown):
            if self.shown[place].kind != "heading":
                return place
            place += step
        return -1

    def move(self, rows: int) -> None:
        """Go `rows` rows down, over headings, at most to the end."""
        if not self.shown:
            return
        step = 1 if rows > 0 else -1
        wanted = min(max(self.cursor + rows, 0), len(self.shown) - 1)
        place = self.selectable(wanted, step)
        self.go(place if place >= 0 else self.selectable(wanted, -step))

    def go(self, place: int) -> None:
        """Put the cursor on a place of `shown`."""
        if place >= 0:
            self.cursor = place
            self.scroll()

    def scroll(self) -> None:
        """Keep the cursor in sight, and the heading above it where that fits."""
        first = max(self.cursor, 0)
        while first > 0 and self.shown[first - 1].kind == "heading":
            first -= 1
        if first < self.top:
            self.top = first
        if self.cursor >= self.top + self.height:
            self.top = self.cursor - self.height + 1
        self.top = max(0, min(self.top, len(self.shown) - self.height))

    def _as_typed(self, row: Row) -> Row:
        text, complaint = self.refused.get(row.id, ("", ""))
        if not complaint:
            return row
        return replace(row, value=" ".join(text.split("\n")), text=text, complaint=complaint)


def _with_text(row: Row, text: str) -> Row:
    return replace(row, text=text) if row.kind == "list" else replace(row, value=text, text=None)
