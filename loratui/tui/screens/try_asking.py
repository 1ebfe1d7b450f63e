"""What Try does in threads, reading files and starting processes, and the messages by which it comes back."""

from collections.abc import Callable, Sequence

from textual import work
from textual.message import Message

from loratui.errors import LoratuiError
from loratui.lora_file.card import WrittenCard
from loratui.profile.schema import Comparison
from loratui.runs.directory import RunDirectory
from loratui.runs.keeping import Kept, keep_strength
from loratui.runs.try_stopping import stop_session
from loratui.tui.frame import StepScreen
from loratui.tui.screens.try_lines import label
from loratui.tui.screens.try_trial import Trial, open_trial


class Opened(Message):
    """The run was looked into."""

    def __init__(self, run: RunDirectory, trial: Trial | None, trouble: str = "") -> None:
        super().__init__()
        self.run = run
        self.trial = trial
        self.trouble = trouble


class Polled(Message):
    """The worker was looked at."""

    def __init__(self, news: bool) -> None:
        super().__init__()
        self.news = news


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

    @work(thread=True, exclusive=True, exit_on_error=False, group="try-open")
    def _open(self, run: RunDirectory, current: Comparison | None, before: Trial | None) -> None:
        try:
            self.post_message(Opened(run, open_trial(run, current, before)))
        except LoratuiError as error:
            self.post_message(Opened(run, None, error.what))

    @work(thread=True, exit_on_error=False, group="try-leave")
    def _leave(self, run: RunDirectory) -> None:
        """Another run is looked at: the worker that was asked here for this one has nothing to do any more."""
        if run in self.session.tried:
            self.session.tried.discard(run)
            stop_session(run)

    @work(thread=True, exit_on_error=False, group="try-poll")
    def _poll(self, trial: Trial) -> None:
        news = False
        try:
            news = trial.session.poll()
        except LoratuiError as error:
            self.post_message(Answered(error.what, is_error=True))
        finally:
            self.post_message(Polled(news))

    @work(thread=True, exit_on_error=False, group="try-ask")
    def _ask(self, what: Callable[[], None], words: str = "") -> None:
        try:
            what()
        except LoratuiError as error:
            self.post_message(Answered(f"{error.what} {error.todo}".strip(), is_error=True))
        else:
            self.post_message(Answered(words))

    @work(thread=True, exclusive=True, exit_on_error=False, group="try-keep")
    def _keep(self, trial: Trial) -> None:
        picture, strength, file = trial.picture(trial.strength), trial.strength, trial.file
        if picture is None:
            return
        try:
            cards = keep_strength(trial.run, file, strength, picture)
        except LoratuiError as error:
            self.post_message(Answered(f"{error.what} {error.todo}".strip(), is_error=True))
            return
        self.post_message(
            Answered(_words(strength, cards), kept=Kept(strength, file.label, str(file.path)), run=trial.run)
        )


def _words(strength: float, cards: Sequence[WrittenCard]) -> str:
    """What was kept where, and which pictures stayed as they were."""
    first, *copies = cards
    own = [card.picture.name for card in cards if card.is_own_picture]
    files = f"{first.picture.name} and {first.described.name} are"
    words = f"Kept {label(strength)}: {f'{first.described.name} is' if first.is_own_picture else files} beside the LoRA"
    words += f" and its {len(copies)} {'copy' if len(copies) == 1 else 'copies'}" if copies else ""
    return f"{words}; your own {', '.join(own)} stays." if own else f"{words}."
