"""A training from a frozen run directory to a verified LoRA file, told in the order in which it happens.

The recipe decides what happens when; how a step, a batch or a file is made is each a module of its own.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from accelerate import Accelerator

from loratui.dataset.manifest import Manifest
from loratui.dataset.schedule import Sample, epoch_steps, steps_per_epoch
from loratui.diffusion.base_model import BaseModel, load_base
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.errors import TrainingError
from loratui.lora_file.install import install
from loratui.lora_file.naming import Component, epoch_filename, last_filename
from loratui.profile.schema import Profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.training.batches import BatchBuilder
from loratui.training.captions import CaptionEncoder
from loratui.training.dropout import LoraDropout
from loratui.training.export import WrittenLora, write_lora
from loratui.training.latents import cached_latents
from loratui.training.objective import Batch, weighted_errors
from loratui.training.precision import choose_device, choose_dtype
from loratui.training.provenance import Provenance
from loratui.training.step import StepResult, TrainingStep
from loratui.training.stop import StopRequest
from loratui.training.verification import verify_file

VALIDATION_IMAGES = 16
VALIDATION_TIMESTEPS = 4
# Overflows in a row after which lowering the loss scale is no longer the answer.
_MOST_OVERFLOWS = 40


class Stopped(Exception):
    """Training was asked to stop, and did after a whole step."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training leaves behind; `epoch_files` are all that were kept, the last epoch's too."""

    lora: Path
    steps: int
    first_loss: float
    last_loss: float
    epoch_files: dict[int, Path]


