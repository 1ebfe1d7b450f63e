"""A text field that Tab completes as in a shell. What its text may become is said by a function; knows no paths."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from loratui.safe_text import printable
from loratui.tui.background import OneAtATime
from loratui.tui.widgets.text_field import TextField

Complete = Callable[[str], list[str]]

_SHOWN = 6
_SECONDS_OF_PATIENCE = 1.0


class CompletingField(TextField):
    """One line; Tab types what all completions have in common, and tells which there are.

    Args:
        complete: What a text may become; called in a thread, since folders may lie on slow disks.
        meant_by: What a text means, such as a path without its quotes, which is completed instead; in a thread too.
        select: Whether its text is selected when the keys come to it.
        secret: Whether dots are drawn.
    """

    # With priority: what is typed behind Tab at once comes behind what Tab types.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", show=False, id="text.complete", priority=True),
    ]

    class Completed(Message):
        """Tab has typed what there was to type.

        Attributes:
            told: The completions in one line, or that there are none; "" where it was the only one.
            is_complaint: Whether nothing was found.
        """

        def __init__(self, told: str, is_complaint: bool) -> None:
            super().__init__()
            self.told = told
            self.is_complaint = is_complaint

    def __init__(
        self,
        text: str = "",
        complete: Complete | None = None,
        *,
        meant_by: Callable[[str], str] = str,
        select: bool = False,
        secret: bool = False,
        placeholder: str = "",
    ) -> None:
        super().__init__(text, placeholder=placeholder, password=secret, compact=True, select_on_focus=select)
        self._complete = complete
        self._meant_by = meant_by
        self._disk = OneAtATime()
        self.cursor_position = len(text)

    async def action_complete(self) -> None:
        """Type what all completions have in common."""
        if self._complete is None:
            return
        try:
            # Keys wait meanwhile, so that Enter takes what Tab types; not for long, where a disk does not answer.
            looking = self._disk.ask(partial(_look, self._meant_by, self._complete, self.value), self.value)
            meant, found = await asyncio.wait_for(looking, _SECONDS_OF_PATIENCE)
        except TimeoutError:
            self.post_message(self.Completed("The disk does not answer.", is_complaint=True))
            return
        common = common_beginning(found)
        if len(common) >= len(meant):
            self.value = common
            self.cursor_position = len(common)
        self.post_message(self.Completed(names_of(found), is_complaint=not found))


def _look(meant_by: Callable[[str], str], complete: Complete, text: str) -> tuple[str, list[str]]:
    meant = meant_by(text)
    return meant, complete(meant)


def common_beginning(texts: Sequence[str]) -> str:
    """What all texts begin with, letter by letter."""
    first, last = min(texts, default=""), max(texts, default="")
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))]


def names_of(found: Sequence[str]) -> str:
    """Completions in one line, without the folder that they share, such as `emi_day/   emi_night/   and 3 more`."""
    if len(found) < 2:
        return "" if found else "Nothing begins like that."
    folder, slash, _ = common_beginning(found).rpartition("/")
    names = [printable(one.removeprefix(folder + slash)) for one in found[:_SHOWN]]
    return "   ".join(names + [f"and {len(found) - _SHOWN} more"] * (len(found) > _SHOWN))
