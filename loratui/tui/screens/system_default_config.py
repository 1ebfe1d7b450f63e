"""accelerate's own `default_config.yaml`: what would change in it is shown before it is written.

accelerate itself is asked twice, each time in a child process, which takes some seconds.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from loratui.environment.accelerate_config import DefaultConfig, Values, compare_default, write_default
from loratui.errors import ComputerError
from loratui.safe_text import printable
from loratui.tui.background import in_thread
from loratui.tui.dialogs import Pages
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.widgets.news import News

Say = Callable[[str, News], None]
_LEAVE, _WRITE = "leave", "write"
_HEAD_OF_DIFFERENCE = 2


async def offer_default_config(app: App[Any], values: Values, say: Say) -> None:
    """Show what would change in the file, and write it if a person agrees."""
    say("Asking accelerate: this takes some seconds.", "note")
    try:
        config = await in_thread(partial(compare_default, values))
        if config.before == config.after:
            say("accelerate's default_config.yaml says that already.", "good")
            return
        say("", "note")
        if not await app.push_screen_wait(Difference(config)):
            return
        say("Writing.", "note")
        await in_thread(partial(write_default, values, config))
    except ComputerError as error:
        say("accelerate's file was left as it is.", "error")
        app.push_screen(Pages("That did not work", f"{error.what}\n\n{error.todo}".rstrip()))
        return
    say("accelerate's default_config.yaml is written.", "good")


class Difference(Dialog[bool]):
    """Answers whether the file shall be written. What is there is harmless, and is preselected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="leave"),
        Binding("pageup", "scroll_difference(-1)", show=False, id="difference.up", priority=True),
        Binding("pagedown", "scroll_difference(1)", show=False, id="difference.down", priority=True),
    ]

    def __init__(self, config: DefaultConfig) -> None:
        super().__init__(classes="dialog")
        self._config = config

    def compose(self) -> ComposeResult:
        """The path, the difference, the answers, the keys."""
        there = self._config.before is not None
        title = f"{'Change' if there else 'Create'} {self._config.path}?"
        with Vertical(id="default-config", classes="window"):
            yield Static(printable(title), classes="dialog-title", markup=False)
            with VerticalScroll(id="difference", can_focus=False):
                yield Static(_coloured(self._config.difference[_HEAD_OF_DIFFERENCE:]), markup=False)
            leave = "Leave it as it is" if there else "Write nothing"
            yield OptionList(Option(leave, id=_LEAVE), Option("Write it", id=_WRITE), markup=False)
            yield Static("↑↓ choose   Enter take   PgUp PgDn scroll   Esc back", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Have the answers under the keys."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.option_id == _WRITE)

    def action_leave(self) -> None:
        """Write nothing."""
        self.dismiss(False)

    def action_scroll_difference(self, pages: int) -> None:
        """Show another part of the difference."""
        scroll = self.query_one("#difference", VerticalScroll)
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)


def _coloured(lines: tuple[str, ...]) -> Content:
    styles = {"+": "$text-success", "-": "$text-error"}
    parts: list[tuple[str, str]] = []
    for number, line in enumerate(lines):
        if not line.startswith("@@"):
            parts.append((f"{printable(line)}\n", styles.get(line[:1], "")))
        elif number:  # lines that stay as they are lie between
            parts.append(("...\n", "$faint"))
    return Content.assemble(*parts).rstrip()
