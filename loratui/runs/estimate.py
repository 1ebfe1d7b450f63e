"""What a run would take, before it starts: steps, time, memory and file size, each with how it is known.

Steps come from the schedule of the pictures that were found; time and memory from what a preflight of the same shape
measured on this computer. Without one the time is not guessed, and memory is computed and called "about". Imports no
torch.
"""

from dataclasses import dataclass

from loratui.dataset.buckets import Size, rules_of
from loratui.dataset.captions import PROMPTS_FROM_CAPTIONS
from loratui.dataset.problems import DatasetFault
from loratui.dataset.repeats import count_batches, regularisation_repeats
from loratui.dataset.scan import Scan
from loratui.environment.cpu import has_bf16_units
from loratui.hub.models import BaseLocation
from loratui.hub.presence import Presence
from loratui.profile.schema import Profile
from loratui.runs.base_parameters import Parameters
from loratui.runs.lora_size import lora_bytes
from loratui.runs.measured import Measurement, cpu_name, recall, shape_of_step, whole_seconds
from loratui.runs.memory import lora_memory
from loratui.runs.plan import saved_epochs


@dataclass(frozen=True)
class Device:
    """Where a run would train.

    Attributes:
        name: Of the GPU, as its driver tells it; "" for the CPU.
        memory: Bytes of the card, or of the computer's RAM.
    """

    name: str
    memory: int

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return bool(self.name)


@dataclass(frozen=True)
class Estimate:
    """What is known of a run before it starts.

    Attributes:
        steps: Optimizer steps; None while the pictures are not known.
        seconds: From the first step to the last picture; None until a step was measured.
        memory: Most bytes in use; None where nothing is known.
        memory_is_measured: Whether a preflight found it, or it is computed.
        file: Bytes of one LoRA file.
        files: LoRA files that will be there in the end; None while the steps are not known.
    """

    steps: int | None
    seconds: float | None
    memory: int | None
    memory_is_measured: bool
    file: int
    files: int | None


@dataclass(frozen=True)
class _Pictures:
    """Largest bucket, batches of an epoch, pictures and prompts that are made from their captions."""

    largest: Size
    batches: int
    images: int
    prompts: int


def estimate(
    profile: Profile, base: Presence, parameters: Parameters | None, found: Scan | None, device: Device
) -> Estimate:
    """Work out what a run of `profile` would take.

    Args:
        profile: The settings.
        base: Of `profile.model.base`.
        parameters: Of the same base; None where they are not known.
        found: What lies in the picture folder, a report's `scan` for one; None while nobody has looked.
        device: Where it would train.
    """
    pictures = _pictures(profile, found)
    steps = epochs = None
    if pictures is not None:
        training = profile.training
        per_epoch = -(-pictures.batches // (profile.accelerate.processes * training.gradient_accumulation))
        steps = training.steps or training.epochs * per_epoch
        epochs = -(-steps // per_epoch)
    largest = pictures.largest if pictures else (profile.dataset.resolution, profile.dataset.resolution)
    measured = _measured(profile, base.location, largest, device)
    seconds = None
    if measured is not None and pictures is not None and steps is not None and epochs is not None:
        seconds = whole_seconds(
            profile, measured, steps=steps, epochs=epochs, images=pictures.images, prompts=pictures.prompts
        )
    memory = measured.peak_memory_bytes if measured else None
    if memory is None and parameters is not None:
        computed = lora_memory(profile, base, parameters, largest, half=is_half(profile, device))
        memory = computed.whole if computed else None
    return Estimate(
        steps=steps,
        seconds=seconds,
        memory=memory,
        memory_is_measured=measured is not None,
        file=lora_bytes(profile, base, parameters),
        files=None if epochs is None else len(saved_epochs(profile, epochs)) + 1,
    )


def is_half(profile: Profile, device: Device) -> bool:
    """Whether the base would be in half precision."""
    wanted = profile.accelerate.mixed_precision
    return wanted != "no" and (device.is_gpu or wanted != "auto" or has_bf16_units())


def _measured(profile: Profile, base: BaseLocation, largest: Size, device: Device) -> Measurement | None:
    facts = [device.name or cpu_name(), f"processes {profile.accelerate.processes}"]
    wanted = {"fp16": "torch.float16", "bf16": "torch.bfloat16", "no": "torch.float32"}
    if profile.accelerate.mixed_precision in wanted:
        facts.append(wanted[profile.accelerate.mixed_precision])
    return recall([*facts, *shape_of_step(profile, base.name, largest)])


def _pictures(profile: Profile, found: Scan | None) -> _Pictures | None:
    """What a run would train, by the same rules as a check before it; None without a picture."""
    if found is None or not found.images:
        return None
    try:
        rules = rules_of(profile.dataset)
    except DatasetFault:
        return None
    images = [image for image in found.images if not image.folder.regularisation]
    others = [image for image in found.images if image.folder.regularisation]
    repeats = [image.folder.repeats for image in images]
    balanced = regularisation_repeats(sum(repeats), [image.folder.repeats for image in others])
    placed = [
        (rules.place(image.width, image.height).bucket, count)
        for image, count in zip([*images, *others], [*repeats, *balanced], strict=True)
        if count
    ]
    captions = {image.caption for image in images if image.caption and "<" not in image.caption}
    return _Pictures(
        largest=max((bucket for bucket, _ in placed), key=lambda size: size[0] * size[1]),
        batches=count_batches(placed, profile.training.batch_size),
        images=len(placed),
        prompts=min(len(captions), PROMPTS_FROM_CAPTIONS),
    )
