"""What threads do for Train, and the messages by which they tell. Knows no widgets of its own."""

from textual.message import Message
from textual.worker import get_current_worker

from loratui.errors import LoratuiError
from loratui.orders.preparing import Order
from loratui.runs.directory import RunDirectory
from loratui.tui.background import threaded
from loratui.tui.frame import StepScreen
from loratui.tui.moment import Moment
from loratui.tui.run_watch import RunWatch
from loratui.tui.screens.train_gauges import GaugeReader
from loratui.tui.screens.train_plan import Intention, intend
from loratui.tui.screens.train_start import GivenUp, Stage, go_on, start
from loratui.tui.widgets.gauges import Gauged


class TrainWork(StepScreen):
    """A screen whose slow work is done in threads; whoever extends it takes the messages."""

    class Polled(Message):
        """A thread has looked at the run; `before` is what was known until then."""

        def __init__(self, watch: RunWatch, before: Moment) -> None:
            super().__init__()
            self.watch = watch
            self.before = before

    class Planned(Message):
        """A thread has found out what an order would come to."""

        def __init__(self, order: Order, intention: Intention) -> None:
            super().__init__()
            self.order = order
            self.intention = intention

    class Staged(Message):
        """The start of an order has got further; None when it is over."""

        def __init__(self, order: Order, stage: Stage | None) -> None:
            super().__init__()
            self.order = order
            self.stage = stage

        def can_replace(self, message: Message) -> bool:
            """Only the latest is worth drawing."""
            return isinstance(message, TrainWork.Staged) and message.order is self.order

    class Started(Message):
        """A new run waits or works, as was ordered."""

        def __init__(self, order: Order, run: RunDirectory) -> None:
            super().__init__()
            self.order = order
            self.run = run

    class Resumed(Message):
        """A run waits or works again."""

    class Refused(Message):
        """What was asked for did not work; `order` is the one whose start it was, if it was a start."""

        def __init__(self, error: LoratuiError, order: Order | None = None) -> None:
            super().__init__()
            self.error = error
            self.order = order

    class GaugesRead(Message):
        """A thread has read the gauges, or could not."""

        def __init__(self, gauged: Gauged | None) -> None:
            super().__init__()
            self.gauged = gauged

    @threaded(group="look")
    def poll(self, watch: RunWatch) -> None:
        """Look at a run."""
        before = watch.moment
        try:
            watch.poll()
        finally:
            self.post_message(self.Polled(watch, before))

    @threaded(group="plan", exclusive=True, about=lambda _, order: _paths_of(order))
    def plan(self, order: Order) -> None:
        """Find out what an order would come to."""
        me = get_current_worker()

        def progress(done: int, of: int) -> None:
            if me.is_cancelled:
                raise GivenUp

        self.post_message(self.Planned(order, intend(order, progress)))

    @threaded(group="start")
    def begin(self, order: Order) -> None:
        """Start a training."""
        me = get_current_worker()

        def tell(stage: Stage) -> None:
            if me.is_cancelled:
                raise GivenUp
            self.post_message(self.Staged(order, stage))

        try:
            run = start(order, tell)
        except LoratuiError as error:
            self.post_message(self.Refused(error, order))
        else:
            self.post_message(self.Started(order, run))
        finally:
            self.post_message(self.Staged(order, None))

    @threaded(group="start")
    def resume(self, run: RunDirectory, accept_smaller: bool) -> None:
        """Go on with a run."""
        try:
            go_on(run, accept_smaller)
        except LoratuiError as error:
            self.post_message(self.Refused(error))
        else:
            self.post_message(self.Resumed())

    @threaded(group="gauges")
    def read_gauges(self, reader: GaugeReader, watch: RunWatch) -> None:
        """Read the gauges of a run."""
        gauged = None
        try:
            gauged = reader.read(watch.run, watch.moment)
        finally:
            self.post_message(self.GaugesRead(gauged))


def _paths_of(order: Order) -> tuple[str, ...]:
    return order.profile.dataset.path, order.profile.model.base
