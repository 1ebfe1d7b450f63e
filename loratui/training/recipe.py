"""A training from a frozen run directory to a verified LoRA file, told in the order in which it happens.

The recipe decides what happens when. How a step, a batch, a state or a file is made is each a module of its own.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch

from loratui.dataset.schedule import epoch_steps
from loratui.diffusion.base_model import BaseModel
from loratui.errors import LoratuiError, TrainingError
from loratui.lora_file.install import install
from loratui.runs.commands import PREVIEW, SAVE, STOP, STOP_AFTER_EPOCH
from loratui.runs.directory import RunDirectory
from loratui.runs.measured import Measurement
from loratui.training.adjustments import Adjustments
from loratui.training.checkpoint import newest_step
from loratui.training.continuity import Continuity
from loratui.training.outputs import LoraFiles, probe_caption
from loratui.training.pace import Pace
from loratui.training.preflight import STEPS as PREFLIGHT_STEPS
from loratui.training.preflight import (
    estimated_seconds,
    facts_of,
    forget_peak,
    memory_in_use,
    peak_memory,
    recall,
    remember,
    who_holds_memory,
)
from loratui.training.preview import draw_preview
from loratui.training.processes import Processes
from loratui.training.rehearsal import Rehearsal, compile_as_before
from loratui.training.requests import Requests
from loratui.training.step import StepResult
from loratui.training.trouble import Diverged
from loratui.training.updates import MicroBatches, Updates
from loratui.training.validation import validation_captions, validation_loss
from loratui.training.verification import verify_file
from loratui.training.workbench import Events, build_workbench

# A state is never older than this, so that no more work than this can be lost.
SECONDS_BETWEEN_STATES = 300.0


class Stopped(Exception):
    """A person or the system asked for a stop; the step was finished, state and partial file were written."""

    def __init__(self, step: int, lora: Path | None, command: str | None) -> None:
        super().__init__(step)
        self.step = step
        self.lora = lora
        self.command = command


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training leaves behind; `epoch_files` are all that were kept, the last epoch's too."""

    lora: Path
    steps: int
    first_loss: float
    last_loss: float
    epoch_files: dict[int, Path]


