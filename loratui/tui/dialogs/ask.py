"""A question with a few answers: arrows choose, Enter takes, Esc takes none."""

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from loratui.safe_text import printable
from loratui.tui.dialogs.dialog import Dialog


class Choice(NamedTuple):
    """An answer: what it is called in code, for a person, and what it means."""

    id: str
    label: str
    explanation: str = ""


class Ask(Dialog[str | None]):
    """Answers the id of the choice, or None for Esc. The first choice is preselected, and so should be harmless."""

    BINDINGS = [Binding("escape", "leave", "Leave", id="leave")]

    def __init__(
        self, title: str, text: str, choices: Sequence[Choice | tuple[str, str, str] | tuple[str, str]]
    ) -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._text = text
        self._choices = [Choice(*choice) for choice in choices]

    def compose(self) -> ComposeResult:
        """Title, text, answers."""
        with Vertical(classes="window"):
            yield Static(printable(self._title), classes="dialog-title", markup=False)
            if self._text:
                yield Static(_lines(self._text), classes="dialog-text", markup=False)
            yield OptionList(*(Option(_answer(choice), id=choice.id) for choice in self._choices), markup=False)
            yield Static("↑↓ choose   Enter take   Esc back", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Have the answers under the keys at once."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.option_id)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


def _answer(choice: Choice) -> Content:
    if not choice.explanation:
        return Content(printable(choice.label))
    return Content.assemble(printable(choice.label), "  ", (printable(choice.explanation), "$faint"))


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())
