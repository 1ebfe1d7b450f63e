"""What is minimised: the denoising error of each sample, weighted by noise level and by kind of picture."""

from dataclasses import dataclass

import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True)
class Batch:
    """Samples that go through the UNet together, all of one bucket.

    Attributes:
        latents: Scaled x_0, fp32 [B, C, h, w].
        noise: ε, fp32 [B, C, h, w].
        timesteps: t, int64 [B].
        conditioning: Captions, and sizes where the base is told them.
        weights: What each sample's error is multiplied by, fp32 [B].
    """

    latents: torch.Tensor
    noise: torch.Tensor
    timesteps: torch.Tensor
    conditioning: Conditioning
    weights: torch.Tensor

    def __len__(self) -> int:
        return self.latents.shape[0]


def weighted_errors(base: BaseModel, schedule: NoiseSchedule, batch: Batch) -> torch.Tensor:
    """Return each sample's weighted mean squared error, fp32 [B].

    Args:
        base: The UNet, with or without a LoRA on it.
        schedule: The base's tables, on the batch's device.
        batch: On the base's device.
    """
    noisy = schedule.add_noise(batch.latents, batch.noise, batch.timesteps)
    prediction = base.predict(noisy, batch.timesteps, batch.conditioning)
    target = schedule.target(batch.latents, batch.noise, batch.timesteps)
    errors = torch.nn.functional.mse_loss(prediction, target, reduction="none").mean(dim=(1, 2, 3))
    return errors * batch.weights
