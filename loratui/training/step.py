"""One update: forward and backward on the shadows, gradients to the masters, clip, one optimizer call.

Knows tensors only: which samples and draws make up a step is decided in `batches.py`, when to stop in `recipe.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_network import LoraNetwork
from loratui.profile.schema import Training
from loratui.training.objective import Batch, weighted_errors
from loratui.training.optimizer import build_optimizer, build_schedule, clip_gradients, gradient_norm
from loratui.training.precision import LossScale


@dataclass(frozen=True)
class StepResult:
    """What one update did.

    Attributes:
        loss: Mean weighted error over the global batch.
        learning_rate: What the first group was updated with.
        gradient_norm: Before clipping.
        overflowed: True when fp16 gradients overflowed: nothing was updated and the step is to be repeated.
    """

    loss: float
    learning_rate: float
    gradient_norm: float
    overflowed: bool


class TrainingStep:
    """Everything that changes from update to update: masters, optimizer, learning-rate schedule, loss scale."""

    def __init__(
        self, base: BaseModel, network: LoraNetwork, settings: Training, *, total_steps: int, accelerator: Accelerator
    ) -> None:
        self.network = network
        self.optimizer = build_optimizer(network, settings)
        self.schedule = build_schedule(self.optimizer, settings, total_steps)
        self.loss_scale = LossScale(base.dtype)
        self._base = base
        self._noise_schedule = base.schedule.to(base.device)
        self._max_grad_norm = settings.max_grad_norm
        self._accelerator = accelerator

    def take(self, batches: Iterable[Batch], samples: int) -> StepResult:
        """Update once from `batches`.

        How the samples are split into batches changes neither the loss nor the update (but for rounding).

        Args:
            batches: This process's share of the global batch; consumed one by one, so only one is in memory.
            samples: Size of the global batch, over all batches and processes.
        """
        self.network.clear_gradients()
        loss = torch.zeros((), device=self._base.device)
        for batch in batches:
            part = weighted_errors(self._base, self._noise_schedule, batch).sum() / samples
            (part * self.loss_scale.scale).backward()
            self.network.collect_gradients()
            loss += part.detach()
        loss = self._accelerator.reduce(loss, "sum")
        self._bring_gradients_together()
        return self._update(float(loss))

    def _bring_gradients_together(self) -> None:
        for group in self.network.groups:
            if self._accelerator.num_processes > 1:
                group.gradient.copy_(self._accelerator.reduce(group.gradient, "sum"))
            if self.loss_scale.enabled:
                group.gradient.div_(self.loss_scale.scale)

    def _update(self, loss: float) -> StepResult:
        norm = gradient_norm(self.network)
        learning_rate = float(self.optimizer.param_groups[0]["lr"])
        overflowed = self.loss_scale.enabled and not bool(torch.isfinite(norm))
        if not overflowed:
            clip_gradients(self.network, norm, self._max_grad_norm)
            self.optimizer.step()
            self.network.refresh_shadows()
            self.schedule.step()
        self.loss_scale.update(overflow=overflowed)
        return StepResult(loss, learning_rate, float(norm), overflowed)
