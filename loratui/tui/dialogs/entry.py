"""One line to type: what is wrong with it stands below as it is typed, Tab completes, Enter takes, Esc backs."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from loratui.safe_text import printable
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.widgets.text_field import TextField

Check = Callable[[str], str]
Complete = Callable[[str], list[str]]
_SHOWN = 6


class Entry(Dialog[str | None]):
    """Answers what was typed, or None for Esc.

    Args:
        check: Says what is wrong with a text, or "". Called at every key: it has to be quick.
        complete: What the text could become; one is taken by Tab, several are listed.
    """

    BINDINGS = [
        Binding("escape", "leave", "Leave", id="leave"),
        Binding("tab", "complete", "Complete", id="complete", priority=True),
    ]

    def __init__(
        self,
        title: str,
        text: str = "",
        value: str = "",
        *,
        secret: bool = False,
        check: Check | None = None,
        complete: Complete | None = None,
    ) -> None:
        super().__init__(classes="dialog")
        self._title = title
        self._text = text
        self._value = value
        self._secret = secret
        self._check = check or (lambda _: "")
        self._complete = complete

    def compose(self) -> ComposeResult:
        """Title, text, the line, what is wrong with it."""
        with Vertical(classes="window"):
            yield Static(printable(self._title), classes="dialog-title", markup=False)
            if self._text:
                lines = "\n".join(printable(line) for line in self._text.splitlines())
                yield Static(lines, classes="dialog-text", markup=False)
            yield TextField(self._value, password=self._secret, compact=True, select_on_focus=False)
            yield Static(id="remark", markup=False)
            completion = "   Tab complete" if self._complete else ""
            yield Static(f"Enter take   Esc back{completion}", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Type at once, behind what is there."""
        line = self.query_one(Input)
        line.focus()
        line.cursor_position = len(self._value)
        # Once more when its width is known, so that a long text shows its end.
        self.call_after_refresh(line.action_end)

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

    def action_complete(self) -> None:
        """Type what all completions have in common; list them where there are several."""
        if self._complete is None:
            return
        line = self.query_one(Input)
        found = self._complete(line.value)
        if not found:
            self._remark("Nothing begins like that.", is_complaint=True)
            return
        common = _common_beginning(found)
        if len(common) > len(line.value) or len(found) == 1:
            line.value = common
            line.cursor_position = len(common)
        if len(found) > 1:
            shown = "   ".join(printable(_last_part(one)) for one in found[:_SHOWN])
            more = f"   and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            # The change of the line writes its own remark first.
            self.call_after_refresh(self._remark, shown + more, is_complaint=False)

    def _remark(self, text: str, *, is_complaint: bool) -> None:
        remark = self.query_one("#remark", Static)
        remark.set_class(is_complaint, "complaint")
        remark.update("\n".join(printable(line) for line in text.splitlines()))


def _common_beginning(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    length = next((place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), None)
    return first if length is None else first[:length]


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] + ("/" if path.endswith("/") else "")
