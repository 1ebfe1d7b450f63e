"""What the keys of Train do to a run: save, preview, stop, leave, read. Shows nothing itself.

Each is sent to the worker or asked of a person beside the screen, which goes on.
"""

from functools import partial
from typing import TYPE_CHECKING, cast

from textual import work

from loratui.errors import LoratuiError
from loratui.orders.preparing import Order
from loratui.runs.commands import PREVIEW, SAVE, send
from loratui.runs.finding import output_name
from loratui.safe_text import printable
from loratui.tui.background import in_thread
from loratui.tui.dialogs import Pages
from loratui.tui.moment import Moment
from loratui.tui.quitting import leave
from loratui.tui.run_watch import RunWatch
from loratui.tui.screens import train_flows
from loratui.tui.screens.train_end import lacking
from loratui.tui.screens.train_gauges import GaugeReader
from loratui.tui.screens.train_log import log_text
from loratui.tui.screens.train_plan import step_of
from loratui.tui.screens.train_plan_view import PlanView
from loratui.tui.screens.train_start import Stage, order_of_session, origin_of_session
from loratui.tui.screens.train_view import RunView
from loratui.tui.screens.train_work import TrainWork
from loratui.tui.session import Session
from loratui.tui.steps import STEPS

if TYPE_CHECKING:
    from loratui.tui.app import Wizard


# A run that is over, or that nobody looks at, is looked at once in so many times.
_SELDOM = 4
# Of so many events it is asked whether they are new.
_LATEST = 8
_SAVES = "Told to save; it does so after this step."
# By whether there is a preview already, which stands in the place of the gauges then.
_DRAWS = {
    False: "A preview is drawn after this step. It comes in the place of the gauges.",
    True: "A preview is drawn after this step. v shows the gauges again.",
}


