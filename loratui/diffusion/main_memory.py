"""Main memory that is given back: parts of a base that have done their work, and what the C library holds on to."""

import ctypes
import sys
from collections.abc import Iterable

import torch
from torch import nn


def empty(model: nn.Module) -> None:
    """Let go of a frozen model's weights; its configuration and buffers stay."""
    for parameter in model.parameters():
        parameter.data = torch.empty(0, dtype=parameter.dtype)


def is_empty(model: nn.Module) -> bool:
    """Whether `empty` was called and `refill` was not."""
    return all(parameter.numel() == 0 for parameter in model.parameters())


def refill(model: nn.Module, weights: Iterable[tuple[str, nn.Parameter]]) -> None:
    """Give an emptied model its weights again, those of a model of the same class by their names."""
    for (name, parameter), (of, weight) in zip(model.named_parameters(), weights, strict=True):
        assert name == of
        parameter.data = weight.data


def trim() -> None:
    """Have the C library return what was freed; glibc otherwise keeps most of it after large models moved about."""
    if sys.platform == "linux":
        release = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if release is not None:
            release(0)
