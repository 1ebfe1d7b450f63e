"""LoRA layers: W' = W + strength · (alpha ÷ rank) · B·A, computed beside a frozen layer.

A layer wraps a Linear or Conv2d of the base and adds the output of its adapters; the base's weight is never touched.
The scale alpha ÷ rank is folded into an adapter's `up` factor. Strength is a tensor: nothing while training (1),
one number, or one per sample of the batch, so that a whole row of a strength grid is one batch.

Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (2021), equation 3.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

Dropout = Callable[[torch.Tensor], torch.Tensor]


@dataclass(eq=False)
class Adapter:
    """One LoRA in one layer.

    Attributes:
        down: A, [rank, in] for a Linear, [rank, in, k, k] for a convolution.
        up: scale · B, [out, rank] or [out, rank, 1, 1].
        strength: None for 1, or a tensor [] or [B] matching the batch.
        dropout: Applied to the low-rank activations while training.
    """

    down: torch.Tensor
    up: torch.Tensor
    strength: torch.Tensor | None = None
    dropout: Dropout | None = None

    def weigh(self, delta: torch.Tensor) -> torch.Tensor:
        """Multiply `delta` [B, …] by the strength."""
        if self.strength is None:
            return delta
        strength = self.strength.to(dtype=delta.dtype, device=delta.device)
        return delta * (strength.view(-1, *[1] * (delta.dim() - 1)) if strength.dim() else strength)

    def drop(self, activations: torch.Tensor) -> torch.Tensor:
        """Apply the dropout, if any, to the low-rank activations."""
        return activations if self.dropout is None else self.dropout(activations)


class LoraLayer(nn.Module, ABC):
    """A frozen layer of the base and its adapters."""

    def __init__(self, base: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.base = base
        self.adapters: list[Adapter] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.base(x)
        for adapter in self.adapters:
            self.add(y, x, adapter)
        return y

    @abstractmethod
    def add(self, y: torch.Tensor, x: torch.Tensor, adapter: Adapter) -> None:
        """Add what `adapter` makes of the input `x` to the output `y`, in place: it is the frozen layer's own."""

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weight: some callers ask a layer for its dtype and device."""
        return self.base.weight


class LoraLinear(LoraLayer):
    """A frozen Linear and its adapters."""

    def add(self, y: torch.Tensor, x: torch.Tensor, adapter: Adapter) -> None:
        """Add strength · up · down · x."""
        low = adapter.weigh(adapter.drop(functional.linear(x, adapter.down)))
        # One kernel instead of a product and a sum, and no tensor of the output's size between them.
        y.view(-1, y.shape[-1]).addmm_(low.reshape(-1, low.shape[-1]), adapter.up.t())


class LoraConv2d(LoraLayer):
    """A frozen Conv2d and its adapters: `down` has the base's kernel, stride and padding, `up` is 1 × 1."""

    base: nn.Conv2d

    def add(self, y: torch.Tensor, x: torch.Tensor, adapter: Adapter) -> None:
        """Add strength · up * (down * x)."""
        low = functional.conv2d(x, adapter.down, None, self.base.stride, self.base.padding, self.base.dilation)
        y += functional.conv2d(adapter.weigh(adapter.drop(low)), adapter.up)


def wrap(root: nn.Module, path: str) -> LoraLayer:
    """Return the LoRA layer at `path` below `root`, putting one around the base's layer when there is none yet.

    Raises:
        TypeError: The module there is neither Linear nor Conv2d.
    """
    module = root.get_submodule(path)
    if isinstance(module, LoraLayer):
        return module
    layer: LoraLayer
    if isinstance(module, nn.Linear):
        layer = LoraLinear(module)
    elif isinstance(module, nn.Conv2d):
        layer = LoraConv2d(module)
    else:
        raise TypeError(f"{path} is a {type(module).__name__}: only Linear and Conv2d take a LoRA")
    _put(root, path, layer)
    return layer


def remove(root: nn.Module, path: str, adapter: Adapter) -> None:
    """Take `adapter` out of the layer at `path`; the base's own layer comes back with the last one."""
    layer = root.get_submodule(path)
    if not isinstance(layer, LoraLayer):
        raise TypeError(f"{path} holds no LoRA layer")
    layer.adapters.remove(adapter)
    if not layer.adapters:
        _put(root, path, layer.base)


def unwrapped_modules(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield `root.named_modules()` as if no layer were wrapped: the base's own layers under their own paths."""
    wrapped: set[str] = set()
    for path, module in root.named_modules():
        if isinstance(module, LoraLayer):
            wrapped.add(path)
            yield path, module.base
        elif path.removesuffix(".base") not in wrapped:
            yield path, module


def _put(root: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, module)
