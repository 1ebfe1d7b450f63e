"""One line to type: what is wrong with it stands below as it is typed, Tab completes, Enter takes, Esc backs."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from loratui.safe_text import printable
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.widgets.completing_field import Complete, CompletingField

Check = Callable[[str], str]


class Entry(Dialog[str | None]):
    """Answers what was typed, or None for Esc.

    Args:
        check: Says what is wrong with a text, or "". Called at every key: it has to be quick.
        complete: What the text could become; one is taken by Tab, several are listed.
        meant_by: What a text means, which is completed instead.
    """

    BINDINGS = [Binding("escape", "leave", "Leave", id="leave")]

    def __init__(
        self,
        title: str,
        text: str = "",
        value: str = "",
        *,
        secret: bool = False,
        check: Check | None = None,
        complete: Complete | None = None,
        meant_by: Callable[[str], str] = str,
    ) -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._text = text
        self._value = value
        self._secret = secret
        self._check = check or (lambda _: "")
        self._complete = complete
        self._meant_by = meant_by

    def compose(self) -> ComposeResult:
        """Title, text, the line, what is wrong with it."""
        with Vertical(classes="window"):
            yield Static(printable(self._title), classes="dialog-title", markup=False)
            if self._text:
                lines = "\n".join(printable(line) for line in self._text.splitlines())
                yield Static(lines, classes="dialog-text", markup=False)
            yield CompletingField(self._value, self._complete, meant_by=self._meant_by, secret=self._secret)
            yield Static(id="remark", markup=False)
            completion = "   Tab complete" if self._complete else ""
            yield Static(f"Enter take   Esc back{completion}", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Type at once, behind what is there."""
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong so far."""
        event.stop()
        self._remark(self._check(event.value) if event.value else "", is_complaint=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, unless it is wrong."""
        event.stop()
        complaint = self._check(event.value)
        if complaint:
            self._remark(complaint, is_complaint=True)
        else:
            self.dismiss(event.value)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def on_completing_field_completed(self, event: CompletingField.Completed) -> None:
        """List what the text may become."""
        event.stop()
        if event.told:
            self._remark(event.told, is_complaint=event.is_complaint)

    def _remark(self, text: str, *, is_complaint: bool) -> None:
        remark = self.query_one("#remark", Static)
        remark.set_class(is_complaint, "complaint")
        remark.update("\n".join(printable(line) for line in text.splitlines()))
