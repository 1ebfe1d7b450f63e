"""Everything a training works with, made once from the frozen run: base, pictures, LoRA, batches, optimizer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from loratui.dataset.manifest import Manifest
from loratui.dataset.schedule import steps_per_epoch, total_steps
from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.checkpointing import checkpoint_levels, levels_of
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.profile.schema import Profile
from loratui.runs.directory import RunDirectory
from loratui.training.batches import BatchBuilder
from loratui.training.captions import CaptionEncoder
from loratui.training.captured import recorder_for
from loratui.training.dropout import LoraDropout
from loratui.training.latents import LatentCache, cached_latents
from loratui.training.precision import choose_dtype
from loratui.training.processes import Processes
from loratui.training.step import TrainingStep


class Events(Protocol):
    """Where a training says what happens: the run's events file, or nowhere in all processes but the first."""

    def write(self, kind: str, /, **fields: Any) -> None:
        """Write the event `kind`."""


@dataclass(frozen=True)
class RunLength:
    """How long a training is."""

    steps: int
    steps_per_epoch: int

    @property
    def epochs(self) -> int:
        """Epochs begun until the last step."""
        return math.ceil(self.steps / self.steps_per_epoch)


@dataclass
class Workbench:
    """The parts of one training, ready for its first step."""

    run: RunDirectory
    profile: Profile
    manifest: Manifest
    processes: Processes
    base: BaseModel
    network: LoraNetwork
    captions: CaptionEncoder
    batches: BatchBuilder
    dropout: LoraDropout
    step: TrainingStep
    length: RunLength

    @property
    def largest_batch(self) -> int:
        """Most samples that go through the UNet at once as the profile has it."""
        return self.profile.training.batch_size

    @property
    def optional_levels(self) -> int:
        """Levels of the UNet that trouble may checkpoint: none where the profile has all checkpointed anyway."""
        return 0 if self.profile.training.gradient_checkpointing else levels_of(self.base.unet)

    def use_checkpointing(self, levels: int) -> None:
        """Recompute activations of the `levels` levels that keep most in the backward pass from now on.

        With the last level also those of text encoders that learn.
        """
        self.step.passes.forget()
        checkpoint_levels(self.base.unet, levels)
        if self.profile.network.train_text_encoder and levels >= levels_of(self.base.unet):
            for text in self.base.texts:
                # transformers checkpoints only in training mode; CLIP has no dropout that this would wake.
                text.model.train().gradient_checkpointing_enable({"use_reentrant": False})

    def use_size(self, size: float, report: Callable[[int, int], None]) -> None:
        """Train on pictures whose sides are `size` times those of the manifest."""
        self.step.passes.forget()
        self.batches.latents = _latents(self.run, self.profile, self.manifest, self.base, self.processes, report, size)
        self.base.set_vae_aside()


def build_workbench(run: RunDirectory, processes: Processes, events: Events, between: Callable[[], None]) -> Workbench:
    """Load the base, encode the pictures, attach the LoRA.

    Args:
        between: Called between the parts and after every picture; what it raises ends the work.

    Raises:
        LoratuiError: Base or pictures cannot be used.
    """
    profile, manifest = run.read_profile(), run.read_manifest()
    dtype = choose_dtype(profile.accelerate, processes.device)
    base = load_base(profile.model, device=processes.device, dtype=dtype)
    events.write(
        "base",
        name=base.name,
        family=base.family,
        device=str(base.device),
        precision=str(dtype).removeprefix("torch."),
        processes=processes.count,
        tokenizer=base.tokenizer_from,
    )

    def report(done: int, of: int) -> None:
        events.write("caching", done=done, of=of, what="pictures")
        between()

    def warn(message: str) -> None:
        events.write("warning", message=message)

    between()
    learns_text = profile.network.train_text_encoder
    if not learns_text:
        base.set_texts_aside()  # until captions are read: the VAE needs the room
    latents = _latents(run, profile, manifest, base, processes, report)
    between()
    components = {name: model for name, model in base.components.items() if learns_text or name == "unet"}
    layers = trained_layers(components, profile.network, base.family)
    network = LoraNetwork(components, layers, seed=profile.training.seed, device=base.device, dtype=dtype)
    base.lay_out()
    captions = CaptionEncoder(base, max_token_length=profile.dataset.max_token_length, learns=learns_text)
    length = RunLength(
        total_steps(manifest, profile),
        steps_per_epoch(manifest, profile.training.batch_size, processes.count, profile.training.gradient_accumulation),
    )
    bench = Workbench(
        run=run,
        profile=profile,
        manifest=manifest,
        processes=processes,
        base=base,
        network=network,
        captions=captions,
        batches=BatchBuilder(base, profile, manifest, latents, captions),
        dropout=LoraDropout(network, profile.network.dropout, profile.training.seed),
        step=TrainingStep(
            base,
            network,
            profile.training,
            total_steps=length.steps,
            processes=processes,
            recorder=recorder_for(profile, processes, warn),
            warn=warn,
        ),
        length=length,
    )
    if profile.training.gradient_checkpointing:
        bench.use_checkpointing(levels_of(base.unet))
    return bench


def _latents(
    run: RunDirectory,
    profile: Profile,
    manifest: Manifest,
    base: BaseModel,
    processes: Processes,
    report: Callable[[int, int], None],
    size: float = 1.0,
) -> LatentCache:
    """Read or make the cache; of the processes on a machine the first makes it and the others read it."""
    file = run.cache / ("latents.safetensors" if size == 1 else f"latents-{round(size * 100)}.safetensors")

    def cache() -> LatentCache:
        step = profile.dataset.bucket_reso_steps
        return cached_latents(base, manifest, file, flip=profile.dataset.flip, size=size, step=step, report=report)

    if processes.is_first_here:
        cache()
    processes.wait()
    return cache()
