"""The rows below the picture: what the model sees of it, or a line to type in with what comes of it below."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from loratui.tui.widgets.changing_lines import ChangingLines, Line
from loratui.tui.widgets.row_field import RowField

# The text and the place of its cursor once the tag at the cursor is complete; None where nothing is to be completed.
CompleteTag = Callable[[str, int], tuple[str, int] | None]


class CaptionLine(RowField):
    """The line of a caption, in which Tab completes a tag wherever it stands."""

    DEFAULT_CSS = """
    CaptionLine, CaptionLine:focus {
        padding: 0 1;
    }
    """

    def __init__(self, text: str, placeholder: str, complete_tag: CompleteTag | None) -> None:
        super().__init__(text, placeholder=placeholder)
        self._complete_tag = complete_tag

    async def action_complete(self) -> None:
        """Type the rest of the tag."""
        if self._complete_tag and (completed := self._complete_tag(self.value, self.cursor_position)):
            self.value, self.cursor_position = completed


class CaptionPanel(Vertical):
    """Lines of text; while something is typed, the first is the text field."""

    DEFAULT_CSS = """
    CaptionPanel {
        height: 4;
    }
    """

    class Typed(Message):
        """The text has changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Done(Message):
        """Typing has ended.

        Attributes:
            text: What was typed.
            rows: Where to go on: -1 above, 1 below, 0 nowhere.
            escaped: Whether Esc ended it.
        """

        def __init__(self, text: str, rows: int, escaped: bool) -> None:
            super().__init__()
            self.text = text
            self.rows = rows
            self.escaped = escaped

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._line: CaptionLine | None = None

    def compose(self) -> ComposeResult:
        """The lines."""
        yield ChangingLines(id="caption-lines")

    @property
    def line(self) -> CaptionLine | None:
        """The text field, while there is one."""
        return self._line

    @property
    def rows(self) -> int:
        """Lines that there is room for."""
        return max(1, self.size.height - (self._line is not None))

    def show(self, lines: Sequence[Line]) -> None:
        """Show lines."""
        self.query_one(ChangingLines).show(lines)

    def edit(self, text: str, placeholder: str, complete_tag: CompleteTag | None = None) -> None:
        """Have something typed, beginning with `text`."""
        if self._line is not None:
            self._line.remove()
        self._line = CaptionLine(text, placeholder, complete_tag)
        self.mount(self._line, before=0)
        self._line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what was typed."""
        event.stop()
        if event.input is self._line:
            self.post_message(self.Typed(event.value))

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """End when the focus goes elsewhere within the program."""
        event.stop()
        if self.app.app_focus and event.input is self._line:
            self._end(0, escaped=False)

    def on_row_field_left(self, event: RowField.Left) -> None:
        """End."""
        event.stop()
        self._end(event.rows, escaped=event.escaped)

    def take(self) -> str | None:
        """End without a message; returns what was typed, None where nothing was."""
        line, self._line = self._line, None
        if line is None:
            return None
        line.remove()
        return line.value

    def _end(self, rows: int, *, escaped: bool) -> None:
        text = self.take()
        if text is not None:
            self.post_message(self.Done(text, rows, escaped))


class RuleLine(ChangingLines):
    """A thin line, lying or standing, as long as there is room."""

    DEFAULT_CSS = """
    RuleLine { height: 1; width: 100%; }
    RuleLine.-standing { height: 100%; width: 1; }
    """

    def __init__(self, sign: Callable[[], str], *, standing: bool = False) -> None:
        super().__init__(classes="-standing" if standing else None)
        self._sign = sign
        self._standing = standing

    def on_resize(self) -> None:
        """Reach from one end to the other."""
        if self._standing:
            self.show([[(self._sign(), "rule")]] * self.size.height)
        else:
            self.show([[(" ", "text"), (self._sign() * (self.size.width - 2), "rule")]])
