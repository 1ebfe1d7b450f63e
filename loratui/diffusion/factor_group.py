"""LoRA factors that learn at one rate: fp32 masters in a flat buffer, and the shadows the model computes with.

A shadow is a master cast to the base's precision, an `up` also multiplied by alpha ÷ rank. The forward and backward
pass see shadows only; `collect_gradients` brings their gradients to the masters, `refresh_shadows` brings an update
back. In fp32 the shadows differ from the masters by the scale alone.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class _Segment:
    """A stretch of a flat buffer whose shadows share one scale."""

    start: int
    stop: int
    scale: float


class FactorGroup:
    """All factors that learn at one rate, as flat buffers: masters with their gradients, and shadows.

    Attributes:
        starts: Where each factor begins.
    """

    def __init__(self, name: str, sizes: list[tuple[int, float]], device: torch.device, dtype: torch.dtype) -> None:
        """Lay out factors of `sizes` (number of elements, scale of the shadow) one behind the other."""
        self.name = name
        self.segments: list[_Segment] = []
        self.starts: list[int] = []
        total = 0
        for count, scale in sizes:
            self.starts.append(total)
            if self.segments and self.segments[-1].scale == scale:
                self.segments[-1] = _Segment(self.segments[-1].start, total + count, scale)
            else:
                self.segments.append(_Segment(total, total + count, scale))
            total += count
        self.master = nn.Parameter(torch.zeros(total, device=device))
        self.master.grad = torch.zeros_like(self.master)
        self.shadow = torch.zeros(total, device=device, dtype=dtype)
        self.shadow_gradient = torch.zeros_like(self.shadow)
        # Where the gradient of each factor is gathered, and the factor.
        self._leaves: list[tuple[torch.Tensor, torch.Tensor]] = []

    @property
    def gradient(self) -> torch.Tensor:
        """The masters' flat fp32 gradient."""
        assert self.master.grad is not None
        return self.master.grad

    def master_view(self, start: int, shape: tuple[int, ...]) -> torch.Tensor:
        """Return the masters from `start` on as a factor of this shape."""
        return self.master.detach()[start : start + math.prod(shape)].view(shape)

    def shadow_leaf(self, start: int, shape: tuple[int, ...]) -> torch.Tensor:
        """Return the shadows from `start` on as a factor of this shape, which takes gradients."""
        part = slice(start, start + math.prod(shape))
        leaf = self.shadow[part].view(shape).detach().requires_grad_()
        self._leaves.append((self.shadow_gradient[part].view(shape), leaf))
        return leaf

    @torch.no_grad()
    def refresh_shadows(self) -> None:
        """Cast the masters to the shadows, scale folded in."""
        for segment in self.segments:
            part = slice(segment.start, segment.stop)
            self.shadow[part].copy_(self.master[part] * segment.scale)

    @torch.no_grad()
    def collect_gradients(self) -> None:
        """Add the shadows' gradients to the masters' (d/d master = scale · d/d shadow) and forget them."""
        # Autograd hands each gradient over as it made it; adding to what is there would be a kernel for each of them.
        reached = [(place, leaf.grad) for place, leaf in self._leaves if leaf.grad is not None]
        if len(reached) < len(self._leaves):
            self.shadow_gradient.zero_()
        if reached:
            torch._foreach_copy_([place for place, _ in reached], [gradient for _, gradient in reached])
        for segment in self.segments:
            part = slice(segment.start, segment.stop)
            self.gradient[part].add_(self.shadow_gradient[part], alpha=segment.scale)
        self.forget_gradients()

    def forget_gradients(self) -> None:
        """Let go of what a backward pass left on the shadows."""
        for _, leaf in self._leaves:
            leaf.grad = None