class Recipe:
    """One training: `setup`, then `train`, then `finish`.

    Attributes:
        pace: What steps and pictures really take; there from `setup` on.
    """

    def __init__(self, run: RunDirectory, events: Events, requests: Requests, processes: Processes) -> None:
        self._run = run
        self._events = events
        self._requests = requests
        self._processes = processes
        self._started = time.time()
        self._stops_after_epoch = False

    @property
    def _step(self) -> int:
        """Updates taken so far."""
        return self._continuity.step

    def setup(self) -> BaseModel:
        """Make everything ready, from the newest state if there is one; returns the base for later use."""
        bench = self._bench = build_workbench(self._run, self._processes, self._events, self._stop_in_setup)
        self._files = LoraFiles(bench, self._events, self._started)
        self._events.write(
            "training",
            steps=bench.length.steps,
            epochs=bench.length.epochs,
            steps_per_epoch=bench.length.steps_per_epoch,
            modules=len(bench.network.targets),
            parameters=bench.network.parameter_count,
        )
        bench.base.set_vae_aside()  # has done its work
        self._continuity = Continuity(bench, self._files, self._events)
        self._updates = Updates(bench, self._continuity)
        self._rehearsal = Rehearsal(bench, self._continuity, self._updates, self._prepare_captions, self._stop_in_setup)
        if self._continuity.resume():
            compile_as_before(bench)
        else:
            # Before the first state: a preflight that was refused is asked for again by a resume.
            self._preflight()
            try:
                self._continuity.save()
            except OSError as error:
                self._continuity.interrupt(error)
        self.pace = Pace(facts_of(bench), recall(bench))
        return bench.base

    def _stop_in_setup(self) -> None:
        """Let a signal or a command end the training before it goes on.

        Raises:
            Stopped: One has come.
        """
        if self._requests.stop_commanded:
            raise Stopped(newest_step(self._run.state), None, STOP)
        if self._requests.signalled:
            raise Stopped(newest_step(self._run.state), None, None)

    def _preflight(self) -> None:
        """Measure two real steps at the largest bucket and a preview, and leave the training as it was.

        Raises:
            TrainingError: They do not fit into memory and the profile does not accept smaller pieces.
        """
        bench = self._bench
        if others := who_holds_memory(bench.base.device):
            self._events.write("warning", message=f"Other programs use this GPU:{others}")
        known = self._processes.object_from_first(recall(bench))
        if known is None:
            forget_peak(bench.base.device)
            try:
                seconds = self._rehearsal.take(PREFLIGHT_STEPS)[-1]
            except Diverged as trouble:
                raise TrainingError(
                    f"Even before the training {trouble}.",
                    'The base may be damaged, or not made for half precision: try accelerate.mixed_precision = "no".',
                ) from trouble
            drawing_began = time.monotonic()
            if self._processes.is_first:
                self._preview()
            drawing = time.monotonic() - drawing_began
        measured = known or Measurement(seconds, drawing, peak_memory(bench.base.device))
        if self._processes.is_first and known is None and self._continuity.adjustments == Adjustments():
            remember(bench, measured)
        self._events.write(
            "preflight",
            peak_memory_bytes=measured.peak_memory_bytes,
            seconds_per_step=measured.seconds_per_step,
            estimated_seconds=estimated_seconds(bench, measured),
            remembered=known is not None,
        )
        self._rehearsal.compile_if_it_pays(measured.seconds_per_step, self._events)

    def train(self) -> None:
        """Run every step that is still to be run.

        Raises:
            Stopped: A stop was requested.
            Interrupted: A disk is full or unwritable; the training can be resumed.
            TrainingError: It came apart again and again, or memory does not suffice even for the smallest step.
        """
        while True:
            try:
                self._run_epochs()
                return
            except Diverged as trouble:
                self._continuity.roll_back(str(trouble))
            except OSError as error:
                self._continuity.interrupt(error)

    def finish(self) -> TrainingResult:
        """Write the finished file, verify it with diffusers and install it; the base is bare afterwards."""
        bench = self._bench
        self._keep_pace()
        try:
            lora = self._files.write_last(self._step)
        except OSError as error:
            self._continuity.interrupt(error)
        bench.step.passes.forget()
        bench.step.undo_compilation()
        bench.base.unet.eval().disable_gradient_checkpointing()
        for text in bench.base.texts:
            text.model.eval().gradient_checkpointing_disable()
        proof = verify_file(
            bench.base, bench.network, lora, precision=bench.profile.output.precision, caption=probe_caption(bench)
        )
        self._events.write("verified", file=lora, error=proof.error, bound=proof.bound, layers=proof.layers)
        for copy in install(lora, bench.profile.output.install_to):
            self._events.write("installed", file=copy)
        losses = self._continuity.losses
        return TrainingResult(lora, self._step, losses[0], losses[-1], self._files.of_epochs)

    def _run_epochs(self) -> None:
        length = self._bench.length
        while True:
            if (ended := self._continuity.pending_epoch) is not None:
                self._end_epoch(ended)
            if self._step >= length.steps:
                self._continuity.sum_up_overflows()
                return
            epoch = self._step // length.steps_per_epoch
            steps = self._steps_of(epoch + 1)[: length.steps - epoch * length.steps_per_epoch]
            self._prepare_captions(steps, epoch + 1)
            self._run_epoch(epoch + 1, steps)

    def _run_epoch(self, epoch: int, steps: Sequence[MicroBatches]) -> None:
        """Take the steps of an epoch that are still to be taken, and hear of all of them."""
        first, updates = (epoch - 1) * self._bench.length.steps_per_epoch, self._updates
        while self._step < first + len(steps):
            if (taken := updates.position - first) < len(steps):
                updates.take(steps[taken], epoch)
            if updates.should_be_heard or updates.position == first + len(steps):
                for result in updates.hear():
                    self._report(result, epoch)
                    if self._is_plain:
                        self.pace.step_took(updates.seconds)
                if self._continuity.pending_epoch is None:
                    self._answer_requests(epoch)

    def _end_epoch(self, epoch: int) -> None:
        """Measure, save and take requests, in the same order whether or not the training was ever interrupted.

        What fails in the middle of it is done again, whole, by a resume.
        """
        if not self._bench.step.masters_are_finite():
            raise Diverged("trained values are no longer finite")
        if epoch == 1:
            self._validate(0)  # of the bare base, and only now: nobody waits for it before the first step
        self._validate(epoch)
        is_last = self._step >= self._bench.length.steps
        if self._processes.is_first and not is_last and epoch % self._bench.profile.training.save_every == 0:
            self._files.write_epoch(epoch, self._step)
        self._continuity.end_epoch(epoch)
        if not is_last:
            self._answer_requests(epoch, epoch_ended=True)

    def _steps_of(self, epoch: int) -> list[MicroBatches]:
        training = self._bench.profile.training
        return epoch_steps(
            self._bench.manifest,
            batch_size=training.batch_size,
            accumulation=training.gradient_accumulation,
            processes=self._processes.count,
            seed=training.seed,
            epoch=epoch,
        )

    def _prepare_captions(self, steps: Sequence[MicroBatches], epoch: int) -> None:
        batches = self._bench.batches
        wanted = dict.fromkeys(validation_captions(self._bench))
        wanted |= {batches.caption(sample, epoch): None for step in steps for sample in chain.from_iterable(step)}
        self._bench.captions.forget_all_but(wanted)
        self._bench.captions.prepare(wanted)

    def _report(self, result: StepResult, epoch: int) -> None:
        self._events.write(
            "step",
            step=self._step,
            epoch=epoch,
            loss=result.loss,
            lr=result.learning_rate,
            gradient_norm=result.gradient_norm,
            seconds=self._updates.seconds,
        )

    def _validate(self, epoch: int) -> None:
        """Measure what the fixed pictures' loss is after `epoch`, 0 for the bare base."""
        if self._processes.is_first:
            self._bench.network.set_strength(None if epoch else torch.tensor(0.0))
            loss = validation_loss(self._bench)
            self._bench.network.set_strength(None)
            memory = memory_in_use(self._bench.base.device)
            self._events.write("validation", epoch=epoch, step=self._step if epoch else 0, loss=loss, **memory)

    def _preview(self) -> None:
        """Draw a preview; what goes wrong with it is said and harms nothing."""
        try:
            prompt, file = draw_preview(self._bench, self._step)
        except (LoratuiError, RuntimeError, MemoryError, OSError) as error:
            self._events.write("warning", message=f"No preview could be drawn: {str(error).splitlines()[0]}")
        else:
            self._events.write("preview", file=file, prompt=prompt, step=self._step)

    def _answer_requests(self, epoch: int, *, epoch_ended: bool = False) -> None:
        """Do what was asked for since the last step.

        Raises:
            Stopped: A stop was asked for.
        """
        commands = self._processes.object_from_first(self._requests.take_commands())
        for command in commands:
            self._events.write("told", command=command)
        self._stops_after_epoch |= STOP_AFTER_EPOCH in commands
        if self._processes.is_first:
            if SAVE in commands:
                self._files.write_partial(epoch, self._step)
            if PREVIEW in commands:
                self._preview()
            if SAVE in commands or self._continuity.seconds_since_state > SECONDS_BETWEEN_STATES:
                self._continuity.save()
        if STOP in commands:
            self._stop(epoch, STOP)
        if self._processes.any(self._requests.signalled):
            self._stop(epoch, None)
        if self._stops_after_epoch and epoch_ended:
            self._stop(epoch, STOP_AFTER_EPOCH)

    def _stop(self, epoch: int, command: str | None) -> None:
        lora = None
        self._keep_pace()
        if self._processes.is_first:
            self._continuity.save()
            lora = self._files.write_partial(epoch, self._step)
        raise Stopped(self._step, lora, command)

    def _keep_pace(self) -> None:
        """Remember what plain steps really took."""
        if self._processes.is_first and self._is_plain:
            self.pace.keep()

    @property
    def _is_plain(self) -> bool:
        """Whether steps are what other runs will begin with: neither compiled nor changed by trouble."""
        return not self._bench.step.is_compiled and self._continuity.adjustments == Adjustments()
