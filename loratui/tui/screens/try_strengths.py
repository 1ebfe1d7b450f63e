"""Step 6: with and without the LoRA side by side, at every strength, seed, epoch and base.

Shows what the run has drawn; a worker is asked for the rest. Whatever reads files or starts processes does so in a
thread.
"""

import secrets
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.timer import Timer

from loratui.profile.schema import Comparison
from loratui.profile.store import profile_path
from loratui.runs.directory import RunDirectory
from loratui.safe_text import printable
from loratui.tui.base_choice import choose_base
from loratui.tui.keys import EVERYWHERE, entry_of
from loratui.tui.messages import Go
from loratui.tui.screens import try_dialogs
from loratui.tui.screens.try_asking import Answered, Opened, Polled, TryThreads
from loratui.tui.screens.try_lines import help_text, plain_lines
from loratui.tui.screens.try_trial import Trial
from loratui.tui.screens.try_view import Place, TryView
from loratui.tui.session import Session

_NOTHING = "There is nothing to try yet. Train first: 5 goes there."
_SEEDS = 1_000_000
_POLL_SECONDS = 0.3
# Whoever runs along the strip means the strength where they stop.
_PAUSE_SECONDS = 0.4


class TryScreen(TryThreads):
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
        "type_seed",
        "epoch",
        "others",
        "flip",
        "train_here",
        "weaker",
        "row_above",
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._trial: Trial | None = None
        self._opening: RunDirectory | None = None
        self._told = ""
        self._place: Place = "both"
        self._trouble = ""
        self._is_polling = False
        self._timer: Timer | None = None
        self._pause: Timer | None = None

    def compose_body(self) -> ComposeResult:
        """Words above, pictures, the strip, and what to take along."""
        yield TryView(self.session.glyphs)

    # What the frame asks

    def session_changed(self) -> None:
        """Look into the run, if it is another one or has gone on."""
        run = self.session.run
        if self._trial is not None and self._trial.run != run:
            self._leave(self._trial.run)
            self._trial = None
        if run is None:
            self._opening = None
            self._tell_unmet(_NOTHING)
            self._redraw()
        elif self._opening != run and (self._trial is None or not self._trial.is_finished):
            self._opening = run
            self._open(run, self._current(run), self._trial)
        elif self._trial is not None and (current := self._current(run)) is not None:
            self._trial.take_settings(current)
            self._redraw()

    def shown(self) -> None:
        """Look what the worker does while somebody looks."""
        self.hidden()  # a dialog that closes shows the screen again
        self._timer = self.set_interval(_POLL_SECONDS, self._tick)

    def hidden(self) -> None:
        """Nobody looks, and nobody waits for a picture that was only passed by."""
        for timer in (self._timer, self._pause):
            if timer is not None:
                timer.stop()

    def plain_text(self) -> str:
        """Tag, paths and the lines that fetch them; what was refused, whole."""
        return "\n".join(plain_lines(self._trial, self._refused)) if self._trial is not None else _NOTHING

    def title_of_copy(self) -> str:
        """What the plain text is called."""
        return "To take along"

    def focus_help(self) -> tuple[str, str]:
        """How strengths are chosen, the whole prompt, and the whole of what was refused."""
        return "Which strength?", help_text(self._trial, self._refused)

    def keys_now(self) -> tuple[str, ...]:
        """Of each pair of arrows one says what both do."""
        return tuple(entry for entry in self.KEYS if entry not in ("weaker", "row_above"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense now."""
        names = {entry_of(entry).id for entry in self.KEYS}
        if action not in names or action in EVERYWHERE:
            return True
        trial = self._trial
        if trial is None:
            return False
        rows, coming, base = len(trial.rows) > 1, bool(trial.session.pending), bool(trial.wish.base)
        return {"row_above": rows, "row_below": rows, "stop": coming, "train_here": base}.get(action, True)

    # Keys

    def action_weaker(self) -> None:
        """Look at the next lower strength."""
        self._step(-1)

    def action_stronger(self) -> None:
        """Look at the next higher strength."""
        self._step(1)

    def action_row_above(self) -> None:
        """Look at the row that was drawn before."""
        self._go_to_row(-1)

    def action_row_below(self) -> None:
        """Look at the row that was drawn after."""
        self._go_to_row(1)

    def action_flip(self) -> None:
        """Flip between without and with, in one place."""
        self._place = "with" if self._place == "without" else "without"
        self._redraw()

    def action_act(self) -> None:
        """Draw what is looked at."""
        self._draw()

    def action_stop(self) -> None:
        """Take back what is not drawn yet."""
        if self._trial is not None:
            self._ask(self._trial.session.cancel, "Stopped.")

    def action_new_seed(self) -> None:
        """Draw the same with other noise."""
        self._change({"seed": secrets.randbelow(_SEEDS)})

    def action_type_seed(self) -> None:
        """Draw the same with the noise of a seed that somebody names."""
        self._ask_for(try_dialogs.ask_seed)

    def action_prompt(self) -> None:
        """Draw another prompt."""
        self._ask_for(try_dialogs.ask_prompt)

    def action_epoch(self) -> None:
        """Draw with another saved file."""
        self._ask_for(try_dialogs.ask_epoch)

    def action_others(self) -> None:
        """Draw with other LoRAs, or on another base."""
        self._ask_for(try_dialogs.ask_others)

    @work(exclusive=True, group="try-dialog")
    async def action_fill(self) -> None:
        """Draw a grid."""
        trial = self._trial
        if trial is not None and (prompts := await try_dialogs.ask_rows(self.app, trial)) is not None:
            self.session.tried.add(trial.run)
            self._ask(lambda: trial.fill(prompts), "The grid is being drawn; it is written beside the LoRA.")

    def action_keep(self) -> None:
        """Write the cards for this strength."""
        trial = self._trial
        if trial is None:
            return
        if trial.strength == 0 or trial.picture(trial.strength) is None:
            self.say("Choose a strength whose picture is drawn: the card shows it.", "warning")
            return
        self._keep(trial)

    def action_train_here(self) -> None:
        """Have the profile train on the base that is looked at."""
        if self._trial is None or not self._trial.wish.base:
            return
        base = self._trial.wish.base
        complaint, remark = choose_base(self.session, base)
        if complaint:
            self.say(complaint, "error")
        else:
            name = Path(printable(base)).name
            self.post_message(Go("train", lambda screen: screen.say(f"{name} is the base now{remark}.", "good")))

    # What comes back

    def on_opened(self, event: Opened) -> None:
        """Show the run, unless another one is wanted by now."""
        self._opening = None
        if event.run != self.session.run:
            return
        self._trial = event.trial
        self._tell_unmet("" if event.trial is not None else event.trouble or _NOTHING)
        self._redraw()

    def on_polled(self, event: Polled) -> None:
        """Show what is new."""
        self._is_polling = False
        if event.news:
            self._redraw()

    def on_answered(self, event: Answered) -> None:
        """Say what came of it."""
        if event.kept is not None and self._trial is not None and self._trial.run == event.run:
            self._trial.kept = event.kept
        if event.words:
            self.say(event.words, "error" if event.is_error else "good" if event.kept else "note")
        self._trouble = event.words if event.is_error else ""
        self._redraw()

    # Within

    def _current(self, run: RunDirectory) -> Comparison | None:
        """The comparison that the open profile asks for, where the run was made from it."""
        name = self.session.name
        is_own = bool(name) and run.read_origin() in (name, str(profile_path(name).absolute()))
        return self.session.resolved().comparison if is_own else None

    @property
    def _refused(self) -> str:
        """Why the latest request was not drawn, or what else could not be done."""
        refusal = self._trial.session.refusal if self._trial is not None else None
        return f"{refusal.what} {refusal.todo}".strip() if refusal is not None else self._trouble

    def _tell_unmet(self, reason: str) -> None:
        self._told = reason
        self.session.set_unmet(self.STEP, [reason] if reason else [])

    def _tick(self) -> None:
        if self._trial is not None and not self._is_polling:
            self._is_polling = True
            self._poll(self._trial)

    def _step(self, distance: int) -> None:
        trial = self._trial
        if trial is None or not trial.step(distance):
            return
        self._place = "both"
        self._redraw()
        if self._pause is not None:
            self._pause.stop()
        if trial.picture(trial.strength) is None and trial.is_finished:
            self._pause = self.set_timer(_PAUSE_SECONDS, self._draw)

    def _go_to_row(self, distance: int) -> None:
        if self._trial is not None and self._trial.go_to_row(distance):
            if self._pause is not None:
                self._pause.stop()
            self._redraw()

    @work(exclusive=True, group="try-dialog")
    async def _ask_for(self, ask: try_dialogs.Question) -> None:
        if self._trial is not None and (changed := await ask(self.app, self._trial)) is not None:
            self._change(changed)

    def _change(self, fields: try_dialogs.Changes) -> None:
        if self._trial is not None:
            self._trial.change(**fields)
        self._draw()

    def _draw(self) -> None:
        trial = self._trial
        if trial is not None and trial.missing:
            self.session.tried.add(trial.run)
            self._ask(trial.draw)
        self._redraw()

    def _redraw(self) -> None:
        """Show everything as it is now."""
        if self.is_mounted:
            self.query_one(TryView).show(self._trial, self._told, self._place)
            self.refresh_bindings()
