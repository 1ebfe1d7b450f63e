"""The noise schedule of a base: what a timestep adds, what the UNet shall predict, how much a timestep counts.

Source: Ho et al., DDPM (2020); Salimans and Ho, Progressive Distillation (2022) for v; Hang et al., Efficient Diffusion
Training via Min-SNR Weighting Strategy (2023).
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from diffusers import DDPMScheduler

PredictionType = Literal["epsilon", "v_prediction"]


@dataclass(frozen=True)
class NoiseSchedule:
    """Tables over the training timesteps, on the CPU in fp32 until moved.

    Attributes:
        alphas_cumprod: ᾱ_t, shape [T].
        prediction_type: "epsilon" or "v_prediction".
    """

    alphas_cumprod: torch.Tensor
    prediction_type: PredictionType

    @classmethod
    def from_config(cls, scheduler_config: dict[str, Any]) -> "NoiseSchedule":
        """Build the tables from the configuration of any diffusers scheduler."""
        keys = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas")
        known = {key: scheduler_config[key] for key in keys if key in scheduler_config}
        rescale = bool(scheduler_config.get("rescale_betas_zero_snr", False))
        scheduler = DDPMScheduler(**known, rescale_betas_zero_snr=rescale)
        prediction_type = scheduler_config.get("prediction_type", "epsilon")
        if prediction_type not in ("epsilon", "v_prediction"):
            raise ValueError(
                f"its scheduler predicts {prediction_type!r}; only epsilon and v_prediction can be trained"
            )
        return cls(scheduler.alphas_cumprod, cast(PredictionType, prediction_type))

    def to(self, device: torch.device) -> "NoiseSchedule":
        """Return the same tables on `device`."""
        return NoiseSchedule(self.alphas_cumprod.to(device), self.prediction_type)

    @property
    def timesteps(self) -> int:
        """Number of training timesteps (1,000)."""
        return int(self.alphas_cumprod.shape[0])

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return x_t = √ᾱ_t · x_0 + √(1 − ᾱ_t) · ε for latents [B, C, H, W] and timesteps [B]."""
        alpha = self._at(timesteps, latents)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return what the UNet shall predict: ε, or v = √ᾱ_t · ε − √(1 − ᾱ_t) · x_0."""
        if self.prediction_type == "epsilon":
            return noise
        alpha = self._at(timesteps, latents)
        return alpha.sqrt() * noise - (1 - alpha).sqrt() * latents

    def min_snr_weight(self, timesteps: torch.Tensor, gamma: float) -> torch.Tensor:
        """Return min(SNR, γ) ÷ SNR, or ÷ (SNR + 1) for v-prediction, shape [B]; ones when γ is 0."""
        if gamma == 0:
            return torch.ones(timesteps.shape, dtype=torch.float32, device=timesteps.device)
        alpha = self.alphas_cumprod[timesteps]
        # Zero terminal SNR would divide by zero; there the weight's limit is 1 (ε) and 0 (v).
        snr = (alpha / (1 - alpha)).clamp(min=1e-8)
        divisor = snr if self.prediction_type == "epsilon" else snr + 1
        return snr.clamp(max=gamma) / divisor

    def _at(self, timesteps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return self.alphas_cumprod[timesteps].to(like.dtype).view(-1, *[1] * (like.dim() - 1))
