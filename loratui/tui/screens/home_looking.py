"""How Home learns what there is: it looks at the disk in a thread when it is shown, and from time to time after that.

What lies outside of loratui's own folders, pictures and LoRA files, is asked for apart: a disk that does not answer
keeps back what lies there, and nothing else.
Knows nothing of rows and keys, and imports nothing that reads a profile or a run before the first frame is drawn.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from textual import work
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from loratui.tui.background import BACKGROUND, are_near, in_thread, threaded
from loratui.tui.frame import StepScreen
from loratui.tui.session import Session

if TYPE_CHECKING:
    from loratui.tui.app import Wizard
    from loratui.tui.screens.home_facts import Contents, HomeFacts

_LOOK_EVERY = 1.0
# With nothing at work, only somebody else could change what is listed.
_LOOKS_LEFT_OUT = 3
# After that the next folder is asked for.
_SECONDS_FOR_A_FOLDER = 2.0
_GROUP = "home-look"


class LookingScreen(StepScreen):
    """A screen that is told by `looked` what profiles and runs there are."""

    class Looked(Message):
        """The disk was looked at."""

        def __init__(self, contents: "Contents") -> None:
            super().__init__()
            self.contents = contents

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.contents: Contents | None = None
        self._facts: HomeFacts | None = None
        self._timer: Timer | None = None
        self._ticks = 0
        self._is_looking = self._is_asked_again = False
        self._is_finding_out = self._is_to_find_out = False
        self._unanswered: set[str] = set()

    @property
    def wizard(self) -> "Wizard":
        """The app."""
        return cast("Wizard", self.app)

    def looked(self, contents: "Contents", *, first: bool) -> None:
        """Show what there is."""

    def shown(self) -> None:
        """Look now, the pictures included, and from time to time."""
        self.call_after_refresh(self.look_again)
        self._timer = self._timer or self.set_interval(_LOOK_EVERY, self._tick)
        self._timer.resume()

    def hidden(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.pause()

    def look_again(self) -> None:
        """Look now, the pictures included."""
        self._is_to_find_out = True
        self._look()

    def _tick(self) -> None:
        self._ticks += 1
        busy = self.contents is not None and any(run.is_busy for run in self.contents.runs)
        if not self._is_looking and (busy or self._ticks % _LOOKS_LEFT_OUT == 0):
            self._look()

    def _look(self) -> None:
        if self._is_looking:
            self._is_asked_again = True
            return
        self._is_looking = True
        self._read()

    @threaded(group=_GROUP)
    def _read(self) -> None:
        from loratui.tui.screens.home_facts import HomeFacts

        facts = self._facts = self._facts or HomeFacts()
        self.post_message(self.Looked(facts.look()))

    def on_looking_screen_looked(self, message: Looked) -> None:
        """Keep what there is, and find out what is not known of it."""
        first, self.contents = self.contents is None, message.contents
        self.looked(message.contents, first=first)
        if self._facts is not None and not self._is_finding_out:
            anew, self._is_to_find_out = self._is_to_find_out, False
            if questions := self._facts.questions(message.contents, anew=anew):
                self._is_finding_out = True
                self._find_out(questions)

    @work(group="home-find-out", exit_on_error=False, description=BACKGROUND)
    async def _find_out(self, questions: Mapping[str, Callable[[], None]]) -> None:
        has_learnt = False
        try:
            for path, question in questions.items():
                if any(are_near((path,), (other,)) for other in tuple(self._unanswered)):
                    continue
                self._unanswered.add(path)
                try:
                    await asyncio.wait_for(in_thread(partial(self._answer, path, question)), _SECONDS_FOR_A_FOLDER)
                    has_learnt = True
                except TimeoutError:
                    self._look()
        finally:
            self._is_finding_out = False
        if has_learnt or self._is_to_find_out:
            self._look()

    def _answer(self, path: str, question: Callable[[], None]) -> None:
        try:
            question()
        finally:
            self._unanswered.discard(path)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say when something failed in a way that nobody foresaw; look again where that was asked for meanwhile."""
        worker = event.worker
        if event.state == WorkerState.ERROR and worker.error is not None:
            from loratui.crash import write_crash_log

            self.wizard.show_error(write_crash_log(worker.error))
        if worker.group == _GROUP and worker.is_finished:
            self._is_looking = False
            if self._is_asked_again:
                self._is_asked_again = False
                self._look()
