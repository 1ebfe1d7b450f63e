"""Whether a training is to be compiled by torch.compile: that takes a minute or more before it saves anything.

Decided from what steps were measured to take on this computer, plain and compiled. Knows no tensors.
"""

from collections import Counter
from dataclasses import dataclass

from loratui.dataset.manifest import Manifest
from loratui.profile.schema import Profile
from loratui.quantities import duration
from loratui.runs.measured import CompiledMeasurement

# Every shape of a batch is compiled on its own, and torch gives up after eight: blocks of three widths each.
_MOST_SHAPES = 2
# Compiling and a first look at it take one to three minutes: a trial is for runs that last many times as long.
_LEAST_SECONDS_FOR_A_TRIAL = 1800.0


@dataclass(frozen=True)
class Compilation:
    """What is done about torch.compile.

    Attributes:
        backend: torch.compile's backend, or "" for none.
        is_trial: Whether it is kept only if steps turn out to get faster.
        why: In a few words; "" where a person decided against it.
    """

    backend: str
    is_trial: bool
    why: str

    @property
    def in_words(self) -> str:
        """Say what is done and why: "torch.compile: not used, as 5 min of steps are too short for it"."""
        return f"torch.compile: {self.backend or 'not used'}, {self.why}"


def choose_compilation(
    profile: Profile,
    steps: int,
    seconds_per_step: float | None,
    compiled: CompiledMeasurement | None,
    *,
    shapes: int,
    is_exact: bool,
) -> Compilation:
    """Decide for a run of `steps` steps.

    Args:
        profile: `accelerate.dynamo` names a backend, "no", or leaves it to this.
        seconds_per_step: What a plain step takes; None while that is not known.
        compiled: What compiling brought the last time; None where it was never tried.
        shapes: How many shapes batches have.
        is_exact: Whether the same profile promises the same bytes (fp32 on a CPU), which a choice by the clock breaks.
    """
    wanted = profile.accelerate.dynamo
    if wanted != "auto":
        return Compilation("", False, "") if wanted == "no" else Compilation(wanted, False, "as asked for")
    hindrances = {
        **hindrances_of(profile),
        "as the same profile shall train the same bytes": is_exact,
        f"as batches come in {shapes} shapes": shapes > _MOST_SHAPES,
    }
    if hindrance := next((words for words, holds in hindrances.items() if holds), ""):
        return Compilation("", False, hindrance)
    if seconds_per_step is None:
        return Compilation("", False, "unless the first steps show that the run is long")
    whole = steps * seconds_per_step
    if compiled is not None:
        saved = whole - steps * compiled.seconds_per_step - shapes * compiled.compile_seconds
        if saved > 0:
            return Compilation("inductor", False, f"as it saves {duration(saved)} of {duration(whole)}")
        return Compilation("", False, f"as it would not save any of {duration(whole)}")
    if whole < _LEAST_SECONDS_FOR_A_TRIAL:
        return Compilation("", False, f"as {duration(whole)} of steps are too short for it")
    return Compilation("inductor", True, f"kept if steps get faster: they take {duration(whole)}")


def hindrances_of(profile: Profile) -> dict[str, bool]:
    """Say what of a profile does not go together with torch.compile, and whether it is so."""
    return {
        "as CUDA graphs are used": profile.accelerate.cuda_graphs,
        "as several processes train together": profile.accelerate.processes > 1,
        "as network.dropout draws anew in every step": profile.network.dropout > 0,
    }


def shapes_of(manifest: Manifest, batch_size: int) -> int:
    """Count the shapes that batches have: full ones of each bucket, and what is left in it."""
    samples = Counter[tuple[int, int]]()
    for image in manifest.images:
        samples[image.placement.bucket] += image.repeats
    return sum((count >= batch_size) + (count % batch_size > 0) for count in samples.values())
