"""Choosing the folder with the pictures: typed with completion, or taken from the recent and the probable ones.

What a text would mean is worked out in a thread, since folders may lie on slow disks.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from loratui.dataset.folder_choice import Proposal, propose, unquoted
from loratui.safe_text import printable
from loratui.shown_paths import shown_path
from loratui.tui.background import BACKGROUND, OneAtATime
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.glyphs import Glyphs
from loratui.tui.path_completion import complete_folder
from loratui.tui.session import Session
from loratui.tui.widgets.completing_field import CompletingField

_SECONDS_OF_PATIENCE = 0.08
_MOST_RECENT = 12
_MOST_OFFERED = 200
_RECENT = "recent_folders"
# What keys do to the line although they were pressed below it.
_EDITING = {"backspace": Input.action_delete_left, "ctrl+u": Input.action_delete_left_all}


class Offer(NamedTuple):
    """A line to choose: what is typed or taken, what it is called, and why it is offered."""

    kind: str
    text: str
    label: str
    note: str


def recent_folders(session: Session) -> list[str]:
    """The folders that were chosen before, the latest first."""
    return [folder for folder in session.recall(_RECENT, []) if isinstance(folder, str)]


def remember_folder(session: Session, folder: str) -> None:
    """Offer a folder the next time."""
    others = [one for one in recent_folders(session) if one != folder]
    session.remember(_RECENT, [folder, *others][:_MOST_RECENT])


class FolderDialog(Dialog[str | None]):
    """Answers the chosen folder, or None for Esc. The folder exists: one that does not is made on request.

    Args:
        may_be_empty: Whether "" is an answer too.
    """

    BINDINGS = [
        Binding("escape", "leave", "Leave", id="leave"),
        Binding("tab", "complete", "Complete", id="complete", priority=True),
        Binding("down", "choose", "Choose", id="folder_dialog.down"),
    ]
    DEFAULT_CSS = """
    FolderDialog OptionList { max-height: 7; margin-top: 1; }
    FolderDialog #remark { min-height: 2; }
    """

    class Considered(Message, bubble=False):
        """What a text would mean."""

        def __init__(self, text: str, proposal: Proposal, completions: list[str], take: bool) -> None:
            super().__init__()
            self.text = text
            self.proposal = proposal
            self.completions = completions
            self.take = take

    def __init__(
        self,
        value: str,
        recent: Sequence[str],
        glyphs: Glyphs,
        *,
        title: str = "The folder with the pictures",
        text: str = "",
        may_be_empty: bool = False,
    ) -> None:
        super().__init__(classes="dialog")
        self._title, self._text, self._may_be_empty = title, text, may_be_empty
        self._value = value
        self._glyphs = glyphs
        self._recent = [path for path in recent if printable(path) == path]
        self._offers: tuple[Offer, ...] = ()
        self._disk = OneAtATime()

    def compose(self) -> ComposeResult:
        """The line, what it means, and what else there is."""
        with Vertical(classes="window"):
            yield Static(self._title, classes="dialog-title", markup=False)
            if self._text:
                yield Static(self._text, classes="dialog-text", markup=False)
            yield CompletingField(self._value, complete_folder, meant_by=unquoted, placeholder="~/pictures/emi")
            yield Static(id="remark", markup=False)
            yield OptionList(markup=False)
            keys = f"Enter take   Tab complete   {self._glyphs.down} choose   Esc back"
            yield Static(keys, classes="dialog-keys", markup=False)

    @property
    def typed(self) -> str:
        """What stands in the line."""
        return self.query_one(Input).value

    def on_mount(self) -> None:
        """Type at once, behind what is there."""
        self.query_one(Input).focus()
        self._offer(())
        self._consider(self._value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Work out what the text means by now."""
        event.stop()
        self._consider(event.value)

    def on_completing_field_completed(self, event: CompletingField.Completed) -> None:
        """Say what is in the way; the completions stand below the line anyway."""
        event.stop()
        if event.is_complaint:
            self._say(event.told, is_complaint=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it, if it can be taken."""
        event.stop()
        if event.value.strip():
            self._consider(event.value, take=True)
        elif self._may_be_empty:
            self.dismiss("")

    def _consider(self, text: str, take: bool = False) -> Worker[None]:
        description = "" if take else BACKGROUND  # the keys after Enter are for what it leads to

        # Not the coroutine itself: one that is replaced before it begins would never be awaited.
        async def look() -> None:
            await self._look_at(text, take)

        return self.run_worker(look, group="consider", exclusive=True, exit_on_error=False, description=description)

    async def _look_at(self, text: str, take: bool) -> None:
        if not take:
            await asyncio.sleep(_SECONDS_OF_PATIENCE)
        path = unquoted(text)

        def look() -> tuple[Proposal, list[str]]:
            proposal = propose(path) if text.strip() else Proposal(Path.home(), "wrong")
            return proposal, _completions(text) if text else []

        proposal, completions = await self._disk.ask(look, path)
        self.post_message(self.Considered(text, proposal, completions, take))

    def on_folder_dialog_considered(self, message: Considered) -> None:
        """Say what the text means, and offer what could be meant."""
        if message.text != self.query_one(Input).value:
            return
        proposal = message.proposal
        if message.take and proposal.state != "wrong":
            self.dismiss(str(proposal.path))
            return
        if message.take and len(proposal.instead) == 1:
            self.dismiss(str(proposal.instead[0]))
            return
        self._remark(proposal if message.text.strip() else None)
        self._offer(self._offers_for(message.text, proposal, message.completions))

    def on_key(self, event: events.Key) -> None:
        """Go on typing from the offers: every key that changes a text goes to the line, and up from the first does."""
        listing, line = self.query_one(OptionList), self.query_one(Input)
        if self.focused is not listing:
            return
        is_text = event.character is not None and event.is_printable
        if not (is_text or event.key in _EDITING or (event.key == "up" and not listing.highlighted)):
            return
        event.stop()
        line.focus()
        if is_text:
            line.insert_text_at_cursor(str(event.character))
        elif event.key in _EDITING:
            _EDITING[event.key](line)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the folder, or type the completion."""
        event.stop()
        offer = self._offers[event.option_index]
        line = self.query_one(Input)
        if offer.kind == "make":
            self._make(Path(offer.text))
        elif offer.kind == "completion":
            line.value = offer.text
            line.cursor_position = len(offer.text)
            line.focus()
        else:
            self.dismiss(offer.text)

    def action_choose(self) -> None:
        """Go down to what is offered."""
        if self._offers and self.focused is self.query_one(Input):
            self._go_to_offers()

    def _go_to_offers(self) -> None:
        # Before that none is marked: Enter means what was typed.
        listing = self.query_one(OptionList)
        listing.highlighted = 0
        listing.focus()

    async def action_complete(self) -> None:
        """Go back to the line, and type what all completions have in common; they stand below it anyway."""
        line = self.query_one(CompletingField)
        line.focus()
        await line.action_complete()

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def _make(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._say(f"The folder cannot be made ({printable(error.strerror or error)}).", is_complaint=True)
        else:
            self.dismiss(str(path))

    def _remark(self, proposal: Proposal | None) -> None:
        if proposal is None:
            self._say("Type its path, or choose a recent one." if self._recent else "Type its path.")
            return
        lines = [proposal.what]
        if proposal.state == "wrong":
            lines = [proposal.what, proposal.todo]
            if len(proposal.instead) == 1:
                lines = [proposal.what, f"Enter takes {shown_path(proposal.instead[0])}."]
        elif proposal.state == "empty":
            lines.append("It can be taken now and filled later.")
        self._say("\n".join(lines), is_complaint=proposal.state == "wrong")

    def _say(self, text: str, *, is_complaint: bool = False) -> None:
        remark = self.query_one("#remark", Static)
        remark.set_class(is_complaint, "complaint")
        remark.update(text)

    def _offers_for(self, text: str, proposal: Proposal, completions: list[str]) -> tuple[Offer, ...]:
        why = "all of them" if proposal.state == "usable" else "the pictures lie here"
        offers = [Offer("instead", str(path), shown_path(path), why) for path in proposal.instead if text.strip()]
        if proposal.can_be_made and text.strip():
            offers.append(Offer("make", str(proposal.path), f"Make {shown_path(proposal.path)}", "to be filled"))
        offers += [
            Offer("completion", one, f"{Path(one).name}/", "")
            for one in completions[:_MOST_OFFERED]
            if one != f"{text}/"
        ]
        if not text.strip():
            offers += [Offer("recent", path, shown_path(path), "recent") for path in self._recent]
        return tuple(offers)

    def _offer(self, offers: tuple[Offer, ...]) -> None:
        self._offers = offers
        listing = self.query_one(OptionList)
        listing.clear_options()
        listing.add_options(
            Option(Content.assemble(printable(offer.label), "  ", (offer.note, "$faint"))) for offer in offers
        )
        listing.display = bool(offers)


def _completions(text: str) -> list[str]:
    return complete_folder(unquoted(text))
