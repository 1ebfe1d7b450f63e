"""Frozen convolutions that a CPU computes as matrix products where the pictures are small beside the weights.

oneDNN reorders a convolution's weight at every call, forward and again backward. On latents of a few pixels and more
than a thousand channels that takes several times as long as the arithmetic, in fp32 and in bf16. A matrix product reads
the weight as it lies in memory, in both directions.
"""

from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

# A product copies every pixel into nine places: it is worth it while there are at most so many per channel.
_MOST_PIXELS_PER_CHANNEL = 0.5


def use_products(root: nn.Module) -> None:
    """Have the frozen 1 × 1 and 3 × 3 convolutions below `root` choose between product and convolution at each call."""
    for parent in list(root.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d) and not isinstance(child, FrozenConv2d) and _can_be_product(child):
                setattr(parent, name, FrozenConv2d.of(child))


class FrozenConv2d(nn.Conv2d):
    """A frozen convolution of stride 1 that keeps height and width; it has no gradient but that of its input.

    Made like nn.Conv2d, since peft makes its factors of the class of the layer beside them.
    """

    @classmethod
    def of(cls, plain: nn.Conv2d) -> "FrozenConv2d":
        """Return a convolution with the parameters of `plain` themselves."""
        size, padding = cast(tuple[int, int], plain.kernel_size), cast(tuple[int, int], plain.padding)
        frozen = cls(plain.in_channels, plain.out_channels, size, padding=padding, device="meta").eval()
        frozen.weight, frozen.bias = plain.weight, plain.bias
        return frozen

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve x [B, C, H, W]; as a product the result lies channels last."""
        if x.device.type != "cpu" or self.weight.requires_grad:
            return super().forward(x)
        batch, _, height, width = x.shape
        if self.kernel_size == (1, 1):
            y = functional.linear(_rows(x), self.weight.flatten(1), self.bias)
        elif batch * height * width <= _MOST_PIXELS_PER_CHANNEL * min(self.in_channels, self.out_channels):
            y = _Product.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        else:
            return super().forward(x)
        return y.view(batch, height, width, self.out_channels).permute(0, 3, 1, 2)


class _Product(torch.autograd.Function):
    """A 3 × 3 convolution of x [B, C, H, W] with zeros around it; returns the rows of a matrix, [B·H·W, out]."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.weight, ctx.shape = weight, x.shape
        return functional.linear(_neighbourhoods(x), _as_matrix(weight), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None, None
        return _summed(gradients[0] @ _as_matrix(ctx.weight), ctx.shape), None, None


def _rows(x: torch.Tensor) -> torch.Tensor:
    """Return [B, C, H, W] as [B·H·W, C]: a view where it lies channels last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _neighbourhoods(x: torch.Tensor) -> torch.Tensor:
    """Return for every pixel of x [B, C, H, W] the nine around it, [B·H·W, 9·C]."""
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    return padded.unfold(1, 3, 1).unfold(2, 3, 1).movedim(3, 5).reshape(-1, 9 * x.shape[1])


def _summed(neighbourhoods: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Add what the neighbourhoods [B·H·W, 9·C] hold of every pixel, in fp32; returns `shape` [B, C, H, W]."""
    batch, channels, height, width = shape
    parts = neighbourhoods.view(batch, height, width, 3, 3, channels)
    padded = torch.zeros(batch, height + 2, width + 2, channels)
    for row in range(3):
        for column in range(3):
            padded[:, row : row + height, column : column + width] += parts[:, :, :, row, column]
    return padded[:, 1:-1, 1:-1].to(neighbourhoods.dtype).permute(0, 3, 1, 2)


def _as_matrix(weight: torch.Tensor) -> torch.Tensor:
    """Return a weight [out, in, 3, 3] as [out, 9·in]: a view where it lies channels last."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _can_be_product(convolution: nn.Conv2d) -> bool:
    keeps_size = (convolution.kernel_size, convolution.padding) in {((1, 1), (0, 0)), ((3, 3), (1, 1))}
    is_plain = convolution.stride == convolution.dilation == (1, 1) and convolution.groups == 1
    return keeps_size and is_plain and convolution.padding_mode == "zeros" and not convolution.weight.requires_grad
