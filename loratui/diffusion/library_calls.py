"""Calls of the libraries that read a base's files: what they raise for damaged files becomes one kind of refusal.

Only such calls go through here, so that a fault of our own code is never taken for a damaged file.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import SafetensorError

# What the libraries raise for files that are damaged, incomplete or of another kind.
_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    AttributeError,
    TypeError,
    SafetensorError,
    SingleFileComponentError,
)


# What is no fault of the files; the second is not in every torch.
_OF_THE_DEVICE = (torch.OutOfMemoryError, getattr(torch, "AcceleratorError", torch.OutOfMemoryError))


class FilesRefused(Exception):
    """A library cannot make a part of a base of its files; the text says why, in one line."""


@contextmanager
def library_call() -> Iterator[None]:
    """Have what a library raises come out as FilesRefused; what fails on the device stays what it is."""
    try:
        yield
    except _OF_THE_DEVICE:
        raise
    except _ERRORS as error:
        raise FilesRefused((str(error).strip() or type(error).__name__).splitlines()[0]) from error


def refuse_missing(part: str, keys: Collection[str]) -> None:
    """Raise FilesRefused where a part lacks tensors, which the libraries would fill with random numbers in silence."""
    if keys:
        raise FilesRefused(f"its {part} lacks {len(keys)} tensors, first {min(keys)}")
