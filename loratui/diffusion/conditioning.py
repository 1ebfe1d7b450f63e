"""What the UNet is told beside the noisy latents and the timestep: text, and for SDXL also sizes.

Rows are samples of a batch. Knows no prompt and no picture.
Source: Podell et al., SDXL (2023), section 2.2, for sizes and crops; the order of the six numbers is diffusers' own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from loratui.diffusion.sending import sent


@dataclass(frozen=True)
class PictureSizes:
    """What SDXL is told of a picture, all in pixels, rows before columns.

    Attributes:
        original: Height and width before anything was done to it.
        crop: Top and left of what was cut out of the scaled picture.
        target: Height and width of what is trained or drawn.
    """

    original: tuple[int, int]
    crop: tuple[int, int]
    target: tuple[int, int]

    @classmethod
    def whole(cls, width: int, height: int) -> "PictureSizes":
        """A picture that was neither scaled nor cropped, as one that is to be drawn."""
        return cls((height, width), (0, 0), (height, width))


@dataclass(frozen=True)
class Conditioning:
    """Conditions of a batch.

    Attributes:
        states: Hidden states of the text, [B, T, D].
        pooled: The text as a whole, [B, P]; None where the base has no use for it (all but SDXL).
        sizes: For SDXL, six numbers a sample: original height and width, top and left of the crop, target height and
            width, fp32 [B, 6].
    """

    states: torch.Tensor
    pooled: torch.Tensor | None = None
    sizes: torch.Tensor | None = None

    def __len__(self) -> int:
        return self.states.shape[0]

    def __getitem__(self, rows: slice) -> "Conditioning":
        """Some of the rows."""
        return self._each(lambda part: part[rows])

    def expand(self, count: int) -> "Conditioning":
        """One row as `count` rows, without copying it."""
        return self._each(lambda part: part.expand(count, *part.shape[1:]))

    def to(self, device: torch.device, dtype: torch.dtype) -> "Conditioning":
        """The same on `device`, texts in `dtype`; sizes stay fp32, since half precision does not hold them."""
        moved = self._each(lambda part: sent(part, device))
        pooled = None if moved.pooled is None else moved.pooled.to(dtype)
        return replace(moved, states=moved.states.to(dtype), pooled=pooled)

    def zeros(self) -> "Conditioning":
        """No text at all, which for SDXL is not the same as an empty one."""
        return replace(self._each(torch.zeros_like), sizes=self.sizes)

    def with_sizes(self, sizes: Sequence[PictureSizes]) -> "Conditioning":
        """The same with the sizes of each sample's picture; unchanged where the base does not ask for them."""
        if self.pooled is None:
            return self
        rows = [[*size.original, *size.crop, *size.target] for size in sizes]
        return replace(self, sizes=sent(torch.tensor(rows, dtype=torch.float32), self.states.device))

    @property
    def added(self) -> dict[str, torch.Tensor] | None:
        """What diffusers' UNet takes as `added_cond_kwargs`."""
        if self.pooled is None:
            return None
        if self.sizes is None:
            raise ValueError("this base has to be told the sizes of the pictures")
        return {"text_embeds": self.pooled, "time_ids": self.sizes}

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Conditioning":
        pooled, sizes = (None if part is None else change(part) for part in (self.pooled, self.sizes))
        return Conditioning(change(self.states), pooled, sizes)


def joined(parts: Sequence[Conditioning]) -> Conditioning:
    """Conditions of one base one below the other; texts of different length are no batch and are refused by torch."""
    pooled = [part.pooled for part in parts if part.pooled is not None]
    sizes = [part.sizes for part in parts if part.sizes is not None]
    return Conditioning(
        torch.cat([part.states for part in parts]),
        torch.cat(pooled) if pooled else None,
        torch.cat(sizes) if sizes else None,
    )
