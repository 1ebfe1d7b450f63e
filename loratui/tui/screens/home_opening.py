"""What Home opens, and where that leads: a profile with its newest run, or a run with the profile it was made from.

Knows nothing of the list; the row that is meant is told by the screen.
"""

from typing import TYPE_CHECKING

from loratui.errors import LoratuiError
from loratui.tui.messages import Go, ShowRun
from loratui.tui.screens.home_looking import LookingScreen
from loratui.tui.screens.home_news import EndedMeanwhile
from loratui.tui.screens.home_rows import ProfileEntry, Row
from loratui.tui.session import Session
from loratui.tui.steps import HOME
from loratui.tui.widgets.news import News

if TYPE_CHECKING:
    from loratui.runs.directory import RunDirectory
    from loratui.runs.glance import Glance

_WITHOUT_A_PROFILE = (HOME, "system")
_OF_A_RUN = ("train", "try")


class OpeningScreen(LookingScreen):
    """A screen whose rows can be opened."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.news = EndedMeanwhile(session)

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor."""
        return None

    def go_to(self, step: str) -> None:
        """Go to a step of what is under the cursor."""
        row = self.chosen
        try:
            if row is None or step in _WITHOUT_A_PROFILE:
                super().go_to(step)
            elif row.run is not None:
                self._go_to_run(row.run, step)
            elif row.profile is not None and row.profile.name != self.session.name:
                self.open_profile(row.profile.name, step)
            else:
                super().go_to(step)
        except LoratuiError as error:
            self.wizard.show_error(error)

    def _go_to_run(self, run: "Glance", step: str) -> None:
        if step in _OF_A_RUN:
            self.open_run(run, step)
        elif name := self.profile_of(run):
            self.open_profile(name, step, run.run)
        else:
            self.say("The profile of this run is not saved here: 5 shows the run, 6 its strengths.", "warning")

    def open_entry(self, entry: ProfileEntry) -> None:
        """Open a profile where a person would go on: at its run, or at its pictures."""
        try:
            self.open_profile(entry.name, "train" if entry.last is not None and entry.last.is_busy else "pictures")
        except LoratuiError as error:
            self.wizard.show_error(error)

    def open_profile(self, name: str, step: str, run: "RunDirectory | None" = None) -> None:
        """Open a saved profile with its newest run, or with `run`, and go to a step of it."""
        last = self.contents.last_run(name) if self.contents is not None else None
        self.session.open(name, run or (last.run if last is not None else None))
        self.post_message(Go(step))

    def open_run(self, run: "Glance", step: str) -> None:
        """Show a run, with the profile that it was made from where that is saved."""
        self.news.heard(run)
        self.post_message(ShowRun(run.run, step))

    def profile_of(self, run: "Glance") -> str:
        """The name of the saved profile that a run was made from; "" where there is none."""
        return self.contents.profile_named(run) if self.contents is not None else ""

    def say_later(self, text: str, kind: News) -> None:
        """Say something on the screen that comes to the front next."""

        def say() -> None:
            if self.wizard.step_screen is not None:
                self.wizard.step_screen.say(text, kind)

        self.set_timer(0.2, say)
