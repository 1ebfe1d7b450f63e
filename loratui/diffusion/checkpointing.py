"""Gradient checkpointing of a UNet by levels: activations are not kept but computed again in the backward pass.

A level is what works on latents of one size: a block of the way down, its counterpart of the way up and, at the
innermost, the mid block. The level that keeps most is the first to be checkpointed: in SD 1.x and 2.x that of the
largest latents, in SDXL the innermost with its sixty transformer blocks.
"""

from functools import partial
from itertools import chain
from typing import Any

from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch.utils.checkpoint import checkpoint

# Values that a block keeps for each of its channels and pixels: the inputs of its products, norms and activations.
_KEPT_BY_TRANSFORMER, _KEPT_BY_RESNET = 14, 6
# Nothing in a UNet draws random numbers (a LoRA's dropout has its own generators): there is no state to keep.
_RECOMPUTED = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)


def levels_of(unet: Any) -> int:
    """Return how many levels `unet` has."""
    return len(unet.down_blocks)


def checkpoint_levels(unet: Any, count: int) -> None:
    """Checkpoint the `count` levels of `unet` that keep most and no other; 0 switches checkpointing off."""
    unet.disable_gradient_checkpointing()
    for level in _levels(unet)[:count]:
        for module in chain.from_iterable(block.modules() for block in level):
            if hasattr(module, "gradient_checkpointing"):
                module._gradient_checkpointing_func = _RECOMPUTED
                module.gradient_checkpointing = True


def _levels(unet: Any) -> list[list[Any]]:
    """Return the blocks of every level, the one that keeps most first."""
    levels = [[down, up] for down, up in zip(unet.down_blocks, reversed(unet.up_blocks), strict=True)]
    if unet.mid_block is not None:
        levels[-1].append(unet.mid_block)
    return [level for _, level in sorted(enumerate(levels), key=lambda one: -_kept(*one))]


def _kept(number: int, blocks: list[Any]) -> float:
    """Return about how much a level keeps for the backward pass, in values per pixel of the outermost latents."""
    modules = list(chain.from_iterable(block.modules() for block in blocks))
    transformers = sum(
        module.norm1.normalized_shape[0] for module in modules if isinstance(module, BasicTransformerBlock)
    )
    resnets = sum(module.out_channels for module in modules if isinstance(module, ResnetBlock2D))
    return (_KEPT_BY_TRANSFORMER * transformers + _KEPT_BY_RESNET * resnets) / 4**number
