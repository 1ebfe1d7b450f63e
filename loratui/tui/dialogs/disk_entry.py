"""Asking for one line about which the disk is asked: in a thread, since it may not answer."""

import asyncio
from collections.abc import Callable
from functools import partial

from textual.widgets import Input

from loratui.dataset.folder_choice import unquoted
from loratui.tui.background import BACKGROUND, OneAtATime
from loratui.tui.dialogs.entry import Check, Entry

_SECONDS_OF_PATIENCE = 1.0
_NO_ANSWER = "The disk does not answer."


class DiskEntry(Entry):
    """Answers the text, or None for Esc. What is wrong with it is told as it is found out, and Enter waits for that.

    A path may be in quotes, or with backslashes, as terminals paste it; the answer has neither.

    Args:
        check: Says what is wrong with a text, or "". Called in a thread.
        complete: What the text could become.
    """

    def __init__(self, title: str, text: str, *, check: Check, complete: Callable[[str], list[str]]) -> None:
        super().__init__(title, text, complete=complete, meant_by=unquoted)
        self._look_at = check
        self._disk = OneAtATime()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong so far."""
        event.stop()
        event.prevent_default()
        self._begin(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, unless it is wrong."""
        event.stop()
        event.prevent_default()
        self._begin(event.value, take=True)

    def _begin(self, text: str, *, take: bool = False) -> None:
        description = "" if take else BACKGROUND  # the keys after Enter are for what it leads to
        self.run_worker(
            self._judge(text, take), group="check", exclusive=True, exit_on_error=False, description=description
        )

    async def _judge(self, text: str, take: bool) -> None:
        meant, complaint = text, ""
        if text or take:
            looking = self._disk.ask(partial(self._look, text), text)
            try:
                meant, complaint = await asyncio.wait_for(looking, _SECONDS_OF_PATIENCE)
            except TimeoutError:
                complaint = _NO_ANSWER
        if text != self.query_one(Input).value:
            return
        if take and not complaint:
            self.dismiss(meant)
        else:
            self._remark(complaint, is_complaint=True)

    def _look(self, text: str) -> tuple[str, str]:
        meant = unquoted(text)
        return meant, self._look_at(meant)
