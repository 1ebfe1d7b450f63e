"""What a step was measured to cost, remembered on this computer by device, base and shape of the step.

The worker measures and remembers; whoever plans a run asks. Knows no tensors and no run directory.
"""

import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from loratui.kept_facts import change_facts, read_facts
from loratui.paths import data_directory
from loratui.profile.schema import Profile

# What the validation loss after each epoch looks at; with batches of 2 it takes as long as four steps.
VALIDATION_IMAGES = 8
VALIDATION_TIMESTEPS = 2
# Tells a trial of torch.compile from a measurement of plain steps.
_COMPILED = "compiled by inductor"

_Kind = TypeVar("_Kind", "Measurement", "CompiledMeasurement")


@dataclass(frozen=True)
class Measurement:
    """What the preflight found: seconds of a step and of drawing one picture, and the most memory in use.

    The memory is that of the GPU, else of the process.
    """

    seconds_per_step: float
    seconds_per_picture: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class CompiledMeasurement:
    """What a trial of torch.compile found: seconds until the first step was done, and of a step from then on."""

    compile_seconds: float
    seconds_per_step: float


def shape_of_step(profile: Profile, base: str, bucket: tuple[int, int]) -> tuple[str, ...]:
    """What of a profile decides the cost of a step on a given device.

    Args:
        profile: The settings.
        base: The base's short name.
        bucket: Width and height of the largest pictures.
    """
    training, network = profile.training, profile.network
    return (
        base,
        f"{bucket[0]}x{bucket[1]}",
        f"batch {training.batch_size}x{training.gradient_accumulation}",
        f"rank {network.rank}+{network.conv_rank}",
        f"text {network.train_text_encoder}",
        training.optimizer,
        f"tokens {profile.dataset.max_token_length}",
        f"checkpointing {training.gradient_checkpointing}",
        f"graphs {profile.accelerate.cuda_graphs}",
    )


def cpu_name() -> str:
    """What stands for the device where there is no GPU."""
    return f"cpu {platform.processor()}"


def recall(facts: Iterable[str]) -> Measurement | None:
    """The latest measurement of which all `facts` are known; None without one."""
    return _latest(facts, Measurement)


def recall_compiled(facts: Iterable[str]) -> CompiledMeasurement | None:
    """The latest trial of torch.compile of which all `facts` are known; None without one."""
    return _latest([*facts, _COMPILED], CompiledMeasurement)


def _latest(facts: Iterable[str], kind: type[_Kind]) -> _Kind | None:
    wanted = set(_plain(facts))
    for key, found in reversed(read_facts(_file()).items()):
        if wanted <= set(key.split(", ")):
            try:
                return kind(**found)
            except TypeError:
                continue
    return None


def remember(facts: Iterable[str], measurement: Measurement | CompiledMeasurement) -> None:
    """Keep what was found for the next run of the same kind; a disk that cannot take it is no reason to fail."""
    compiled = [_COMPILED] if isinstance(measurement, CompiledMeasurement) else []
    key = ", ".join(_plain([*facts, *compiled]))

    def put_last(known: dict[str, Any]) -> None:
        known.pop(key, None)
        known[key] = asdict(measurement)

    change_facts(_file(), put_last)


def whole_seconds(
    profile: Profile, measured: Measurement, *, steps: int, epochs: int, images: int, prompts: int
) -> float:
    """How long training, its validations and the comparison take together.

    Args:
        profile: What is trained and drawn.
        measured: What a step and a picture cost.
        steps: Optimizer steps of the run.
        epochs: Of the run; each is followed by a validation.
        images: Pictures that are trained.
        prompts: Of the comparison, where the profile gives none.
    """
    training, comparison = profile.training, profile.comparison
    samples = min(images, VALIDATION_IMAGES) * VALIDATION_TIMESTEPS
    # A forward pass is about a third of a step.
    validation = measured.seconds_per_step / 3 * samples / (training.batch_size * training.gradient_accumulation)
    rows = (len(comparison.prompts) or prompts) * len(comparison.seeds)
    rows *= (1 + len(comparison.epochs)) * (1 + len(comparison.other_bases))
    pictures = rows * len(comparison.strengths) if comparison.enabled else 0
    return measured.seconds_per_step * steps + validation * (epochs + 1) + measured.seconds_per_picture * pictures


def _plain(facts: Iterable[str]) -> list[str]:
    """The facts without the comma that stands between them."""
    return [fact.replace(",", ";") for fact in facts]


def _file() -> Path:
    return data_directory() / "preflight.json"
