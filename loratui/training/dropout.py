"""LoRA dropout without random state: a mask is a function of (seed, step, position of the sample, layer)."""

from functools import partial

import torch

from loratui.diffusion import draws
from loratui.diffusion.lora_network import LoraNetwork


class LoraDropout:
    """Drops values of the low-rank activations while training; switched on for one batch at a time."""

    def __init__(self, network: LoraNetwork, rate: float, seed: int) -> None:
        """Prepare dropout for every layer of `network`; `rate` is the share of values dropped, 0 for none."""
        self._rate = rate
        self._seed = seed
        self._step = self._position = 0
        self._adapters = [network.adapter(target.key) for target in network.targets] if rate > 0 else []

    def switch_on(self, *, step: int, position: int) -> None:
        """Use the masks of update `step` for samples from `position` of the global batch on."""
        self._step, self._position = step, position
        for layer, adapter in enumerate(self._adapters):
            adapter.dropout = partial(self._drop, layer)

    def switch_off(self) -> None:
        """Let everything through, as in validation and export."""
        for adapter in self._adapters:
            adapter.dropout = None

    def _drop(self, layer: int, activations: torch.Tensor) -> torch.Tensor:
        kept = 1 - self._rate
        masks = [
            torch.rand(
                activations.shape[1:],
                generator=draws.generator(self._seed, "dropout", self._step, self._position + index, layer),
            )
            < kept
            for index in range(activations.shape[0])
        ]
        return activations * (torch.stack(masks).to(activations.device, activations.dtype) / kept)
