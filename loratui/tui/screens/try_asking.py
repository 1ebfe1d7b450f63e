"""What Try does in threads, reading files and starting processes, and the messages by which it comes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from loratui.errors import LoratuiError
from loratui.lora_file.card import WrittenCard
from loratui.paths import runs_directory
from loratui.profile.schema import Comparison
from loratui.profile.store import profile_path
from loratui.runs.directory import RunDirectory
from loratui.runs.keeping import Kept, keep_strength
from loratui.runs.tried_files import TriedFile, run_to_try
from loratui.runs.try_session import TrySession
from loratui.runs.try_stopping import stop_session
from loratui.tui.background import OneAtATime, threaded
from loratui.tui.frame import StepScreen
from loratui.tui.screens.try_following import Following, follow
from loratui.tui.screens.try_lines import label
from loratui.tui.screens.try_trial import Trial, open_trial
from loratui.tui.session import Session


@dataclass(frozen=True)
class Looked:
    """What Try is about.

    Attributes:
        run: The one that is shown, which need not be the one that is tried.
        profile: The open profile; "" where none is.
    """

    run: RunDirectory | None = None
    profile: str = ""


class Opened(Message):
    """The run was looked into; `following` tells what becomes of the one that is shown, where it may go on."""

    def __init__(self, looked: Looked, trial: Trial | None, following: Following | None, trouble: str = "") -> None:
        super().__init__()
        self.looked = looked
        self.trial = trial
        self.following = following
        self.trouble = trouble


class Polled(Message):
    """The worker was looked at, and the run: there may be news of either, and more to try."""

    def __init__(self, following: Following | None, *, news: bool, has_more: bool) -> None:
        super().__init__()
        self.following = following
        self.news = news
        self.has_more = has_more


class Answered(Message):
    """Something was done in a thread: what to say of it, and what was kept of which run."""

    def __init__(
        self, words: str, *, is_error: bool = False, kept: Kept | None = None, run: RunDirectory | None = None
    ) -> None:
        super().__init__()
        self.words = words
        self.is_error = is_error
        self.kept = kept
        self.run = run


class TryThreads(StepScreen):
    """The threads of Try's screen."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._disk = OneAtATime()

    @threaded(exclusive=True, group="try-open", about=lambda _, looked, *__: (looked.profile,))
    def _open(self, looked: Looked, asked: Comparison, session: TrySession | None, following: Following | None) -> None:
        """Look into the run that there is to try.

        Args:
            asked: What the open profile asks for, which counts where the run was made from it.
            session: What is known of the pictures of a run that was tried before, perhaps another one.
            following: The run that is shown, where it is followed already.
        """
        try:
            if following is None and looked.run is not None:
                following = follow(looked.run)
            run = run_to_try(looked.run, looked.profile, runs_directory())
            if run is None:
                self.post_message(Opened(looked, None, None))
                return
            origins = (looked.profile, str(profile_path(looked.profile).absolute())) if looked.profile else ()
            current = asked if run.read_origin() in origins else None
            known = session if session is not None and session.run == run else None
            self.post_message(Opened(looked, open_trial(run, current, known), following))
        except LoratuiError as error:
            self.post_message(Opened(looked, None, following, error.what))

    @threaded(group="try-leave")
    def _leave(self, run: RunDirectory) -> None:
        """Another run is looked at: the worker that was asked here for this one has nothing to do any more."""
        if run in self.session.tried:
            self.session.tried.discard(run)
            stop_session(run)

    @threaded(group="try-poll")
    def _poll(self, trial: Trial | None, following: Following | None) -> None:
        news = has_more = False
        try:
            if following is not None:
                before = following.comparing
                has_more = following.look()
                news = following.comparing != before
            if trial is not None:
                news |= trial.session.poll()
        except LoratuiError as error:
            self.post_message(Answered(error.what, is_error=True))
        finally:
            self.post_message(Polled(following, news=news, has_more=has_more))

    @threaded(group="try-ask")
    def _ask(self, what: Callable[[], object], words: str = "") -> None:
        try:
            what()
        except LoratuiError as error:
            self.post_message(Answered(f"{error.what} {error.todo}".strip(), is_error=True))
        else:
            self.post_message(Answered(words))

    @threaded(exclusive=True, group="try-keep", about=lambda _, run, file, *__: (str(file.path),))
    def _keep(self, run: RunDirectory, file: TriedFile, strength: float, picture: Path) -> None:
        try:
            cards = keep_strength(run, file, strength, picture)
        except LoratuiError as error:
            self.post_message(Answered(f"{error.what} {error.todo}".strip(), is_error=True))
            return
        self.post_message(Answered(_words(strength, cards), kept=Kept(strength, file.label, str(file.path)), run=run))


def _words(strength: float, cards: Sequence[WrittenCard]) -> str:
    """What was kept where, and which pictures stayed as they were."""
    first, *copies = cards
    own = [card.picture.name for card in cards if card.is_own_picture]
    files = f"{first.picture.name} and {first.described.name} are"
    words = f"Kept {label(strength)}: {f'{first.described.name} is' if first.is_own_picture else files} beside the LoRA"
    words += f" and its {len(copies)} {'copy' if len(copies) == 1 else 'copies'}" if copies else ""
    return f"{words}; your own {', '.join(own)} stays." if own else f"{words}."
