"""What Model sees and hears: rows found on the disk, answers of the hub, downloads; and how it draws them.

Its keys are in `model.py`; what a base is, and how it comes here, is decided in `loratui.hub`.
"""

from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.timer import Timer

from loratui.profile.schema import DEFAULT_BASE
from loratui.tui.background import Fault, Later, OneAtATime, in_background
from loratui.tui.frame import StepScreen
from loratui.tui.screens import model_asking as asking
from loratui.tui.screens.model_details import lacking
from loratui.tui.screens.model_downloads import DownloadWatch
from loratui.tui.screens.model_knowledge import Knowledge
from loratui.tui.screens.model_list import BaseList
from loratui.tui.screens.model_naming import NamedBases
from loratui.tui.screens.model_rows import ANOTHER
from loratui.tui.screens.model_view import ModelView
from loratui.tui.session import Session

if TYPE_CHECKING:
    from loratui.hub.downloads import DownloadProgress

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BEFORE_LOOKING = 0.15
_SECONDS_BEFORE_ASKING = 0.3


class ModelLooking(StepScreen):
    """Model without its keys."""

    STEP = "model"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._downloads = DownloadWatch()
        self._known = Knowledge(self._downloads)
        self._who = asking.Recognised(None, None)
        self._named = NamedBases(session)
        self._found_for: object = None
        self._wanted = ANOTHER
        self._turn = 0
        self._ticking: Timer | None = None
        self._disk = OneAtATime()
        self._look_later = Later(self, _SECONDS_BEFORE_LOOKING, self._look)
        self._ask_hub_later = Later(self, _SECONDS_BEFORE_ASKING, self._ask_hub)

    def compose_body(self) -> ComposeResult:
        """One view."""
        yield ModelView(self.session, self._known)

    # What the frame asks for

    def shown(self) -> None:
        """Look around anew, and follow downloads."""
        self.hidden()
        self._bases.focus()
        self._look_around()
        in_background(self, partial(asking.recognise, with_hub=self._who.account is None))
        self._ticking = self.set_interval(_SECONDS_BETWEEN_LOOKS, self._tick)

    def hidden(self) -> None:
        """Downloads go on by themselves."""
        if self._ticking is not None:
            self._ticking.stop()

    def session_changed(self) -> None:
        """Mark the profile's base, and look for it when it is another one."""
        if self._looked_for() != self._found_for:
            self._look_around()
        self._redraw()

    def plain_text(self) -> str:
        """What is on the screen, and where the base's terms are read."""
        return self._view.plain_text(self._who)

    # What comes back

    def on_cursor_list_moved(self) -> None:
        """Look for the base under the cursor, then ask the hub, when the cursor stays on it."""
        self._look_later.ask()
        self._redraw()
        self.refresh_keys()

    def on_found(self, event: asking.Found) -> None:
        """Show the rows."""
        if event.turn != self._turn:
            return
        self._downloads.follow(event.downloads)
        self._tick()
        self._view.show_rows(event.rows)
        for row in event.rows:
            if row.here and row.usable:
                self._named.found(row.base)
        if self._wanted != ANOTHER and self._wanted in [row.base for row in event.rows]:
            self._bases.go_to(self._wanted)
            self._wanted = ANOTHER
        for base in {self.session.profile.model.base, self._bases.row.base if self._bases.row else ANOTHER} - {ANOTHER}:
            in_background(self, partial(asking.look, base))
        self.refresh_keys()

    def on_looked(self, event: asking.Looked) -> None:
        """Keep what the disk says; ask the hub for the rest after a moment."""
        self._known.looked(event)
        self._redraw()
        self._ask_hub_later.ask()

    def on_asked(self, event: asking.Asked) -> None:
        """Keep what the hub says."""
        self._known.asked(event)
        if event.answer is not None:
            self._named.found(event.base)
        self._view.show_answer(event.base)
        self._redraw()

    def on_recognised(self, event: asking.Recognised) -> None:
        """Say who is signed in."""
        if event.account is None and event.error is None and event.tokens is not None and event.tokens.signed_in:
            event.account = self._who.account
        self._who = event
        self._redraw()

    def on_downloading(self, event: asking.Downloading) -> None:
        """Follow a download that has begun; say why it has not."""
        if event.download is not None:
            self._downloads.follow([event.download])
            self._tick()
            progress = self._downloads.progress[event.base]
            if progress.state != "running":  # it was that quick
                self._ended(event.base, progress)
        if event.error is not None:
            self.say(f"{event.error.what} {event.error.todo}", "error")

    def on_fault(self, event: Fault) -> None:
        """A fault of the program ends it in the usual way."""
        raise event.error

    # Drawing

    @property
    def _view(self) -> ModelView:
        return self.query_one(ModelView)

    @property
    def _bases(self) -> BaseList:
        return self._view.bases

    @property
    def _others(self) -> set[str]:
        """The bases that are only in the list because they were named, or a download of them was begun."""
        begun = {row.base for row in self._bases.rows if not row.here and not self._downloads.is_running(row.base)}
        return {*self._named.all, *begun} - {self.session.profile.model.base, DEFAULT_BASE, ANOTHER}

    def _looked_for(self) -> object:
        profile = self.session.profile
        return self.session.name, profile.model.base, tuple(profile.output.install_to)

    def _look_around(self) -> None:
        self._found_for = self._looked_for()
        self._turn += 1
        profile = self.session.profile
        named, taken_out = self._named.all, self._named.taken_out
        install_to = list(profile.output.install_to)
        in_background(self, partial(asking.find, self._turn, profile.model.base, named, taken_out, install_to))

    def _forget_answers(self) -> None:
        self._known.forget_answers()
        self.on_cursor_list_moved()

    def _look(self) -> None:
        row = self._bases.row
        if row is not None and row.base:
            in_background(self, partial(asking.look, row.base))

    def _ask_hub(self) -> None:
        """Ask about the profile's base and the one under the cursor."""
        row = self._bases.row
        for base in self._known.begin_asking((self.session.profile.model.base, row.base if row else ANOTHER)):
            in_background(self, partial(asking.ask, base))
        self._redraw()

    def _tick(self) -> None:
        """Read how downloads go; look around when one has ended."""
        changed, ended = self._downloads.look()
        for base, progress in ended:
            self._ended(base, progress)
        if changed:
            self._redraw()
            self.refresh_keys()

    def _ended(self, base: str, progress: "DownloadProgress") -> None:
        if progress.state == "finished":
            self.say(f"{base} is on this computer now.", "good")
        elif progress.state == "failed":
            self.say(f"{progress.what} {progress.todo}", "error")
        self._known.forget(base)
        self._look_around()

    def _redraw(self) -> None:
        if self.is_mounted and self._view.is_mounted:
            self._view.draw(self._who)
            self._tell_lacking()

    def _tell_lacking(self) -> None:
        base = self.session.profile.model.base
        row = next((row for row in self._bases.rows if row.base == base), None)
        facts = self._known.of(base)
        if row is None or not self.session.name or not facts.is_settled(row):
            return
        self.session.set_unmet(self.STEP, lacking(row, facts, self.session.profile.model))
