"""Frozen convolutions with their weights in the order in which the CPU's kernels want them.

oneDNN otherwise reorders a weight at every call, forward and backward, which in bf16 and at the sizes of a latent takes
longer than the convolution itself. A frozen weight never changes, so it is reordered once: for the forward pass, and
turned round for the backward pass, which for a convolution of stride 1 is a convolution of the gradient.

The operators are those that torch.compile uses for frozen weights; where this torch lacks them nothing is packed.
"""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import nn

from loratui.diffusion.main_memory import trim

# Convolutions after which what was freed is returned: weights of tens of megabytes come and go.
_BETWEEN_TRIMS = 8


def pack(root: nn.Module) -> None:
    """Replace the frozen convolutions of stride 1 below `root`, where this computer can; `unpack` brings them back."""
    if not _can_pack():
        return
    convolutions = [child for child in _children(root, nn.Conv2d) if _is_packable(cast(nn.Conv2d, child[2]))]
    for number, (parent, name, module) in enumerate(convolutions, start=1):
        setattr(parent, name, PackedConv2d(cast(nn.Conv2d, module)))
        if number % _BETWEEN_TRIMS == 0 or number == len(convolutions):
            trim()


def unpack(root: nn.Module) -> None:
    """Bring back what `pack` replaced."""
    packed = list(_children(root, PackedConv2d))
    for parent, name, module in packed:
        setattr(parent, name, cast(PackedConv2d, module).unpacked())
    if packed:
        trim()


class PackedConv2d(nn.Module):
    """A frozen convolution of stride 1; has no gradient but that of its input.

    Attributes:
        stride, padding, dilation: As in nn.Conv2d.
        bias: The convolution's own, or None.
    """

    def __init__(self, plain: nn.Conv2d) -> None:
        """Take over the weight of `plain`, which is empty until `unpacked`."""
        super().__init__()
        self.stride, self.dilation = plain.stride, plain.dilation
        self.padding = cast(tuple[int, int], plain.padding)
        self.bias = plain.bias
        weight = plain.weight.detach().contiguous()
        turned = weight.flip(2, 3).transpose(0, 1)
        self._padding_back = tuple(
            size - 1 - padding for size, padding in zip(plain.kernel_size, self.padding, strict=True)
        )
        self._forward, self._backward = _reordered(weight, self.padding), _reordered(turned, self._padding_back)
        plain.weight.data = torch.empty(0, dtype=weight.dtype)
        self._plain = [plain]  # in a list, so that it is no submodule

    def unpacked(self) -> nn.Conv2d:
        """Return the plain convolution with its weight; this one cannot be used any more."""
        (plain,) = self._plain
        plain.weight.data = self.weight
        del self._forward, self._backward  # not when all are unpacked: that would take twice the room
        return plain

    @property
    def weight(self) -> torch.Tensor:
        """A copy of the weight as nn.Conv2d has it."""
        return self._forward.to_dense().contiguous(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve x [B, C, H, W]."""
        convolved: torch.Tensor = _Convolution.apply(x, self)  # type: ignore[no-untyped-call]
        return convolved

    def convolve(self, x: torch.Tensor) -> torch.Tensor:
        """Return the forward pass without a graph."""
        return _convolved(x, self._forward, self.bias, self.padding)

    def convolve_back(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the input from that of the output."""
        return _convolved(gradient, self._backward, None, self._padding_back)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, convolution: PackedConv2d) -> torch.Tensor:
        ctx.convolution = convolution
        return convolution.convolve(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        return ctx.convolution.convolve_back(gradients[0]), None


def _can_pack() -> bool:
    has_operators = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return has_operators and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _is_packable(convolution: nn.Conv2d) -> bool:
    weight = convolution.weight
    is_plain = convolution.stride == convolution.dilation == (1, 1) and convolution.groups == 1
    is_padded_evenly = isinstance(convolution.padding, tuple) and convolution.padding_mode == "zeros"
    # In fp32 the order depends on the size of the pictures, and the wrong one is slower than none.
    is_bf16_here = weight.device.type == "cpu" and weight.dtype == torch.bfloat16
    return is_plain and is_padded_evenly and is_bf16_here and not weight.requires_grad


def _children(root: nn.Module, kind: type[nn.Module]) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    for parent in root.modules():
        for name, child in parent.named_children():
            if isinstance(child, kind):
                yield parent, name, child


def _reordered(weight: torch.Tensor, padding: tuple[int, ...]) -> torch.Tensor:
    packed: torch.Tensor = torch.ops.mkldnn._reorder_convolution_weight(
        weight.contiguous(), list(padding), [1, 1], [1, 1], 1, None
    )
    return packed


def _convolved(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: tuple[int, ...]
) -> torch.Tensor:
    x = x.contiguous(memory_format=torch.channels_last)
    convolved: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, list(padding), [1, 1], [1, 1], 1, "none", [], ""
    )
    return convolved
