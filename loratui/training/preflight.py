"""What a step costs, measured before the long part and remembered per device, base and shape."""

import json
import os
import platform
import resource
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from loratui.dataset.schedule import Sample
from loratui.environment.gpu import memory_holders
from loratui.generation.check import prompts_from_captions
from loratui.paths import data_directory
from loratui.training.validation import IMAGES, TIMESTEPS
from loratui.training.workbench import Workbench

STEPS = 2
_BYTES_PER_GB = 1e9


@dataclass(frozen=True)
class Measurement:
    """What the preflight found: seconds of a step and of drawing one picture, and the most memory in use.

    The memory is that of the GPU, else of the process.
    """

    seconds_per_step: float
    seconds_per_picture: float
    peak_memory_bytes: int


def heaviest_step(bench: Workbench) -> tuple[tuple[Sample, ...], ...]:
    """Return an update's worth of full batches from the bucket with the most pixels."""
    images = bench.manifest.images

    def pixels(index: int) -> int:
        width, height = images[index].placement.bucket
        return width * height

    largest = max(range(len(images)), key=pixels)
    bucket = images[largest].placement.bucket
    members = [index for index, image in enumerate(images) if image.placement.bucket == bucket]
    training = bench.profile.training
    batch = tuple(Sample(members[place % len(members)], 0) for place in range(training.batch_size))
    return (batch,) * (training.gradient_accumulation * bench.processes.count)


def peak_memory(device: torch.device) -> int:
    """Return the most memory in use so far, in bytes: as torch reserved it on a GPU, else of the whole process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def estimated_seconds(bench: Workbench, measured: Measurement) -> float:
    """Return how long training, its validations and the comparison will take together."""
    training, comparison, length = bench.profile.training, bench.profile.comparison, bench.length
    samples = min(len(bench.manifest.images), IMAGES) * TIMESTEPS
    # A forward pass is about a third of a step.
    validation = measured.seconds_per_step / 3 * samples / (training.batch_size * training.gradient_accumulation)
    prompts = len(comparison.prompts) or len(prompts_from_captions(bench.manifest))
    rows = prompts * len(comparison.seeds) * (1 + len(comparison.epochs)) * (1 + len(comparison.other_bases))
    pictures = rows * len(comparison.strengths) if comparison.enabled else 0
    return (
        measured.seconds_per_step * length.steps
        + validation * (length.epochs + 1)
        + measured.seconds_per_picture * pictures
    )


def forget_peak(device: torch.device) -> None:
    """Begin a new measurement of the most memory in use, where the device can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def who_holds_memory(device: torch.device) -> str:
    """Name the other programs on the GPU: " python (pid 12) holds 5.1 GB." or ""."""
    if device.type != "cuda":
        return ""
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    others = [holder for holder in memory_holders(uuid) if holder.pid != os.getpid()]
    return "".join(f" {o.name} (pid {o.pid}) holds {o.bytes / _BYTES_PER_GB:.1f} GB." for o in others)


def recall(bench: Workbench) -> Measurement | None:
    """Return what an earlier preflight of the same device, base and shape found."""
    try:
        return Measurement(**json.loads(_file().read_text(encoding="utf-8"))[_key(bench)])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(bench: Workbench, measurement: Measurement) -> None:
    """Keep what was found for the next run of the same kind; a disk that cannot take it is no reason to fail."""
    try:
        known = dict(json.loads(_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=_file().parent, prefix=".preflight-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({**known, _key(bench): asdict(measurement)}, file, indent=1)
        os.replace(draft, _file())
    except OSError:
        return


def _file() -> Path:
    return data_directory() / "preflight.json"


def _key(bench: Workbench) -> str:
    profile, device = bench.profile, bench.base.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu {platform.processor()}"
    sample = heaviest_step(bench)[0][0]
    width, height = bench.manifest.images[sample.image].placement.bucket
    facts = (
        name,
        f"torch {torch.__version__}",
        bench.base.name,
        str(bench.base.dtype),
        f"{width}x{height}",
        f"batch {profile.training.batch_size}x{profile.training.gradient_accumulation}",
        f"rank {profile.network.rank}+{profile.network.conv_rank}",
        f"text {profile.network.train_text_encoder}",
        profile.training.optimizer,
        f"tokens {profile.dataset.max_token_length}",
        f"checkpointing {profile.training.gradient_checkpointing}",
        f"processes {bench.processes.count}",
        f"threads {torch.get_num_threads()}",
    )
    return ", ".join(facts)
