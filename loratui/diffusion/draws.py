"""Random tensors as pure functions of a seed, a purpose and a position.

No generator lives longer than one draw, so a resumed run, a micro-batch and a second process see the same numbers.
All draws happen on the CPU: a seed means the same picture on every card.
"""

from collections.abc import Sequence

import torch

from loratui.dataset.seeds import derive_seed


def generator(seed: int, purpose: str, *position: int) -> torch.Generator:
    """Return a fresh CPU generator for one draw.

    Args:
        seed: The run's seed.
        purpose: What the draw is for ("noise", "timestep", …); different purposes never share numbers.
        position: Whatever else decides the draw: epoch or step, position of the sample in the global batch.
    """
    return torch.Generator().manual_seed(derive_seed(seed, purpose, *position) & (2**63 - 1))


def normal(shape: Sequence[int], seed: int, purpose: str, *position: int) -> torch.Tensor:
    """Draw a standard normal fp32 tensor of `shape`."""
    return torch.randn(tuple(shape), generator=generator(seed, purpose, *position))


def integer(below: int, seed: int, purpose: str, *position: int) -> int:
    """Draw a uniform integer in [0, below)."""
    return int(torch.randint(below, (), generator=generator(seed, purpose, *position)))
