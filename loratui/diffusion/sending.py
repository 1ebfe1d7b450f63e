"""Tensors on their way to the device."""

import torch


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return `tensor` on `device`; a GPU fetches it from page-locked memory when its turn comes, and nobody waits."""
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
