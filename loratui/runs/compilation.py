"""Whether a training is to be compiled by torch.compile: that takes a minute or more before it saves anything.

Decided from what steps were measured to take on this computer, plain and compiled. Knows no tensors.
"""

from dataclasses import dataclass

from loratui.profile.schema import Profile
from loratui.quantities import duration
from loratui.runs.measured import CompiledMeasurement

# Compiling and a first look at it take one to three minutes: a trial is for runs that last many times as long.
_LEAST_SECONDS_FOR_A_TRIAL = 1800.0


@dataclass(frozen=True)
class Choice:
    """What is done about compilation.

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
        """Say what is done and why: "not compiled: 5 min of steps do not repay it"."""
        return f"{f'compiled by {self.backend}' if self.backend else 'not compiled'}: {self.why}"


def choose_compilation(
    profile: Profile, steps: int, seconds_per_step: float | None, compiled: CompiledMeasurement | None
) -> Choice:
    """Decide for a run of `steps` steps.

    Args:
        profile: `accelerate.dynamo` names a backend, "no", or leaves it to this.
        seconds_per_step: What a plain step takes; None while that is not known.
        compiled: What compiling brought the last time; None where it was never tried.
    """
    wanted = profile.accelerate.dynamo
    if wanted != "auto":
        return Choice("", False, "") if wanted == "no" else Choice(wanted, False, "as the profile asks")
    hindrances = {
        "CUDA graphs are used": profile.accelerate.cuda_graphs,
        "several processes train together": profile.accelerate.processes > 1,
        "network.dropout draws anew in every step": profile.network.dropout > 0,
    }
    if hindrance := next((words for words, holds in hindrances.items() if holds), ""):
        return Choice("", False, hindrance)
    if seconds_per_step is None:
        return Choice("", False, "decided once a step is measured")
    whole = steps * seconds_per_step
    if compiled is not None:
        saved = whole - steps * compiled.seconds_per_step - compiled.compile_seconds
        if saved > 0:
            return Choice("inductor", False, f"saves {duration(saved)} of {duration(whole)}")
        return Choice("", False, f"{duration(whole)} of steps do not repay it, as measured here")
    if whole < _LEAST_SECONDS_FOR_A_TRIAL:
        return Choice("", False, f"{duration(whole)} of steps do not repay it")
    return Choice("inductor", True, f"tried, as the steps take {duration(whole)}")