class TrainActs(TrainWork):
    """A screen that shows a run, or the plan of one, and what can be done with it.

    Attributes:
        run_watch: Of the run that is shown, or of the last one while a new one is planned.
        wants_new: Whether a new training is planned although there is a run.
        stages: What starts are busy with, by where their order came from: another profile may be open by now.
        held: For which Enter was pressed while it was looked at: it starts as soon as its plan is known.
        is_resuming: A run was told to go on and has not yet.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.run_watch: RunWatch | None = None
        self.stages: dict[str, Stage] = {}
        self.held: Order | None = None
        self.wants_new = self.is_resuming = False
        self._polled: set[RunWatch] = set()
        self._told: tuple[str, tuple[str, ...]] = ("", ())
        self._ticks = 0
        self.gauges = GaugeReader()

    @property
    def wizard(self) -> "Wizard":
        """The app."""
        return cast("Wizard", self.app)

    @property
    def view(self) -> RunView:
        """The run as it is drawn."""
        return self.query_one(RunView)

    @property
    def planned(self) -> PlanView:
        """The plan as it is drawn."""
        return self.query_one(PlanView)

    @property
    def stage(self) -> Stage | None:
        """What the start of the open profile is busy with; None while it is not being started."""
        return self.stages.get(origin_of_session(self.session))

    @property
    def shows_run(self) -> bool:
        """Whether a run is shown, and no plan of one."""
        return self.run_watch is not None and not self.wants_new

    @property
    def moment(self) -> Moment | None:
        """What is shown of a run; None while a plan is shown, or nobody has looked yet."""
        watch = self.run_watch if self.shows_run else None
        return watch.moment if watch is not None and watch.moment.is_known else None

    def look(self, *, at_once: bool = False) -> None:
        """Look at the run, seldom where little can have changed."""
        watch = self.run_watch
        if watch is None or watch in self._polled:
            return
        self._ticks += 1
        is_seldom = not self.is_current or not watch.moment.is_busy
        if at_once or not is_seldom or self._ticks % _SELDOM == 0:
            self._polled.add(watch)
            self.poll(watch)

    def tell_step(self, refusal: LoratuiError | None) -> None:
        """Have the rail show where to mend what was refused, and no more once it is mended."""
        step, reasons = self._told
        if reasons and self.session.unmet(step) == reasons:
            self.session.set_unmet(step, ())
        self._told = (step_of(refusal), (refusal.what,)) if refusal is not None else ("", ())
        step, reasons = self._told
        if step and not self.session.unmet(step):
            self.session.set_unmet(step, reasons)

    def is_of_session(self, watch: RunWatch) -> bool:
        """Whether it is the run that the session shows; while this screen is behind, another profile may be open."""
        run = self.session.run
        return run is not None and run.path == watch.run.path

    def judge_run(self, watch: RunWatch) -> None:
        """Have the rail show what has become of the session's run."""
        if not self.is_of_session(watch):
            return
        if watch.moment.is_busy:
            for step in (self.STEP, "try"):  # what a run at work will bring nobody has to see to
                self.session.forget_unmet(step)
        elif not self.wants_new:
            self.session.set_unmet(self.STEP, lacking(watch))

    def order(self) -> Order | None:
        """The training that the open profile asks for."""
        return order_of_session(self.session) if self.session.name else None

    def hold(self, order: Order | None) -> None:
        """Start an order as soon as it is known what it would come to."""
        self.held = order
        self.planned.hold(order is not None)

    def start_order(self, order: Order) -> None:
        """Start a training."""
        self.take_stage(order, Stage("Looking through the pictures"))
        self.begin(order)

    def tell_plan_unmet(self) -> None:
        """Have the plan show what the steps lack."""
        self.planned.lack({step.id: self.session.unmet(step.id) or () for step in STEPS})

    def take_stage(self, order: Order, stage: Stage | None) -> None:
        """Show how far a start is; None when it is over."""
        before = self.stage
        if stage is None:
            self.stages.pop(order.origin, None)
        else:
            self.stages[order.origin] = stage
        if order.origin != origin_of_session(self.session):
            return
        self.planned.stage(stage)
        if (before is None) != (stage is None) or bool(stage and stage.base):
            self.refresh_keys()

    def looked(self, watch: RunWatch) -> None:
        """The look at a run is over."""
        self._polled.discard(watch)

    def action_save(self) -> None:
        """Have the worker save now."""
        self.tell(SAVE, _SAVES)

    def action_preview(self) -> None:
        """Show the latest preview and ask for a new one; or show the gauges again."""
        if self.view.wants_preview:
            self.view.show_preview(False)
            for words in _DRAWS.values():
                self.unsay(words)
            return
        self.view.show_preview(True)
        moment = self.moment
        if moment is not None and moment.state == "running" and not moment.is_finishing:
            self.tell(PREVIEW, _DRAWS[bool(moment.previews)])

    def keep_promises(self, before: Moment, moment: Moment) -> None:
        """Take back what was said would happen, once it has."""
        kept: list[str] = []
        if not moment.is_busy:
            kept += [_SAVES, *_DRAWS.values(), *train_flows.STOPS]
        if moment.previews != before.previews:
            kept += _DRAWS.values()
        if any(event["event"] == "saved" for event in moment.happened[-_LATEST:] if event not in before.happened):
            kept.append(_SAVES)
        for words in kept:
            self.unsay(words)

    @work(exclusive=True, group="stop", exit_on_error=False)
    async def action_stop(self) -> None:
        """Stop a run or a download, after asking."""
        watch, stage = self.run_watch, self.stage
        try:
            if stage is not None and stage.base:
                await train_flows.stop_bringing(self.wizard, stage.base)
            elif watch is not None and (said := await train_flows.stop_run(self.wizard, watch)):
                self.say(said)
                self.look(at_once=True)
        except LoratuiError as error:
            self.post_message(self.Refused(error))

    @work(exclusive=True, group="quit", exit_on_error=False)
    async def action_detach(self) -> None:
        """Leave; the run goes on by itself."""
        name = printable(output_name(self.run_watch.run)) if self.moment and self.run_watch else "The download"
        await leave(self.wizard, self.session, f"{name} goes on by itself. See it again: loratui")

    @work(exclusive=True, group="log", exit_on_error=False)
    async def action_log(self) -> None:
        """Read what has happened, and what the worker printed."""
        watch = self.run_watch
        if watch is not None:
            text = await in_thread(partial(log_text, watch.run, watch.moment.happened))
            self.wizard.push_screen(Pages(f"Log of {watch.run.name}", text))

    @work(exclusive=True, group="go-on", exit_on_error=False)
    async def go_on(self, watch: RunWatch) -> None:
        """Queue the run again; where memory did not suffice, only with consent to smaller pieces."""
        failure, proposal = watch.moment.failure, watch.moment.proposal
        asks = failure is not None and bool(proposal)
        if failure is not None and asks and not await train_flows.consents_to_smaller(self.wizard, failure, proposal):
            return
        self.is_resuming = True
        self.refresh_keys()
        self.resume(watch.run, asks)

    @work(exclusive=True, group="tell", exit_on_error=False)
    async def tell(self, command: str, said: str) -> None:
        """Send the worker a command, and say so."""
        if self.run_watch is None:
            return
        try:
            await in_thread(partial(send, self.run_watch.run, command))
        except LoratuiError as error:
            self.post_message(self.Refused(error))
        else:
            self.say(said)
