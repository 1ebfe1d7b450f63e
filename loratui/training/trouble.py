"""Trouble that a training can meet and what it is called: out of memory, divergence, a full disk."""

import torch

from loratui.errors import TrainingError

_CPU_WORDS = ("can't allocate memory", "not enough memory", "cannot allocate memory")


class Diverged(Exception):
    """Loss, gradients or masters are no longer finite, or fp16 overflows at every scale."""


class Interrupted(TrainingError):
    """Something outside stopped the training; it can be resumed once that is mended."""


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether `error` means that a GPU's or the machine's memory did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _CPU_WORDS)
