"""The factors of one layer from several LoRA files put side by side, or cut to a rank by singular values.

Knows numbers of one layer, in fp64; where they are written is the callers' matter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from loratui.errors import LoraFileError
from loratui.lora_file.modules import LoraFile, LoraModule
from loratui.lora_file.tensors import Numbers, all_finite, decoded, encoded, read_factor, read_tensor
from loratui.safe_text import printable


@dataclass(frozen=True)
class Part:
    """What one file does to a layer: `weight` · up · down.

    Args:
        file: The file, open.
        lora, module: Where the factors are in it.
        weight: What was asked for, times alpha ÷ rank.
    """

    file: BinaryIO
    lora: LoraFile
    module: LoraModule
    weight: float


class Kept:
    """How much of the effect the cut layers have left, as shares of the sum of the squared singular values."""

    def __init__(self) -> None:
        self._all = 0.0
        self._left = 0.0
        self.lowest: tuple[str, float] | None = None

    @property
    def share(self) -> float:
        """Of all layers together; 1 where nothing was left out."""
        return self._left / self._all if self._all else 1.0

    def add(self, name: str, everything: float, left: float, *, is_cut: bool = True) -> None:
        """Count a layer in."""
        self._all += everything
        self._left += left
        share = left / everything if everything else 1.0
        if is_cut and (self.lowest is None or share < self.lowest[1]):
            self.lowest = name, share


class JoinedFactors:
    """Both factors of a layer, computed when the first is asked for and gone when the second is."""

    def __init__(self, parts: Sequence[Part], rank: int, alpha: float, dtype: str, kept: Kept | None = None) -> None:
        """Join `parts`.

        Args:
            parts: At least one.
            rank: The highest allowed.
            alpha: That the result will have: its effect is alpha ÷ rank · up · down.
            dtype: As safetensors spells it.
            kept: Where to count how much is left; None: nothing in the file is cut.
        """
        self._parts, self._alpha, self._dtype, self._kept = parts, alpha, dtype, kept
        self._whole = sum(part.module.rank for part in parts)
        self.rank = min(self._whole, rank)
        self._up = b""

    def down(self) -> bytes:
        """The bytes of [rank, in · kernel].

        Raises:
            LoraFileError: as `tensors.read_tensor`, or a number is too large for the type.
        """
        down = np.concatenate([read_factor(part.file, part.lora, part.module.down) for part in self._parts])
        ups = [read_factor(part.file, part.lora, part.module.up) for part in self._parts]
        up = np.concatenate([up * self._fold(part) for up, part in zip(ups, self._parts, strict=True)], axis=1)
        if self.rank < self._whole:
            down, up = self._cut(down, up)
        elif self._kept is not None:
            # |U·D|² without U·D.
            effect = float(np.sum((up.T @ up) * (down @ down.T))) * self._scale**2
            self._kept.add(self._parts[0].module.key, effect, effect, is_cut=False)
        self._up = self._written(up)
        return self._written(down)

    def up(self) -> bytes:
        """The bytes of [out, rank]; to be asked after `down`."""
        up, self._up = self._up, b""
        return up

    @property
    def _scale(self) -> float:
        """What alpha makes of the factors side by side."""
        return self._alpha / self._whole

    def _fold(self, part: Part) -> float:
        """What an `up` is multiplied by: the wanted weight over that which alpha gives it."""
        alpha = part.weight * self._whole
        # Where only alpha's own rounding is between them, the factor stays as it is.
        return math.copysign(1.0, alpha) if np.float32(abs(alpha)) == self._alpha else alpha / self._alpha

    def _cut(self, down: Numbers, up: Numbers) -> tuple[Numbers, Numbers]:
        """The best factors of a smaller rank (Eckart–Young), by the singular values of the small middle matrix."""
        inner, from_down = np.linalg.qr(down.T)
        outer, from_up = np.linalg.qr(up)
        try:
            left, values, right = np.linalg.svd(from_up @ from_down.T, full_matrices=False)
        except np.linalg.LinAlgError:
            raise LoraFileError(
                f"{printable(self._parts[0].module.key)[:200]} cannot be cut to rank {self.rank}.",
                "Merge without --rank, which is exact.",
            ) from None
        if self._kept is not None:
            squares = (values * self._scale) ** 2
            effect, remaining = float(squares.sum()), float(squares[: self.rank].sum())
            self._kept.add(self._parts[0].module.key, effect, remaining)
        # Fewer values than the rank where the layer itself is smaller; the others are zero. The scale, which was
        # alpha ÷ whole rank, is alpha ÷ rank from now on; both factors get an equal share of all that.
        shares = np.sqrt(values[: self.rank] * (self.rank / self._whole))
        new_down, new_up = np.zeros((self.rank, down.shape[1])), np.zeros((up.shape[0], self.rank))
        new_down[: len(shares)] = shares[:, None] * (right[: self.rank] @ inner.T)
        new_up[:, : len(shares)] = (outer @ left[:, : self.rank]) * shares
        return new_down, new_up

    def _written(self, values: Numbers) -> bytes:
        data = encoded(values, self._dtype)
        if not all_finite(data, self._dtype):
            raise LoraFileError(
                f"{printable(self._parts[0].module.key)[:200]} would hold numbers that {self._dtype} cannot.",
                "Give smaller weights, or --precision bf16 or fp32.",
            )
        return data


def reencoded(file: BinaryIO, lora: LoraFile, key: str, dtype: str) -> bytes:
    """Return the tensor `key` in another type, or its own bytes where it has that type.

    Raises:
        LoraFileError: as `tensors.read_tensor`, or a number is too large for the type.
    """
    data, own = read_tensor(file, lora, key), lora.header.tensors[key].dtype
    if own == dtype:
        return data
    data = encoded(decoded(data, own), dtype)
    if not all_finite(data, dtype):
        raise LoraFileError(
            f"{printable(key)[:200]} holds numbers that {dtype} cannot.", "Use --precision bf16 or fp32."
        )
    return data
