"""Train: what will happen, then what happens, then what came of it. All of it is read from the run's directory.

The screen asks threads and draws what they found; it never waits for a disk, a worker or the hub.
"""

from typing import ClassVar

from textual.app import ComposeResult

from loratui.errors import LoratuiError
from loratui.orders.preparing import Order
from loratui.runs.finding import output_name
from loratui.safe_text import printable
from loratui.tui.messages import Go
from loratui.tui.moment import Moment
from loratui.tui.run_watch import RunWatch
from loratui.tui.screens.train_acts import TrainActs
from loratui.tui.screens.train_end import end_text, lacking
from loratui.tui.screens.train_figures import title_text
from loratui.tui.screens.train_help import help_of
from loratui.tui.screens.train_plan_view import PlanView
from loratui.tui.screens.train_start import order_of_session, origin_of_session
from loratui.tui.screens.train_view import RunView
from loratui.tui.screens.train_work import TrainWork
from loratui.tui.session import Session

_LOOK_EVERY = 0.5
_GAUGES_EVERY = 2.0


class TrainScreen(TrainActs):
    """Step 5."""

    STEP = "train"
    KEYS: ClassVar[tuple[str, ...]] = (
        "act",
        "save",
        "preview",
        "stop:Stop and save",
        "detach",
        "log",
        "run_again",
        "attach",
    )
    DEFAULT_CSS = """
    TrainScreen {
        & #body { padding: 0 1; }
        & #run { display: none; }
        &.-run #run { display: block; }
        &.-run #plan { display: none; }
    }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._is_reading = False
        self._order_of_run: Order | None = None

    def compose_body(self) -> ComposeResult:
        """The plan, and the run that takes its place."""
        yield PlanView(self.session.glyphs, id="plan")
        yield RunView(self.session.glyphs, id="run")

    def on_mount(self) -> None:
        """Begin to look."""
        self.set_interval(_LOOK_EVERY, self.look)
        self.set_interval(_GAUGES_EVERY, self._read_gauges)

    def on_unmount(self) -> None:
        """Let go of the driver."""
        self.gauges.close()

    def session_changed(self) -> None:
        """Show another run, or plan anew."""
        run = self.session.run
        if run is None:
            self.run_watch = None
        elif self.run_watch is None or self.run_watch.run.path != run.path:
            self.run_watch, self.wants_new = RunWatch(run), False
            self._order_of_run = self.order()
            self.view.show_preview(False)
            self.look(at_once=True)
        elif self.order() != self._order_of_run and not self.run_watch.moment.is_busy:
            # The profile was changed since: what comes next is a new training.
            self.wants_new = True
        self._arrange()

    def shown(self) -> None:
        """Look at once; pictures may have changed since the plan was made."""
        self._arrange(anew=True)
        self.look(at_once=True)
        self._read_gauges()

    def keys_now(self) -> tuple[str, ...]:
        """Enter does what comes next; where that is only to say what comes first, the plan says it already."""
        label = self._next_act()[1]
        return (f"act:{label}", *self.KEYS[1:]) if label else self.KEYS[1:]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done now."""
        moment = self.moment
        is_busy = moment is not None and moment.is_busy
        takes_steps = moment is not None and moment.state == "running" and not moment.is_finishing
        match action:
            case "act":
                return bool(self._next_act()[0])
            case "save":
                return takes_steps
            case "preview":
                return takes_steps or bool(moment and moment.previews)
            case "stop" | "detach":
                return is_busy or bool(self.stage and self.stage.base)
            case "log":
                return moment is not None
            case "run_again":
                return moment is not None and not is_busy and bool(self.session.name)
            case "attach":
                return self.wants_new and self.run_watch is not None and self.stage is None
        return super().check_action(action, parameters)

    def plain_text(self) -> str:
        """Figures and events; of a run that is over its files."""
        moment, watch = self.moment, self.run_watch
        if moment is None or watch is None:
            return self.planned.plain()
        ended, figures = end_text(moment, watch.run), self.view.plain()
        return f"{figures}\n\n{ended}" if moment.is_busy else f"{ended}\n\n{figures}"

    def focus_help(self) -> tuple[str, str]:
        """What the screen shows now."""
        return help_of(self.moment, self.gauges.missing)

    # Keys

    def action_act(self) -> None:
        """Start, go on, or try what came of it."""
        match self._next_act()[0]:
            case "look":
                self._arrange(anew=True)
            case "mend settings":
                self.say(f"4 Settings comes first: {(self.session.unmet('settings') or [''])[0]}", "warning")
            case "hold":
                self.hold(self.planned.order)
            case "start":
                self.start_order(order_of_session(self.session))
            case "go on" if self.run_watch is not None:
                self.go_on(self.run_watch)
            case "try":
                self.post_message(Go("try"))

    def action_run_again(self) -> None:
        """Plan a new training of the open profile."""
        self.wants_new = True
        self._arrange(anew=True)

    def action_attach(self) -> None:
        """Show the last run again."""
        self.wants_new, self._order_of_run = False, self.order()
        self._arrange()

    # What threads found

    def on_train_work_polled(self, message: TrainWork.Polled) -> None:
        """Draw what has changed, and say how it ended."""
        self.looked(message.watch)
        watch, before = message.watch, message.before
        if watch is not self.run_watch:
            return
        moment = watch.moment
        has_turned = moment.state != before.state or not before.is_known
        if has_turned or not (moment.is_busy or self.session.unmet(self.STEP)):
            self.judge_run(watch)
        if moment.is_busy or before.is_busy:
            self.wizard.set_title_text(title_text(moment, output_name(watch.run)))
        if moment is before:
            return
        self.keep_promises(before, moment)
        if has_turned:
            self._enter_state(watch, before)
        elif moment.is_finishing != before.is_finishing:
            self.refresh_keys()
        if self.is_current and self.moment is not None:
            self._draw()

    def on_train_work_planned(self, message: TrainWork.Planned) -> None:
        """Show what a training would do."""
        order, refusal = message.order, message.intention.refusal
        if order != self.planned.order or order.origin != origin_of_session(self.session):
            return
        self.tell_step(refusal)
        self.planned.intend(message.intention)
        self.tell_plan_unmet()
        is_held = order == self.held
        self.hold(None)
        # A step that nobody has tried yet lacks nothing; once it was refused, a person wants to know that it is not.
        if not self.shows_run and (refusal is not None or self.session.unmet(self.STEP)):
            self.session.set_unmet(self.STEP, [refusal.what] if refusal is not None else lacking(self.run_watch))
        self.refresh_keys()
        if is_held and not self.shows_run and order == self.order():
            if refusal is not None:
                self.say(f"Not started: {refusal.what}", "warning")
            else:
                self.action_act()

    def on_train_work_staged(self, message: TrainWork.Staged) -> None:
        """Show how far a start is."""
        self.take_stage(message.order, message.stage)

    def on_train_work_started(self, message: TrainWork.Started) -> None:
        """Show the new run; where another profile is open by now, only say that it is there."""
        self.take_stage(message.order, None)
        if message.order.origin == origin_of_session(self.session):
            self.session.show_run(message.run)
        elif (front := self.wizard.step_screen) is not None:
            front.say(f"{printable(output_name(message.run))} is being trained: h lists it.", "good")

    def on_train_work_resumed(self) -> None:
        """See what becomes of it."""
        self.is_resuming = False
        self.look(at_once=True)

    def on_train_work_refused(self, message: TrainWork.Refused) -> None:
        """Say what did not work; what is planned says so too."""
        error, order = message.error, message.order
        self.is_resuming = False
        if order is not None and order.origin != origin_of_session(self.session):
            error = LoratuiError(f"{printable(order.name)} was not started. {error.what}", error.todo)
        self.wizard.show_error(error)
        self._arrange(anew=True)

    def on_train_work_gauges_read(self, message: TrainWork.GaugesRead) -> None:
        """Show the gauges."""
        self._is_reading = False
        if message.gauged is not None:
            self.view.show_gauges(message.gauged)

    # What goes on

    def _next_act(self) -> tuple[str, str]:
        """What Enter does, "" for nothing, and its label."""
        moment = self.moment
        if self.stage is not None or self.is_resuming:
            return "", ""
        if moment is None:
            if self.shows_run:
                return "", ""
            if self.planned.is_refused:
                return "look", "Look again"
            if self.session.unmet("settings"):
                return "mend settings", ""
            return "hold" if self.planned.is_looking else "start", "Start"
        if moment.state == "queued" and moment.is_left_behind:
            return "go on", "Go on"
        if moment.is_busy:
            return "", ""
        if moment.never_began:
            return "go on", "Start"
        return {"finished": ("try", "Try"), "failed": ("go on", "Try again")}.get(moment.state, ("go on", "Resume"))

    def _arrange(self, *, anew: bool = False) -> None:
        """Show the run, or the plan of one."""
        self.set_class(self.shows_run, "-run")
        self.planned.stage(self.stage)
        self.tell_plan_unmet()
        if self.shows_run:
            self.call_after_refresh(self._draw)
        else:
            order = self.order()
            if order is not None and (self.planned.order != order or (anew and self.stage is None)):
                if self.held != order:
                    self.hold(None)
                self.planned.look(order)
                self.plan(order)
        self.refresh_keys()

    def _draw(self) -> None:
        if self.run_watch is not None and self.moment is not None:
            self.view.show(self.run_watch.run, self.moment, self.session.now())

    def _read_gauges(self) -> None:
        moment, watch = self.moment, self.run_watch
        is_wanted = self.is_current and not self._is_reading
        if moment is not None and watch is not None and moment.state == "running" and is_wanted:
            self._is_reading = True
            self.read_gauges(self.gauges, watch)

    def _enter_state(self, watch: RunWatch, before: Moment) -> None:
        """React to what has become of the run."""
        moment, name = watch.moment, printable(output_name(watch.run))
        if moment.state == "running":
            self._read_gauges()
        if before.is_busy and moment.state == "finished":
            front = self.wizard.step_screen
            if front is not None:
                then = "6 tries it" if self.is_of_session(watch) else "h lists it"
                front.say(f"{name} is trained: {then}.", "good")
        elif before.is_busy and moment.proposal and self.is_current:
            self.go_on(watch)
        self.refresh_keys()
