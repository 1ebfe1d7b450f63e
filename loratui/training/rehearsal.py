"""Steps before a training that leave it as it was: what they cost is measured, and whether compiling pays is tried."""

import time
from collections.abc import Callable, Sequence

import torch

from loratui.errors import TrainingError
from loratui.runs.compilation import choose_compilation, shapes_of
from loratui.runs.events import read_landmarks
from loratui.runs.measured import CompiledMeasurement, recall_compiled, remember
from loratui.training.adjustments import Adjustments
from loratui.training.continuity import Continuity
from loratui.training.preflight import facts_of, heaviest_step
from loratui.training.trouble import Diverged
from loratui.training.updates import MicroBatches, Updates
from loratui.training.workbench import Events, Workbench

# So many plain and so many compiled steps are compared, the quickest of each.
_COMPARED_STEPS = 3
# A step that is hardly faster is not worth a second way of computing it.
_WORTH_KEEPING = 0.98


class Rehearsal:
    """Takes steps at the largest bucket and undoes them."""

    def __init__(
        self,
        bench: Workbench,
        continuity: Continuity,
        updates: Updates,
        prepare_captions: Callable[[Sequence[MicroBatches], int], None],
        between: Callable[[], None],
    ) -> None:
        """Get ready; `between` is called after every step, and what it raises ends the rehearsal."""
        self._bench = bench
        self._continuity = continuity
        self._updates = updates
        self._prepare_captions = prepare_captions
        self._between = between

    def take(self, steps: int) -> list[float]:
        """Return what each of so many steps took, in seconds.

        Raises:
            Diverged: The loss is no number.
            TrainingError: They do not fit into memory and the profile does not accept smaller pieces.
        """
        step, seconds = heaviest_step(self._bench), list[float]()
        self._continuity.is_rehearsing = True
        try:
            self._prepare_captions([step], 1)
            while len(seconds) < steps:
                self._updates.take(step, epoch=1)
                seconds += [self._updates.seconds for _ in self._updates.hear()]
                self._between()
        finally:
            self._continuity.is_rehearsing = False
            self._continuity.restart()
        return seconds

    def compile_if_it_pays(self, seconds_per_step: float, events: Events) -> None:
        """Have the UNet's blocks compiled where the profile asks for it or the run gets faster by it.

        A training that would go well plainly goes on plainly, whatever comes of compiling.

        Args:
            seconds_per_step: What a plain step takes.
        """
        bench, facts = self._bench, facts_of(self._bench)
        choice = choose_compilation(
            bench.profile,
            bench.length.steps,
            seconds_per_step,
            recall_compiled(facts),
            shapes=shapes_of(bench.manifest, bench.profile.training.batch_size),
            is_exact=bench.base.device.type == "cpu" and bench.base.dtype == torch.float32,
        )
        if not choice.backend:
            return
        events.write("compiling", backend=choice.backend, why=choice.why)
        plain, before = min(self.take(_COMPARED_STEPS)), self._continuity.adjustments
        bench.step.compile(choice.backend)
        began = time.monotonic()
        trouble = ""
        try:
            compiled = self.take(1 + _COMPARED_STEPS)[1:]
        except (Diverged, TrainingError) as error:
            trouble = f"as it fails: {error}"
        if not bench.step.is_compiled:
            return  # it failed by itself, and that was told
        if trouble or self._continuity.adjustments != before:
            self._leave(events, trouble or "as memory does not suffice", before)
            return
        now = min(compiled)
        if choice.backend == "inductor":
            remember(facts, CompiledMeasurement(time.monotonic() - began - len(compiled) * now, now))
        why = f"{now:.3g} s a step with it, {plain:.3g} s without"
        if choice.is_trial and now > _WORTH_KEEPING * plain:
            self._leave(events, why, before)
        else:
            events.write("compilation", backend=choice.backend, why=why)

    def _leave(self, events: Events, why: str, before: Adjustments) -> None:
        self._bench.step.undo_compilation()
        self._continuity.go_back_to(before)
        events.write("compilation", backend="", why=why)


def compile_as_before(bench: Workbench) -> None:
    """Have a resumed training compute as it did before it was interrupted."""
    told = [event for event in read_landmarks(bench.run.events_path) if event["event"] == "compilation"]
    if told and (backend := told[-1].get("backend")):
        bench.step.compile(str(backend))