class Recipe:
    """One training: `setup`, then `train`, then `finish`."""

    def __init__(self, run: RunDirectory, events: EventWriter, stop: StopRequest) -> None:
        self._run = run
        self._events = events
        self._stop = stop
        self._profile: Profile = run.read_profile()
        self._manifest: Manifest = run.read_manifest()
        self._started = time.time()
        self._step = 0
        self._losses: list[float] = []
        self._epoch_files: dict[int, Path] = {}

    def setup(self) -> BaseModel:
        """Load the base, cache the pictures, attach the LoRA; returns the base, which the caller may go on using."""
        profile = self._profile
        torch.manual_seed(profile.training.seed)
        device = choose_device(profile.accelerate.device)
        dtype = choose_dtype(profile.accelerate, device)
        # accelerate gives the device and the process group; precision, clipping and accumulation are our own.
        self._accelerator = Accelerator(mixed_precision="no", cpu=device.type == "cpu")
        self._base = load_base(profile.model, device=self._accelerator.device, dtype=dtype)
        self._events.write(
            "base",
            name=self._base.name,
            family=self._base.family,
            device=str(device),
            precision=str(dtype).removeprefix("torch."),
        )
        self._latents = cached_latents(
            self._base,
            self._manifest,
            self._run.cache / "latents.safetensors",
            flip=profile.dataset.flip,
            report=lambda done, of: self._events.write("caching", done=done, of=of, what="pictures"),
        )
        self._attach()
        return self._base

    def _attach(self) -> None:
        profile, base = self._profile, self._base
        learns_text = profile.network.train_text_encoder
        components: dict[Component, torch.nn.Module] = {"unet": base.unet}
        if learns_text:
            components["text_encoder"] = base.text_encoder
        layers = trained_layers(components, profile.network)
        self._network = LoraNetwork(
            components, layers, seed=profile.training.seed, device=base.device, dtype=base.dtype
        )
        if profile.training.gradient_checkpointing:
            # Both libraries checkpoint only in training mode; neither model has a dropout that this would wake.
            base.unet.train().enable_gradient_checkpointing()
            if learns_text:
                base.text_encoder.train().gradient_checkpointing_enable({"use_reentrant": False})
        self._captions = CaptionEncoder(base, max_token_length=profile.dataset.max_token_length, learns=learns_text)
        self._batches = BatchBuilder(base, profile, self._manifest, self._latents, self._captions)
        self._dropout = LoraDropout(self._network, profile.network.dropout, profile.training.seed)
        self._epoch_length = steps_per_epoch(
            self._manifest,
            batch_size=profile.training.batch_size,
            processes=self._accelerator.num_processes,
            accumulation=profile.training.gradient_accumulation,
        )
        self._total_steps = profile.training.steps or profile.training.epochs * self._epoch_length
        self._epochs = math.ceil(self._total_steps / self._epoch_length)
        self._training_step = TrainingStep(
            base, self._network, profile.training, total_steps=self._total_steps, accelerator=self._accelerator
        )
        self._provenance = Provenance(profile, self._manifest, base, self._started, self._epochs, self._total_steps)
        self._events.write(
            "training",
            steps=self._total_steps,
            epochs=self._epochs,
            steps_per_epoch=self._epoch_length,
            modules=len(layers),
            parameters=self._network.parameter_count,
        )

    def train(self) -> None:
        """Run every step of every epoch.

        Raises:
            Stopped: A stop was requested; the step under way was finished.
            TrainingError: Loss or gradients are not finite, or a file cannot be written.
        """
        self._validate(epoch=0)
        for epoch in range(1, self._epochs + 1):
            steps = self._steps_of(epoch)
            self._prepare_captions(steps, epoch)
            for micro_batches in steps[: self._total_steps - self._step]:
                self._report(self._take_step(micro_batches, epoch), epoch)
                if self._stop.requested:
                    raise Stopped(self._step)
            self._validate(epoch)
            if epoch < self._epochs and epoch % self._profile.training.save_every == 0:
                self._save_epoch(epoch)

    def finish(self) -> TrainingResult:
        """Write the finished file, verify it with diffusers and install it; the base is bare afterwards."""
        output = self._profile.output
        written = self._write(last_filename(output.name), self._epochs)
        caption = next(image.caption for image in self._manifest.images if not image.regularisation)
        self._base.unet.eval()
        verification = verify_file(self._base, self._network, written.path, precision=output.precision, caption=caption)
        self._events.write(
            "verified",
            file=written.path,
            error=verification.error,
            bound=verification.bound,
            layers=verification.layers,
        )
        for copy in install(written.path, output.install_to):
            self._events.write("installed", file=copy)
        files = {**self._epoch_files, self._epochs: written.path}
        return TrainingResult(written.path, self._step, self._losses[0], self._losses[-1], files)

    def _steps_of(self, epoch: int) -> list[tuple[tuple[Sample, ...], ...]]:
        training = self._profile.training
        return epoch_steps(
            self._manifest,
            batch_size=training.batch_size,
            accumulation=training.gradient_accumulation,
            processes=self._accelerator.num_processes,
            seed=training.seed,
            epoch=epoch,
        )

    def _prepare_captions(self, steps: list[tuple[tuple[Sample, ...], ...]], epoch: int) -> None:
        varied = (self._batches.caption(sample, epoch) for step in steps for sample in chain.from_iterable(step))
        self._captions.prepare(chain(self._batches.validation_captions(VALIDATION_IMAGES), varied))

    def _take_step(self, micro_batches: tuple[tuple[Sample, ...], ...], epoch: int) -> StepResult:
        for _ in range(_MOST_OVERFLOWS):
            begun = time.monotonic()
            batches = self._share_of(micro_batches, epoch)
            result = self._training_step.take(batches, samples=sum(map(len, micro_batches)))
            self._dropout.switch_off()
            self._seconds = time.monotonic() - begun
            if not math.isfinite(result.loss):
                raise TrainingError(
                    f"The loss of step {self._step + 1} is not a finite number: the LoRA has come apart.",
                    "Lower training.unet_lr (and text_encoder_lr), or train in bf16 or without mixed precision.",
                )
            if not result.overflowed:
                return result
        raise TrainingError(
            f"fp16 gradients overflow at step {self._step + 1} at any loss scale.",
            "Lower the learning rate, or set accelerate.mixed_precision to bf16 or no.",
        )

    def _share_of(self, micro_batches: tuple[tuple[Sample, ...], ...], epoch: int) -> Iterator[Batch]:
        """Yield this process's batches of the step, each at its place in the global batch."""
        position = 0
        for index, samples in enumerate(micro_batches):
            if index % self._accelerator.num_processes == self._accelerator.process_index:
                self._dropout.switch_on(step=self._step, position=position)
                yield self._batches.build(samples, epoch=epoch, step=self._step, position=position)
            position += len(samples)

    def _report(self, result: StepResult, epoch: int) -> None:
        self._step += 1
        self._losses.append(result.loss)
        self._events.write(
            "step",
            step=self._step,
            epoch=epoch,
            loss=result.loss,
            lr=result.learning_rate,
            gradient_norm=result.gradient_norm,
            seconds=self._seconds,
        )

    @torch.no_grad()
    def _validate(self, epoch: int) -> None:
        """Measure the loss on fixed noise and timesteps: the curve that says which epoch."""
        self._captions.prepare(self._batches.validation_captions(VALIDATION_IMAGES))
        schedule = self._base.schedule.to(self._base.device)
        batches = self._batches.validation(VALIDATION_TIMESTEPS, VALIDATION_IMAGES)
        losses = [weighted_errors(self._base, schedule, batch).mean() for batch in batches]
        self._events.write("validation", epoch=epoch, loss=float(torch.stack(losses).mean()))

    def _save_epoch(self, epoch: int) -> None:
        written = self._write(epoch_filename(self._profile.output.name, epoch), epoch)
        self._epoch_files[epoch] = written.path
        keep_last = self._profile.training.keep_last
        if keep_last and len(self._epoch_files) > keep_last:
            self._epoch_files.pop(min(self._epoch_files)).unlink(missing_ok=True)

    def _write(self, filename: str, epoch: int) -> WrittenLora:
        output = self._profile.output
        written = write_lora(
            Path(output.directory) / filename,
            self._network.state_dict(),
            self._provenance.metadata(epoch, self._step),
            output.precision,
        )
        self._events.write(
            "saved", file=written.path, epoch=epoch, step=self._step, bytes=written.bytes, model_hash=written.model_hash
        )
        return written
