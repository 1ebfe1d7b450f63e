"""Factors of LoRA files as numbers and back, one at a time and without torch; bf16 by its bits.

Knows types and sizes, and refuses what no LoRA has: other types, empty or gigantic factors, values that are no numbers.
Which tensors belong together is `modules.py`'s matter.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from loratui.errors import LoraFileError
from loratui.lora_file.header import TensorInfo
from loratui.lora_file.modules import LoraFile, LoraModule, read_lora
from loratui.lora_file.precisions import SIZES
from loratui.safe_text import printable

Numbers = NDArray[Any]

_NUMPY = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}
_FACTORS = ("F16", "BF16", "F32", "F64")
# The largest layer of SDXL at full rank in fp32 has 0.12 GB.
_LARGEST_FACTOR = 512 * 2**20
_DIVERGED = "It was probably saved from a training that had diverged: use an earlier epoch, or download it again."


def usable_lora(path: str | Path) -> LoraFile:
    """Return what the LoRA file at `path` holds, having seen that every factor can be computed with.

    Raises:
        LoraFileError: it is damaged, or of a kind, type or size that is not supported.
    """
    lora = read_lora(path)
    lora.check_usable()
    for module in lora.modules:
        for key in (module.down, module.up):
            _check_factor(lora, key, lora.header.tensors[key])
    return lora


def read_tensor(file: BinaryIO, lora: LoraFile, key: str) -> bytes:
    """Return the bytes of the tensor `key` of the open file of `lora`.

    Raises:
        LoraFileError: the file has become shorter, or the tensor holds values that are no numbers.
    """
    info = lora.header.tensors[key]
    file.seek(info.start)
    data = file.read(info.stop - info.start)
    if len(data) != info.stop - info.start:
        raise LoraFileError(f"{printable(lora.path)} became shorter while it was read.", "Try it again.")
    if info.dtype in _FACTORS and not all_finite(data, info.dtype):
        raise LoraFileError(
            f"{printable(lora.path)} is damaged: {_shown(key)} holds values that are no numbers.", _DIVERGED
        )
    return data


def read_factor(file: BinaryIO, lora: LoraFile, key: str) -> Numbers:
    """Return a factor in fp64, down as [rank, in · kernel], up as [out, rank].

    Raises:
        LoraFileError: as `read_tensor`.
    """
    info = lora.header.tensors[key]
    return decoded(read_tensor(file, lora, key), info.dtype).astype(np.float64).reshape(info.shape[0], -1)


def decoded(data: bytes, dtype: str) -> Numbers:
    """Return the numbers of a tensor's bytes, flat; bf16 as fp32."""
    if dtype == "BF16":  # the upper half of an fp32
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, _NUMPY[dtype])


def encoded(values: Numbers, dtype: str) -> bytes:
    """Return numbers as a tensor's bytes, rounded to the nearest (ties to even); too large ones become infinite."""
    with np.errstate(over="ignore"):
        if dtype != "BF16":
            return values.astype(_NUMPY[dtype]).tobytes()
        bits = np.ascontiguousarray(values, "<f4").reshape(-1).view("<u4")
        rounded: Numbers = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype("<u2")
        return rounded.tobytes()


def all_finite(data: bytes, dtype: str) -> bool:
    """Whether a tensor's bytes hold numbers only."""
    return bool(np.isfinite(decoded(data, dtype)).all())


def holds_exactly(value: float, dtype: str) -> bool:
    """Whether a tensor of this type can hold `value` without rounding."""
    return dtype in SIZES and float(decoded(encoded(np.array([value]), dtype), dtype)[0]) == value


def common_dtype(modules: Iterable[tuple[LoraFile, LoraModule]]) -> str:
    """Return the one type of all factors; of several, fp32."""
    found = {lora.header.tensors[key].dtype for lora, module in modules for key in (module.down, module.up)}
    return found.pop() if len(found) == 1 and "F64" not in found else "F32"


def _check_factor(lora: LoraFile, key: str, info: TensorInfo) -> None:
    if info.dtype not in _FACTORS:
        raise LoraFileError(
            f"{printable(lora.path)} cannot be used: {_shown(key)} is of the type {info.dtype}.",
            "Weights in fp16, bf16, fp32 and fp64 can be converted and merged.",
        )
    if not math.prod(info.shape):
        raise LoraFileError(f"{printable(lora.path)} is damaged: {_shown(key)} is empty.", "Download or copy it again.")
    if info.stop - info.start > _LARGEST_FACTOR:
        raise LoraFileError(
            f"{printable(lora.path)} cannot be used: {_shown(key)} has {(info.stop - info.start) / 1e9:,.1f} GB.",
            "No layer of Stable Diffusion 1, 2 or XL is as large as that.",
        )


def _shown(key: str) -> str:
    return printable(key)[:200]
