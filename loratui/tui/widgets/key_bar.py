"""The line at the bottom: which keys work here now."""

from collections.abc import Iterable

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

Entry = tuple[str, str]


class KeyBar(Static):
    """`s Save  v Preview  …  ? Help  : More`; what does not fit is left out from the right, help and more stay."""

    def __init__(self) -> None:
        super().__init__(id="key-bar", markup=False)
        self._entries: tuple[Entry, ...] = ()
        self._last: tuple[Entry, ...] = ()
        self._drawn: Content | None = None

    def show(self, entries: Iterable[Entry], last: Iterable[Entry]) -> None:
        """Show keys with their labels; `last` stay at the end whatever the width."""
        self._entries, self._last = tuple(entries), tuple(last)
        self._redraw()

    def on_resize(self) -> None:
        """Show as many keys as fit now."""
        self._redraw()

    def _redraw(self) -> None:
        width = self.size.width or 80
        room = width - 1 - sum(map(_width, self._last))
        shown: list[Entry] = []
        for entry in self._entries:
            if _width(entry) > room:
                break
            room -= _width(entry)
            shown.append(entry)
        parts: list[Content | tuple[str, str] | str] = [" "]
        for key, label in [*shown, *self._last]:
            parts += [(key, "bold $text-accent"), f" {label}  "]
        line = Content.assemble(*parts).rstrip()
        if line != self._drawn:
            self._drawn = line
            self.update(line)


def _width(entry: Entry) -> int:
    return cell_len(entry[0]) + cell_len(entry[1]) + 3
