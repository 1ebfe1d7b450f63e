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


class JointDown:
    """The downs of Linears that read the same input, such as an attention's q, k and v: one product for all of them.

    Attributes:
        factor: Their downs one below the other, [layers · rank, in].
    """

    def __init__(self, factor: torch.Tensor, layers: int) -> None:
        self.factor = factor
        self._layers = layers
        self._input: torch.Tensor | None = None
        self._lows: dict[int, torch.Tensor] = {}

    def low(self, x: torch.Tensor, place: int) -> torch.Tensor:
        """Return what the down of the layer at `place` makes of `x`; the first layer asked computes it for all."""
        low = self._lows.pop(place, None) if self._input is x else None
        if low is None:
            lows = functional.linear(x, self.factor).chunk(self._layers, dim=-1)
            self._input, self._lows = x, dict(enumerate(lows))
            low = self._lows.pop(place)
        if not self._lows:
            self._input = None
        return low

    def forget(self) -> None:
        """Let go of an input that not all layers have asked for, as when a pass was broken off."""
        self._input = None
        self._lows.clear()


@dataclass(eq=False)
class Adapter:
    """One LoRA in one layer.

    Attributes:
        down: A, [rank, in] for a Linear, [rank, in, k, k] for a convolution.
        up: scale · B, [out, rank] or [out, rank, 1, 1].
        strength: None for 1, or a tensor [] or [B] matching the batch.
        dropout: Applied to the low-rank activations while training.
        joint: Where `down` is part of a joint factor: that and its place there.
    """

    down: torch.Tensor
    up: torch.Tensor
    strength: torch.Tensor | None = None
    dropout: Dropout | None = None
    joint: tuple[JointDown, int] | None = None

    def low(self, x: torch.Tensor) -> torch.Tensor:
        """Return down · x for x [B, …, in]."""
        if self.joint is None:
            return functional.linear(x, self.down)
        down, place = self.joint
        return down.low(x, place)

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

    @abstractmethod
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the frozen layer and all adapters together make of `x`."""

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weight: some callers ask a layer for its dtype and device."""
        return self.base.weight


class LoraLinear(LoraLayer):
    """A frozen Linear and its adapters."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return W·x + Σ strength · up · down · x for x [B, …, in]."""
        y: torch.Tensor = self.base(x.reshape(-1, x.shape[-1]))
        for adapter in self.adapters:
            low = adapter.weigh(adapter.drop(adapter.low(x)))
            # One kernel instead of a product and a sum. In place only since `y` is no view: for a view autograd would
            # copy the gradient twice.
            y = y.addmm_(low.reshape(-1, low.shape[-1]), adapter.up.t())
        return y.view(*x.shape[:-1], y.shape[-1])


class LoraConv2d(LoraLayer):
    """A frozen Conv2d and its adapters: `down` has the base's kernel, stride and padding, `up` is 1 × 1."""

    base: nn.Conv2d

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return W * x + Σ strength · up * (down * x) for x [B, in, H, W]."""
        y: torch.Tensor = self.base(x)
        for adapter in self.adapters:
            low = functional.conv2d(x, adapter.down, None, self.base.stride, self.base.padding, self.base.dilation)
            y = y + functional.conv2d(adapter.weigh(adapter.drop(low)), adapter.up)
        return y


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
