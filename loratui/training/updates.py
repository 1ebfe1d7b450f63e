"""The updates of a training, one after the other: in smaller pieces when memory runs out, again when fp16 overflows.

A GPU is not waited for after each of them. It works through a queue, and how its updates went is heard a few at once;
where one could not be taken, the training is still where it was before it.
"""

import time
from collections.abc import Iterator

import torch

from loratui.dataset.schedule import Sample
from loratui.training.continuity import Continuity
from loratui.training.objective import Batch
from loratui.training.step import StepResult
from loratui.training.trouble import Diverged, is_out_of_memory
from loratui.training.workbench import Workbench

# Overflows in a row after which lowering the loss scale is no longer the answer.
_MOST_OVERFLOWS = 20
# A GPU's updates are heard of twice a second, and never more than so many at once.
_SECONDS_BETWEEN_HEARINGS = 0.5
_MOST_UNHEARD = 50

MicroBatches = tuple[tuple[Sample, ...], ...]


class Updates:
    """Takes updates and hears how they went.

    Attributes:
        seconds: What the updates last heard of took, each.
    """

    def __init__(self, bench: Workbench, continuity: Continuity) -> None:
        self._bench = bench
        self._continuity = continuity
        self._overflows = 0
        self._began = 0.0
        self._at_once = 1
        self._memory_ran_out = False
        self.seconds = 0.0

    @property
    def position(self) -> int:
        """Updates begun so far, of the last of which nothing may be known yet."""
        return self._continuity.step + self._bench.step.unheard

    @property
    def should_be_heard(self) -> bool:
        """Whether it is time for `hear`."""
        return self._memory_ran_out or self._bench.step.unheard >= self._at_once

    def take(self, micro_batches: MicroBatches, epoch: int) -> None:
        """Begin one update, or leave it for after the next `hear` where memory ran out with others on their way.

        Raises:
            TrainingError: Even the smallest step needs more memory than there is.
        """
        step = self._bench.step
        if not step.unheard:
            self._began = time.monotonic()
        while self._bench.processes.any(not self._accumulated(micro_batches, epoch)):
            if step.unheard:
                self._memory_ran_out = True
                return
            if not step.passes.make_room():
                self._continuity.go_on_smaller()
        step.update()

    def hear(self) -> Iterator[StepResult]:
        """Wait for the updates that were begun, count and yield those that were taken.

        Raises:
            Diverged: Loss or gradients of the next one are not finite, or overflow at every scale.
        """
        begun = self._bench.step.unheard
        results = self._bench.step.results()
        self._memory_ran_out = False
        if begun:
            self.seconds = (time.monotonic() - self._began) / begun
            self._at_once = self._hearing_interval()
        for result in results:
            number = self._continuity.step + 1
            if not result.is_finite:
                self._overflows = 0
                raise Diverged(f"the loss or its gradient is not a finite number at step {number}")
            if result.overflowed:
                self._overflows += 1
                self._continuity.count_overflow(number)
                if self._overflows == _MOST_OVERFLOWS:
                    self._overflows = 0
                    raise Diverged(f"fp16 gradients overflow at step {number} at any loss scale")
            else:
                self._overflows = 0
                self._continuity.losses.append(result.loss)
                yield result

    def _hearing_interval(self) -> int:
        """Return how many updates are begun before they are heard of; several processes wait for each other anyway."""
        if self._bench.base.device.type == "cpu" or self._bench.processes.count > 1:
            return 1
        return max(1, min(_MOST_UNHEARD, round(_SECONDS_BETWEEN_HEARINGS / self.seconds)))

    def _accumulated(self, micro_batches: MicroBatches, epoch: int) -> bool:
        """Gather this process's gradients; False when memory did not suffice."""
        failure = ""
        try:
            self._bench.step.accumulate(self._share_of(micro_batches, epoch), sum(map(len, micro_batches)))
        except Exception as error:
            if not (isinstance(error, RuntimeError | MemoryError) and is_out_of_memory(error)):
                if not self._bench.step.is_compiled:
                    raise
                # Compilers fail in many ways, and later too: another bucket, a resume on another computer.
                failure = " ".join(str(error).split("\n")[:2]).strip() or type(error).__name__
        else:
            return True
        finally:
            self._bench.dropout.switch_off()
        # Outside of the except clause, whose traceback holds on to the tensors.
        self._bench.network.clear_gradients()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if not failure:
            return False
        self._continuity.give_up_compilation(failure)
        return self._accumulated(micro_batches, epoch)

    def _share_of(self, micro_batches: MicroBatches, epoch: int) -> Iterator[Batch]:
        """Yield this process's batches of the step, each at its place in the global batch."""
        processes, step, position = self._bench.processes, self.position, 0
        for index, samples in enumerate(micro_batches):
            if index % processes.count == processes.index:
                at_once = self._continuity.adjustments.pictures_at_once or len(samples)
                for start in range(0, len(samples), at_once):
                    place = position + start
                    self._bench.dropout.switch_on(step=step, position=place)
                    piece = samples[start : start + at_once]
                    yield self._bench.batches.build(piece, epoch=epoch, step=step, position=place)
            position += len(samples)
