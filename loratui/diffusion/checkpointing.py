"""Gradient checkpointing of a UNet by levels: activations are not kept but computed again in the backward pass.

A level is what works on latents of one size: a block of the way down, its counterpart of the way up and, at the
innermost, the mid block. Level 1 has the largest latents: it is the first to be checkpointed, as it mostly keeps most.
"""

from functools import partial
from itertools import chain
from typing import Any

from torch.utils.checkpoint import checkpoint

# Nothing in a UNet draws random numbers (a LoRA's dropout has its own generators): there is no state to keep.
_RECOMPUTED = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)


def levels_of(unet: Any) -> int:
    """Return how many levels `unet` has."""
    return len(unet.down_blocks)


def checkpoint_levels(unet: Any, count: int) -> None:
    """Checkpoint the `count` largest levels of `unet` and no other; 0 switches checkpointing off."""
    unet.disable_gradient_checkpointing()
    for level in _levels(unet)[:count]:
        for module in chain.from_iterable(block.modules() for block in level):
            if hasattr(module, "gradient_checkpointing"):
                module._gradient_checkpointing_func = _RECOMPUTED
                module.gradient_checkpointing = True


def _levels(unet: Any) -> list[list[Any]]:
    """Return the blocks of every level, the largest first."""
    levels = [[down, up] for down, up in zip(unet.down_blocks, reversed(unet.up_blocks), strict=True)]
    if unet.mid_block is not None:
        levels[-1].append(unet.mid_block)
    return levels
