"""What lets a training go on: its position, its states on the disk, and the answers to trouble."""

import contextlib
import os
import platform
import time
from pathlib import Path
from typing import Any, NoReturn

import torch

from loratui.errors import DatasetError, TrainingError
from loratui.runs.launch import ACCEPT_SMALLER
from loratui.training.adjustments import MOST_ROLLBACKS, Adjustments
from loratui.training.checkpoint import TrainingState, load_newest_state, save_state
from loratui.training.outputs import LoraFiles
from loratui.training.preflight import who_holds_memory
from loratui.training.trouble import Interrupted
from loratui.training.workbench import Events, Workbench


class Continuity:
    """Where a training is and how it came there; all processes keep the same, the first one writes.

    Attributes:
        losses: Loss of every update taken.
        ended_epochs: Epochs whose end is done: measured, and saved where the profile says so.
        overflows: fp16 overflows since this start.
        adjustments: What trouble has changed.
        is_rehearsing: True during the preflight, when gradient checkpointing is taken unasked, but smaller pieces are
            only proposed.
    """

    def __init__(self, bench: Workbench, files: LoraFiles, events: Events) -> None:
        self._bench = bench
        self._files = files
        self._events = events
        self._saved_at = time.monotonic()
        self.losses: list[float] = []
        self.ended_epochs = 0
        self.overflows = 0
        self.adjustments = Adjustments()
        self.is_rehearsing = False
        self._good = self._state()

    @property
    def step(self) -> int:
        """Updates taken so far."""
        return len(self.losses)

    @property
    def seconds_since_state(self) -> float:
        """Age of the newest state."""
        return time.monotonic() - self._saved_at

    def resume(self) -> bool:
        """Go to the newest whole state of the run; False when there is none."""
        newest = self._newest_state() if self._bench.processes.is_first else None
        state = self._bench.processes.object_from_first(newest)
        if state is None:
            return False
        if state.conditions.get("base") != self._bench.base.fingerprint:
            raise TrainingError(
                f"The base {self._bench.base.source} is not the one that this run was started with.",
                "Put the old one back to resume, or start a new run.",
            )
        changed = [key for key, value in _conditions(self._bench).items() if state.conditions.get(key) != value]
        if changed:
            self._events.write(
                "warning",
                message=f"Resumed under other conditions ({', '.join(changed)}): the last digits may differ.",
            )
        self._restore(state)
        self._adjust(state.adjustments)
        self._good = state
        self._events.write(
            "resumed",
            step=self.step,
            steps=self._bench.length.steps,
            lr=float(self._bench.step.optimizer.param_groups[0]["lr"]),
        )
        return True

    def restart(self) -> None:
        """Undo what the preflight did to masters and optimizer."""
        self._restore(self._good)

    @property
    def pending_epoch(self) -> int | None:
        """The epoch whose steps are all taken but whose end is not done, as after a disk was full just then."""
        length = self._bench.length
        complete = length.epochs if self.step >= length.steps else self.step // length.steps_per_epoch
        return complete if complete > self.ended_epochs else None

    def end_epoch(self, epoch: int) -> None:
        """Count the epoch's end as done, keep this as the state to go back to, and save it.

        All processes call this at the same step.
        """
        self.ended_epochs = epoch
        self._good = self._state()
        self.save(self._good)

    def save(self, state: TrainingState | None = None) -> None:
        """Write the present state; only the first process does.

        Raises:
            OSError: The disk is full or cannot be written.
        """
        self._saved_at = time.monotonic()
        if self._bench.processes.is_first:
            saved = save_state(self._bench.run.state, state or self._state())
            self._events.write("state", file=saved.path, step=self.step, bytes=saved.bytes, seconds=saved.seconds)

    def go_on_smaller(self) -> None:
        """Take the next smaller way to make a step; all processes decide alike.

        Raises:
            TrainingError: There is none, or this is the preflight and the profile does not accept it unasked.
        """
        training, device = self._bench.profile.training, self._bench.base.device
        batch, levels = self._bench.largest_batch, self._bench.optional_levels
        smaller = self.adjustments.smaller(batch, levels, may_lower_resolution=training.may_lower_resolution)
        if smaller is None:
            raise TrainingError(
                f"The memory of {device} does not suffice for one picture a step at step {self.step + 1}, even with "
                f"gradient checkpointing.{who_holds_memory(device)}",
                "Lower dataset.resolution, allow it with training.may_lower_resolution, or close other programs on it.",
            )
        words = smaller.in_words(batch, levels)
        is_unasked = smaller.checkpointed_levels > self.adjustments.checkpointed_levels or training.accept_smaller
        if self.is_rehearsing and not (is_unasked or os.environ.get(ACCEPT_SMALLER)):
            self._events.write("proposed", what=words)
            raise TrainingError(
                f"A step needs more memory than {device} has free.{who_holds_memory(device)}",
                f"Accept {words} with --auto (training.accept_smaller), or close other programs.",
            )
        try:
            self._adjust(smaller)
        except DatasetError as error:
            raise TrainingError(
                f"Memory does not suffice, and the pictures cannot be made smaller: {error.what}", error.todo
            ) from error
        self._recovered("memory", f"out of memory: now {words}")

    def give_up_compilation(self, failure: str) -> None:
        """Compute plainly from now on, since compiled blocks fail, in words of the library."""
        self._bench.step.undo_compilation()
        self._events.write("compilation", backend="", why=f"as it fails: {failure}")

    def go_back_to(self, adjustments: Adjustments) -> None:
        """Work as before something that was only tried."""
        if adjustments != self.adjustments:
            self._adjust(adjustments)

    def count_overflow(self, step: int) -> None:
        """Tell the first overflow of fp16 gradients; the rest is told at the end by `sum_up_overflows`."""
        self.overflows += 1
        if self.overflows == 1:
            scale = self._bench.step.loss_scale.scale
            self._recovered("overflow", f"fp16 overflowed at step {step}: repeated with loss scale {scale:g}")

    def sum_up_overflows(self) -> None:
        """Tell how many overflows there were, if more than the one already told."""
        if self.overflows > 1:
            self._recovered("overflow", f"fp16 overflowed {self.overflows} times in all; no step was lost")

    def roll_back(self, reason: str) -> None:
        """Go back to the last good state with half the learning rate.

        Raises:
            TrainingError: That was done often enough.
        """
        slower = self.adjustments.slower()
        if slower.rollbacks > MOST_ROLLBACKS:
            raise TrainingError(
                f"The training came apart {MOST_ROLLBACKS + 1} times ({reason}), although the learning rate was halved "
                f"each time.",
                "Lower training.unet_lr (and text_encoder_lr), or train in bf16 or without mixed precision.",
            )
        self._restore(self._good)
        self._adjust(slower)
        self.save()
        self._recovered(
            "divergence", f"{reason}: back to step {self.step} with {slower.lr_factor:g} × the learning rate"
        )

    def interrupt(self, error: OSError) -> NoReturn:
        """Save what can be saved and end as interrupted.

        Raises:
            Interrupted: Always.
        """
        saved = "the last saved state is still there"
        # A step whose event could not be written is taken again, or the history would lack it.
        if error.filename != str(self._bench.run.events_path):
            with contextlib.suppress(OSError):
                self.save()
                saved = f"the state of step {self.step} was saved"
        where = f"{error.filename}: " if error.filename else ""
        raise Interrupted(
            f"The training stopped at step {self.step} of {self._bench.length.steps}: "
            f"{where}{error.strerror or error}; {saved}.",
            f"Make room or mend the path, then resume: loratui resume {self._bench.run.name}",
        ) from error

    def _adjust(self, adjustments: Adjustments) -> None:
        """Work by `adjustments` from now on."""
        before, self.adjustments = self.adjustments, adjustments
        if adjustments.checkpointed_levels != before.checkpointed_levels:
            self._bench.use_checkpointing(adjustments.checkpointed_levels)
        if adjustments.size != before.size:
            self._bench.use_size(
                adjustments.size,
                lambda done, of: self._events.write("caching", done=done, of=of, what="smaller pictures"),
            )
        self._bench.step.use_learning_rates(adjustments.lr_factor)

    def _recovered(self, trouble: str, what: str) -> None:
        self._events.write("recovered", trouble=trouble, what=what, step=self.step)

    def _state(self) -> TrainingState:
        tensors, scalars = self._bench.step.state()
        return TrainingState(
            step=self.step,
            ended_epochs=self.ended_epochs,
            tensors=tensors,
            scalars=scalars,
            losses=list(self.losses),
            adjustments=self.adjustments,
            epoch_files={epoch: str(path) for epoch, path in self._files.of_epochs.items()},
            conditions=_conditions(self._bench),
        )

    def _newest_state(self) -> TrainingState | None:
        state, damaged = load_newest_state(self._bench.run.state)
        for path in damaged:
            self._events.write("warning", message=f"The state {path} is damaged; the one before it is used.")
        return state

    def _restore(self, state: TrainingState) -> None:
        self._bench.step.restore(state.tensors, state.scalars, step=state.step)
        self.losses = list(state.losses)
        self.ended_epochs = state.ended_epochs
        self._files.of_epochs = {epoch: Path(file) for epoch, file in state.epoch_files.items()}


def _conditions(bench: Workbench) -> dict[str, Any]:
    """Return what byte equality depends on: build, device, precision, processes and threads."""
    return {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "device": bench.base.device.type,
        "precision": str(bench.base.dtype),
        "processes": bench.processes.count,
        "threads": torch.get_num_threads(),
        "base": bench.base.fingerprint,
    }
