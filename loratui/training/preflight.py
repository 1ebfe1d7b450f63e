"""What a step costs, measured before the long part and remembered per device, base and shape."""

import os
import resource

import torch

from loratui.dataset.schedule import Sample
from loratui.environment.gpu import memory_holders
from loratui.generation.check import prompts_from_captions
from loratui.quantities import memory_size
from loratui.runs import measured
from loratui.runs.measured import Measurement, whole_seconds
from loratui.training.workbench import Workbench

STEPS = 2


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


def memory_in_use(device: torch.device) -> dict[str, int]:
    """Return what an event tells of memory: the most in use so far and, of a GPU, what torch has reserved now."""
    reserved = {"reserved_memory_bytes": int(torch.cuda.memory_reserved(device))} if device.type == "cuda" else {}
    return {"peak_memory_bytes": peak_memory(device), **reserved}


def estimated_seconds(bench: Workbench, found: Measurement) -> float:
    """Return how long training, its validations and the comparison will take together."""
    return whole_seconds(
        bench.profile,
        found,
        steps=bench.length.steps,
        epochs=bench.length.epochs,
        images=len(bench.manifest.images),
        prompts=len(prompts_from_captions(bench.manifest)),
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
    return "".join(f" {o.name} (pid {o.pid}) holds {memory_size(o.bytes)}." for o in others)


def recall(bench: Workbench) -> Measurement | None:
    """Return what an earlier preflight of the same device, base and shape found."""
    return measured.recall(facts_of(bench))


def remember(bench: Workbench, measurement: Measurement) -> None:
    """Keep what was found for the next run of the same kind."""
    measured.remember(facts_of(bench), measurement)


def facts_of(bench: Workbench) -> tuple[str, ...]:
    """Return what decides the cost of a step, in the words by which it is remembered."""
    device = bench.base.device
    sample = heaviest_step(bench)[0][0]
    return (
        torch.cuda.get_device_name(device) if device.type == "cuda" else measured.cpu_name(),
        f"torch {torch.__version__}",
        str(bench.base.dtype),
        f"processes {bench.processes.count}",
        f"threads {torch.get_num_threads()}",
        *measured.shape_of_step(bench.profile, bench.base.name, bench.manifest.images[sample.image].placement.bucket),
    )
