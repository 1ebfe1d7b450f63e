"""Weights of tokens laid on CLIP's states; knows tensors only, neither prompts nor tokenizers."""

import torch


def apply_emphasis(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Multiply each token's state by its weight, then scale the row so that its mean is what it was.

    Source: `EmphasisOriginal` in A1111's modules/sd_emphasis.py, its default. A1111 takes one mean over all rows,
    tokens and features that it encodes at once, but encodes prompts one at a time. Here a batch holds several prompts
    and strengths, so each row has a mean of its own: the same result, and none that depends on its neighbours.

    Args:
        states: One window of a batch, [B, 77, D], of one text encoder (SDXL's two are weighted apart, and its pooled
            text is not weighted).
        weights: [B, 77], on any device.

    Returns:
        States of the same shape, precision and device; rows whose weights are all 1 are bit for bit the same.
    """
    if bool((weights == 1).all()):
        return states
    exact = states.float()
    weighted = exact * weights.to(exact.device, exact.dtype).unsqueeze(-1)
    before, after = exact.mean(dim=(1, 2), keepdim=True), weighted.mean(dim=(1, 2), keepdim=True)
    return (weighted * torch.where(after == 0, 1.0, before / after)).to(states.dtype)
