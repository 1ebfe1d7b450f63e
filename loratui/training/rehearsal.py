"""Steps before a training that leave it as it was: what they cost is measured, and whether compiling pays is tried."""

from collections.abc import Callable, Sequence

from loratui.runs.compilation import Choice, choose_compilation
from loratui.runs.events import read_landmarks
from loratui.runs.measured import CompiledMeasurement, recall_compiled, remember
from loratui.training.adjustments import Adjustments
from loratui.training.continuity import Continuity
from loratui.training.preflight import facts_of, heaviest_step
from loratui.training.updates import MicroBatches, Updates
from loratui.training.workbench import Events, Workbench

# The first compiles, the second may still choose kernels.
_COMPILED_STEPS = 4
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
    ) -> None:
        self._bench = bench
        self._continuity = continuity
        self._updates = updates
        self._prepare_captions = prepare_captions

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
        finally:
            self._continuity.is_rehearsing = False
            self._continuity.restart()
        return seconds

    def compile_if_it_pays(self, seconds_per_step: float, events: Events) -> None:
        """Have the UNet's blocks compiled where the profile asks for it or the run gets faster by it.

        Args:
            seconds_per_step: What a plain step takes.
        """
        bench = self._bench
        facts = facts_of(bench)
        known = recall_compiled(facts)
        choice = choose_compilation(bench.profile, bench.length.steps, seconds_per_step, known)
        choice = bench.processes.object_from_first(choice)
        if not choice.backend:
            return
        bench.step.compile(choice.backend)
        try:
            first, *others = self.take(_COMPILED_STEPS)
        except RuntimeError as error:  # a compiler that is missing or fails is told by many kinds of it
            kept, why = False, f"it failed: {(str(error) or type(error).__name__).splitlines()[0]}"
        else:
            now = min(others)
            kept = not choice.is_trial or now < _WORTH_KEEPING * seconds_per_step
            why = f"a step takes {now:.3g} s instead of {seconds_per_step:.3g} s"
            if choice.backend == "inductor" and self._continuity.adjustments == Adjustments():
                remember(facts, CompiledMeasurement(first, now))
        if not kept:
            bench.step.undo_compilation()
        told = Choice(choice.backend if kept else "", False, why)
        events.write("compilation", backend=told.backend, why=told.why)


def compile_as_before(bench: Workbench) -> None:
    """Have a resumed training compute as it did before it was interrupted."""
    told = [event for event in read_landmarks(bench.run.events_path) if event["event"] == "compilation"]
    backend = bench.processes.object_from_first(str(told[-1].get("backend", "")) if told else "")
    if backend:
        bench.step.compile(backend)
