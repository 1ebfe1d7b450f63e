"""Step 6: with and without the LoRA side by side, at every strength, seed, epoch and base.

Shows what the run has drawn, and follows one that is not finished to its end; a worker is asked for the rest. Whatever
reads files or starts processes does so in a thread.
"""

from textual.app import ComposeResult
from textual.timer import Timer

from loratui.runs.finding import output_name
from loratui.safe_text import printable
from loratui.tui.keys import EVERYWHERE, entry_of
from loratui.tui.screens.try_acts import TryActs
from loratui.tui.screens.try_asking import Answered, Looked, Opened, Polled
from loratui.tui.screens.try_following import Following
from loratui.tui.screens.try_lines import help_text, plain_lines, refusal_words
from loratui.tui.screens.try_trial import Trial
from loratui.tui.screens.try_view import TryView
from loratui.tui.session import Session

_NOTHING = "There is nothing to try yet. Train first: 5 goes there."
_POLL_SECONDS = 0.3


class TryScreen(TryActs):
    """Two pictures, the strip of strengths, and what to take along."""

    STEP = "try"
    KEYS = (
        "stronger:Strength:←→",
        "row_below:Row:↑↓",
        "prompt",
        "new_seed:Seed",
        "fill:Grid",
        "keep",
        "copy",
        "act:Draw",
        "stop",
        "type_strength",
        "type_seed",
        "epoch",
        "others",
        "flip",
        "side_by_side",
        "train_here",
        "weaker",
        "row_above",
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._looked: Looked | None = None
        self._is_opening = False
        self._following: Following | None = None
        # What was looked at before something else was opened.
        self._left: Trial | None = None
        self._trouble = ""
        self._is_polling = False
        self._timer: Timer | None = None

    def compose_body(self) -> ComposeResult:
        """Words above, pictures, the strip, and what to take along."""
        yield TryView(self.session.glyphs)

    # What the frame asks

    def session_changed(self) -> None:
        """Look into the run, if it is another one or has gone on."""
        looked, trial = Looked(self.session.run, self.session.name), self.trial
        if looked != self._looked:
            self._looked, self._following, self._is_opening = looked, None, False
            self._left, self.trial = trial or self._left, None
            self._look_again()
        elif trial is None or not trial.is_finished or trial.run != looked.run:
            self._look_again()
        elif trial.is_of_profile:
            trial.take_settings(self.session.resolved().comparison)
            self.redraw_trial()

    def shown(self) -> None:
        """Look what the worker does while somebody looks."""
        self.hidden()  # a dialog that closes shows the screen again
        self._timer = self.set_interval(_POLL_SECONDS, self._tick)

    def hidden(self) -> None:
        """Nobody looks, and nobody waits for a picture that was only passed by."""
        if self._timer is not None:
            self._timer.stop()
        self.pass_by()

    def plain_text(self) -> str:
        """Tag, paths and the lines that fetch them; what was refused, whole."""
        return "\n".join(plain_lines(self.trial, self._refused)) if self.trial is not None else self.told

    def title_of_copy(self) -> str:
        """What the plain text is called."""
        return "To take along"

    def focus_help(self) -> tuple[str, str]:
        """How strengths are chosen, the whole prompt, and the whole of what was refused."""
        return "Which strength?", help_text(self.trial, self._refused)

    def keys_now(self) -> tuple[str, ...]:
        """Of each pair of arrows one says what both do."""
        return tuple(entry for entry in self.KEYS if entry not in ("weaker", "row_above"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense now."""
        names = {entry_of(entry).id for entry in self.KEYS}
        if action not in names or action in EVERYWHERE:
            return True
        trial = self.trial
        if trial is None:
            return False
        rows, coming, base = len(trial.rows) > 1, bool(trial.session.pending), bool(trial.wish.base)
        return {"row_above": rows, "row_below": rows, "stop": coming, "train_here": base}.get(action, True)

    # What comes back

    def on_opened(self, event: Opened) -> None:
        """Show what there is to try, unless something else is wanted by now."""
        if event.looked != self._looked:
            return
        before, self._left, self._is_opening = self.trial or self._left, None, False
        trial, self._following = event.trial, event.following
        if before is not None and (trial is None or trial.run != before.run):
            self._leave(before.run)
        elif before is not None and trial is not None:
            trial.go_on_from(before)
        self.trial = trial
        self._take_comparing()
        self._tell_unmet(event.trouble)
        self.redraw_trial()

    def on_polled(self, event: Polled) -> None:
        """Show what is new, and look again where there may be more to try."""
        self._is_polling = False
        if event.following is self._following and event.following is not None:
            self._take_comparing()
            trial, run = self.trial, self.session.run
            # Whoever tries an older run goes on with it until all of this one is there, and nothing is being drawn.
            is_free = trial is None or trial.run == run or (event.following.is_finished and not trial.session.pending)
            if event.has_more and is_free:
                self._look_again()
        if event.news:
            self.redraw_trial()

    def on_answered(self, event: Answered) -> None:
        """Say what came of it."""
        if event.kept is not None and self.trial is not None and self.trial.run == event.run:
            self.trial.kept = event.kept
        if event.words:
            self.say(event.words, "error" if event.is_error else "good" if event.kept else "note")
        self._trouble = event.words if event.is_error else ""
        self.redraw_trial()

    # Within

    @property
    def _refused(self) -> str:
        """Why the latest request was not drawn, or what else could not be done."""
        return (refusal_words(self.trial) if self.trial is not None else "") or self._trouble

    def _look_again(self) -> None:
        """Look into the run that there is to try, unless that is being done."""
        before = self.trial or self._left
        if self._looked is not None and not self._is_opening:
            self._is_opening = True
            session = before.session if before is not None else None
            self._open(self._looked, self.session.resolved().comparison, session, self._following)

    def _take_comparing(self) -> None:
        """Have the run's own drawing shown beside its pictures."""
        trial, following = self.trial, self._following
        if trial is not None:
            is_own = following is not None and trial.run == self.session.run
            trial.comparing = following.comparing if is_own and following is not None else ("", 0.0)

    def _tell_unmet(self, trouble: str) -> None:
        """Say why there is nothing to try; what a run at work will bring is nothing that a person has to do."""
        run = self.session.run
        is_of_session = Looked(run, self.session.name) == self._looked  # behind, another profile may be open
        if self.trial is None and not trouble and run is not None and self._following and self._following.is_busy:
            name = printable(output_name(run))
            self.told = f"There is nothing to try yet. What {name} saves first comes here by itself."
            if is_of_session:
                self.session.forget_unmet(self.STEP)
            return
        self.told = "" if self.trial is not None else trouble or _NOTHING
        if is_of_session:
            self.session.set_unmet(self.STEP, [self.told] if self.told else [])

    def _tick(self) -> None:
        if not self._is_polling and (self.trial is not None or self._following is not None):
            self._is_polling = True
            self._poll(self.trial, self._following)
