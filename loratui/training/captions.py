"""Caption embeddings for training: kept when the text encoder is frozen, computed anew when it learns."""

from collections.abc import Collection, Iterable, Sequence

import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import Conditioning, joined
from loratui.diffusion.text import encode_captions

# So much of a GPU's memory may hold captions; the others are sent when they are needed.
_MOST_BYTES_RESIDENT = 256 * 2**20


class CaptionEncoder:
    """Encodes captions for one base."""

    def __init__(self, base: BaseModel, *, max_token_length: int, learns: bool) -> None:
        """Create an encoder with nothing encoded.

        Args:
            max_token_length: 75, 150 or 225.
            learns: The text encoder is trained, so every call must go through it.
        """
        self._base = base
        self._max_token_length = max_token_length
        self._learns = learns
        self._kept: dict[str, Conditioning] = {}

    @torch.no_grad()
    def prepare(self, captions: Iterable[str]) -> None:
        """Encode those captions that are not kept yet. Does nothing when the encoder learns."""
        if self._learns:
            return
        missing = [caption for caption in dict.fromkeys(captions) if caption not in self._kept]
        if not missing:
            return
        with self._base.reading():
            for caption in missing:
                # One at a time: the numbers must not depend on which captions a resumed run meets together.
                encoded = self._encode([caption])
                room = _MOST_BYTES_RESIDENT // max(encoded.states.nbytes, 1)
                home = self._base.device if len(self._kept) < room else torch.device("cpu")
                self._kept[caption] = encoded.to(home, self._base.dtype)

    def forget_all_but(self, captions: Collection[str]) -> None:
        """Drop what is kept of other captions."""
        self._kept = {caption: kept for caption, kept in self._kept.items() if caption in captions}

    def conditioning(self, captions: Sequence[str]) -> Conditioning:
        """Return what the UNet is told by captions that were prepared, or through the learning text encoders."""
        if self._learns:
            return self._encode(captions)
        device, dtype = self._base.device, self._base.dtype
        return joined([self._kept[caption].to(device, dtype) for caption in captions])

    def _encode(self, captions: Sequence[str]) -> Conditioning:
        return encode_captions(self._base, captions, max_token_length=self._max_token_length)
