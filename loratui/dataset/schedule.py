"""The order of training: which samples make which batch of which epoch, and the draws that belong to a sample.

Everything is a function of the manifest, the seed and the position; refuses to keep any state.
"""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.dataset.captions import CaptionVariation, vary_caption
from loratui.dataset.manifest import Manifest, ManifestImage
from loratui.dataset.repeats import count_batches
from loratui.dataset.seeds import derive_seed

if TYPE_CHECKING:
    from loratui.profile.schema import Profile


@dataclass(frozen=True, order=True)
class Sample:
    """One showing of an image in an epoch: its index in `manifest.images` and which of its repeats (from 0)."""

    image: int
    repeat: int


Batch = tuple[Sample, ...]


def epoch_batches(manifest: Manifest, *, batch_size: int, seed: int, epoch: int) -> list[Batch]:
    """All batches of an epoch, each from one bucket.

    The samples of a bucket are shuffled and cut into batches, the last of which may be short; then the buckets take
    turns at random, each in its own order.

    Args:
        manifest: What is trained.
        batch_size: Samples in a full batch.
        seed: The run's seed.
        epoch: Number of the epoch; each has an order of its own.
    """
    buckets: dict[tuple[int, int], list[Sample]] = {}
    for index, image in enumerate(manifest.images):
        samples = buckets.setdefault(image.placement.bucket, [])
        samples += [Sample(index, repeat) for repeat in range(image.repeats)]
    rng = random.Random(derive_seed(seed, "order", epoch))
    queues: list[list[Batch]] = []
    turns: list[int] = []
    for number, bucket in enumerate(sorted(buckets)):
        # Sorting by random() instead of rng.shuffle: only random() is promised to stay the same between Pythons.
        samples = sorted(buckets[bucket], key=lambda _: rng.random())
        queues.append([tuple(samples[start : start + batch_size]) for start in range(0, len(samples), batch_size)])
        turns += [number] * len(queues[-1])
    turns.sort(key=lambda _: rng.random())
    in_order = [iter(queue) for queue in queues]
    return [next(in_order[number]) for number in turns]


def epoch_steps(
    manifest: Manifest, *, batch_size: int, accumulation: int, processes: int, seed: int, epoch: int
) -> list[tuple[Batch, ...]]:
    """The batches of each optimizer step of an epoch: `accumulation` × `processes` consecutive ones, fewer in the last.

    The batches of a step may come from different buckets.
    """
    batches = epoch_batches(manifest, batch_size=batch_size, seed=seed, epoch=epoch)
    together = accumulation * processes
    return [tuple(batches[start : start + together]) for start in range(0, len(batches), together)]


def steps_per_epoch(manifest: Manifest, batch_size: int, processes: int = 1, accumulation: int = 1) -> int:
    """Optimizer steps of an epoch: ceil(batches ÷ processes ÷ accumulation)."""
    batches = count_batches(((image.placement.bucket, image.repeats) for image in manifest.images), batch_size)
    return -(-batches // (processes * accumulation))


def total_steps(manifest: Manifest, profile: "Profile") -> int:
    """Optimizer steps of a run: `training.steps` when set, else epochs × steps per epoch."""
    training = profile.training
    per_epoch = steps_per_epoch(
        manifest, training.batch_size, profile.accelerate.processes, training.gradient_accumulation
    )
    return training.steps or training.epochs * per_epoch


def flipped(seed: int, epoch: int, sample: Sample) -> bool:
    """Whether a sample is mirrored in an epoch, where `flip` is on: one draw in two."""
    return derive_seed(seed, "flip", epoch, sample.image, sample.repeat) % 2 == 1


def caption_of(image: ManifestImage, settings: CaptionVariation, seed: int, epoch: int, sample: Sample) -> str:
    """The caption of a sample in an epoch, after dropout, shuffle and tag dropout.

    Args:
        image: `manifest.images[sample.image]`.
        settings: A manifest, or a profile's `dataset` section.
        seed: The run's seed.
        epoch: Number of the epoch.
        sample: Which showing of the image.
    """
    return vary_caption(
        image.caption,
        rng=random.Random(derive_seed(seed, "caption", epoch, sample.image, sample.repeat)),
        shuffle=settings.shuffle,
        keep_tokens=settings.keep_tokens,
        dropout=settings.dropout,
        tag_dropout=settings.tag_dropout,
    )
