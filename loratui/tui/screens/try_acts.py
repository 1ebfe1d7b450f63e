"""What the keys of Try do: other strengths, rows, prompts, seeds and grids. Looks into no run, and draws nothing."""

import secrets
from pathlib import Path

from textual import work
from textual.timer import Timer

from loratui.safe_text import printable
from loratui.tui.base_choice import take_base
from loratui.tui.messages import Go
from loratui.tui.screens import try_dialogs
from loratui.tui.screens.try_asking import TryThreads
from loratui.tui.screens.try_trial import Trial
from loratui.tui.screens.try_view import NEXT, Place, TryView
from loratui.tui.session import Session

_SEEDS = 1_000_000
# Whoever runs along the strip means the strength where they stop.
_PAUSE_SECONDS = 0.4


class TryActs(TryThreads):
    """A screen that shows a trial, and what can be done with it.

    Attributes:
        trial: What is looked at; None while there is nothing to try.
        told: What is said in its place.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.trial: Trial | None = None
        self.told = ""
        self._place: Place = "both"
        self._pause: Timer | None = None

    def redraw_trial(self) -> None:
        """Show everything as it is now."""
        if self.is_mounted:
            self.query_one(TryView).show(self.trial, self.told, self._place)
            self.refresh_bindings()

    def pass_by(self) -> None:
        """Nobody waits any more for a picture that was only passed by."""
        if self._pause is not None:
            self._pause.stop()

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
        """Show the picture without the LoRA, then the one with it in the same place, then both."""
        self._show_place(NEXT[self._place])

    def action_side_by_side(self) -> None:
        """Show both pictures."""
        self._show_place("both")

    def action_act(self) -> None:
        """Draw what is looked at."""
        self._draw()

    def action_stop(self) -> None:
        """Take back what is not drawn yet."""
        if self.trial is not None:
            self._ask(self.trial.session.cancel, "Stopped.")

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
    async def action_type_strength(self) -> None:
        """Draw the same at a strength that somebody names."""
        trial = self.trial
        if trial is None or (strength := await try_dialogs.ask_strength(self.app, trial)) is None:
            return
        if self.trial is not None and self.trial.run == trial.run:
            self.trial.take_strength(strength)
            self._draw()

    @work(exclusive=True, group="try-dialog")
    async def action_fill(self) -> None:
        """Draw a grid."""
        trial = self.trial
        if trial is None or (asked := await try_dialogs.ask_grid(self.app, trial)) is None:
            return
        grid, lacking = asked
        self.session.tried.add(trial.run)
        what = "The grid is being drawn; it is written" if lacking else "All pictures are there; the grid is written"
        self._ask(grid.ask, f"{what} beside the LoRA.")

    def action_keep(self) -> None:
        """Write the cards for this strength."""
        trial = self.trial
        if trial is None:
            return
        picture = trial.picture(trial.strength)
        if trial.strength == 0:
            self.say("0.0 is the base without the LoRA: nothing to keep.", "warning")
            return
        if picture is None:
            self.say("Choose a strength whose picture is drawn: the card shows it.", "warning")
            return
        self._keep(trial.run, trial.file, trial.strength, picture)

    @work(exclusive=True, group="train-here", exit_on_error=False)
    async def action_train_here(self) -> None:
        """Have the profile train on the base that is looked at."""
        if self.trial is None or not self.trial.wish.base:
            return
        base = self.trial.wish.base
        complaint, remark = await take_base(self.session, base, self._disk) or ("", "")
        if complaint:
            self.say(complaint, "error")
        elif self.session.profile.model.base == base:
            name = Path(printable(base)).name
            self.post_message(Go("train", lambda screen: screen.say(f"{name} is the base now{remark}.", "good")))

    def _show_place(self, place: Place) -> None:
        self._place = place
        self.redraw_trial()

    def _step(self, distance: int) -> None:
        trial = self.trial
        if trial is None or not trial.step(distance):
            return
        self._show_place("both")
        self.pass_by()
        if trial.picture(trial.strength) is None and trial.is_finished:
            self._pause = self.set_timer(_PAUSE_SECONDS, self._draw)

    def _go_to_row(self, distance: int) -> None:
        if self.trial is not None and self.trial.go_to_row(distance):
            self.pass_by()
            self.redraw_trial()

    @work(exclusive=True, group="try-dialog")
    async def _ask_for(self, ask: try_dialogs.Question) -> None:
        if self.trial is not None and (changed := await ask(self.app, self.trial)) is not None:
            self._change(changed)

    def _change(self, fields: try_dialogs.Changes) -> None:
        if self.trial is not None:
            self.trial.change(**fields)
        self._draw()

    def _draw(self) -> None:
        trial = self.trial
        if trial is not None and trial.missing:
            self.session.tried.add(trial.run)
            self._ask(trial.drawing())
        self.redraw_trial()
