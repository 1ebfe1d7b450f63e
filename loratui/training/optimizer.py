"""AdamW over the flat master buffers, and the learning rate of each update."""

from typing import Any

import torch
from diffusers.optimization import get_scheduler

from loratui.diffusion.lora_network import LoraNetwork
from loratui.errors import TrainingError
from loratui.profile.schema import Training


def build_optimizer(network: LoraNetwork, settings: Training) -> torch.optim.Optimizer:
    """Return AdamW with one parameter per learning-rate group.

    Raises:
        TrainingError: 8-bit AdamW is asked for and bitsandbytes is missing.
    """
    groups: list[dict[str, Any]] = [
        {
            "params": [group.master],
            "lr": settings.unet_lr if group.name == "unet" else settings.text_encoder_lr,
            "name": group.name,
        }
        for group in network.groups
    ]
    if settings.optimizer == "adamw8bit":
        try:
            import bitsandbytes
        except ImportError as error:
            raise TrainingError(
                "training.optimizer is adamw8bit, but the package bitsandbytes is not installed.",
                "Install it (pip install 'loratui[adamw8bit]'), or set training.optimizer to adamw.",
            ) from error
        optimizer: torch.optim.Optimizer = bitsandbytes.optim.AdamW8bit(groups, weight_decay=settings.weight_decay)
        return optimizer
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)


def build_schedule(
    optimizer: torch.optim.Optimizer, settings: Training, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return the learning rate as a function of the updates taken; warm-up is a share of `steps`."""
    schedule: torch.optim.lr_scheduler.LambdaLR = get_scheduler(
        "constant_with_warmup" if settings.scheduler == "constant" else settings.scheduler,
        optimizer=optimizer,
        num_warmup_steps=round(settings.warmup * steps),
        num_training_steps=steps,
        num_cycles=settings.scheduler_cycles,
    )
    return schedule


@torch.no_grad()
def gradient_norm(network: LoraNetwork) -> torch.Tensor:
    """Return the Euclidean norm of all masters' gradients together, a scalar tensor; not finite after an overflow."""
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(group.gradient) for group in network.groups]))


@torch.no_grad()
def clip_gradients(network: LoraNetwork, norm: torch.Tensor, longest: float) -> None:
    """Shorten the gradients to `longest` if their `norm` is larger; 0 leaves them."""
    if longest > 0:
        factor = (longest / (norm + 1e-6)).clamp(max=1.0)
        for group in network.groups:
            group.gradient.mul_(factor)


def update(optimizer: torch.optim.Optimizer, *, unless: torch.Tensor) -> None:
    """Take one optimizer step, or none where `unless`, a scalar tensor, is 1; 8-bit AdamW waits for it."""
    if optimizer.defaults.get("fused"):
        # What torch.amp.GradScaler sets for the same purpose: the kernel itself looks.
        optimizer.grad_scale, optimizer.found_inf = None, unless  # type: ignore[attr-defined]
        optimizer.step()
    elif not unless:
        optimizer.step()
