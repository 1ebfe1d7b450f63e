"""The line of news above the keys: a rule, until something is said; then as many rows as that takes, for some seconds.

What was said belongs to the screen; this knows how it is read, and what of it a person may want to copy.
"""

from typing import Literal

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from loratui.tui.fitting import cut, wrapped
from loratui.tui.session import Session

News = Literal["note", "good", "warning", "error"]
_STYLES: dict[News, str] = {
    "note": "$text",
    "good": "$text-success",
    "warning": "$text-warning",
    "error": "$text-error",
}
_SECONDS = 8.0
_SECONDS_FOR_A_FURTHER_ROW = 4.0
_SHARE_OF_SCREEN = 3
_MORE = "y shows all"


class NewsRows(Static):
    """Says one thing at a time.

    Attributes:
        to_copy: The last thing that was said, if it was an error or takes more than a third of the screen; it stays
            when the rule has come back, so that the path of a log can be copied.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(id="news", markup=False)
        self.to_copy = ""
        self._session = session
        self._said = ""
        self._kind: News = "note"
        self._timer: Timer | None = None

    def say(self, text: str, kind: News) -> None:
        """Say something instead of what was said before."""
        self._said, self._kind = text, kind
        lines, is_whole = self._lines()
        self.to_copy = text if kind == "error" or not is_whole else ""
        self.redraw()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_SECONDS + _SECONDS_FOR_A_FURTHER_ROW * (len(lines) - 1), self.be_silent)

    def unsay(self, text: str) -> None:
        """Take back what was said, if it still stands there."""
        if text == self._said:
            self.to_copy = ""
            self.be_silent()

    def be_silent(self) -> None:
        """Show the rule again."""
        self._said = ""
        self.redraw()

    def redraw(self) -> None:
        """Draw the rule or what is said as wide as the screen is."""
        if self._said:
            content = ("\n".join(self._lines()[0]), _STYLES[self._kind])
        else:
            content = (self._session.glyphs.rule * max(1, self.app.size.width - 2), "$rule")
        self.update(Content.assemble(content))

    def _lines(self) -> tuple[list[str], bool]:
        """What is said in lines that fit, and whether they are all of it."""
        width, height = self.app.size
        lines = wrapped(self._said, max(1, width - 2))
        room = max(1, height // _SHARE_OF_SCREEN)
        if len(lines) <= room:
            return lines, True
        end = cut(" ".join(lines[room - 1 :]), width - 3 - len(_MORE), self._session.glyphs)
        return [*lines[: room - 1], f"{end} {_MORE}"], False
