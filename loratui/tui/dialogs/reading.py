"""Texts to read: a help page or a log, and plain text to be selected with the terminal's own means."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from loratui.safe_text import printable
from loratui.tui.dialogs.dialog import Dialog


class Pages(Dialog[None]):
    """A text in a window that scrolls, and can be copied."""

    BINDINGS = [
        Binding("escape,enter", "leave", "Back", id="leave"),
        Binding("question_mark", "leave", "Back", id="help"),
        Binding("y", "copy", "Copy", id="copy"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with Vertical(classes="window"):
            yield Static(printable(self._title), classes="dialog-title", markup=False)
            with VerticalScroll(classes="pages"):
                yield Static(_lines(self._text), markup=False)
            yield Static("↑↓ scroll   y copy   Esc back", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Have the text under the arrow keys."""
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        """Leave the text the rows that title and keys do not take: only it scrolls."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        others = self.query(".dialog-title, .dialog-keys")
        taken = sum(widget.outer_size.height + widget.styles.margin.height for widget in others)
        room = self.size.height - self.query_one(".window").gutter.height - taken
        self.query_one(".pages").styles.max_height = max(1, room)

    def action_copy(self) -> None:
        """Show the text from edge to edge, and send it to the terminal."""
        self.app.push_screen(PlainText(self._title, self._text))

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)


class PlainText(Dialog[None]):
    """A text from edge to edge, with nothing beside it that would be selected too; it is sent by OSC 52 as well."""

    BINDINGS = [Binding("escape,enter", "leave", "Back", id="leave"), Binding("y", "send", "Send again", id="copy")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(classes="plain")
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """The text, and below it what became of it."""
        with VerticalScroll():
            yield Static(_lines(self._text) or "There is nothing to copy here.", markup=False)
        yield Static(id="sent", markup=False)

    def on_mount(self) -> None:
        """Send the text to the terminal."""
        self.query_one(VerticalScroll).focus()
        self.action_send()

    def action_send(self) -> None:
        """Send the text to the terminal, which may put it into its clipboard."""
        if self._text:
            self.app.copy_to_clipboard(self._text.encode("utf-8", "replace").decode("utf-8"))
        sent = ": sent to the terminal" if self._text else ""
        self.query_one("#sent", Static).update(f" {printable(self._title)}{sent}. Esc back, y send again.")

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())
