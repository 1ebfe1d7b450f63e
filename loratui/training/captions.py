"""Caption embeddings for training: kept when the text encoder is frozen, computed anew when it learns."""

from collections.abc import Collection, Iterable, Sequence

import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.text import encode_captions


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
        self._kept: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def prepare(self, captions: Iterable[str]) -> None:
        """Encode those captions that are not kept yet. Does nothing when the encoder learns."""
        if self._learns:
            return
        for caption in captions:
            if caption not in self._kept:
                # One at a time: the numbers must not depend on which captions a resumed run meets together.
                self._kept[caption] = self._encode([caption])[0].cpu()

    def forget_all_but(self, captions: Collection[str]) -> None:
        """Drop what is kept of other captions."""
        self._kept = {caption: kept for caption, kept in self._kept.items() if caption in captions}

    def embeddings(self, captions: Sequence[str]) -> torch.Tensor:
        """Return [B, T, D] for captions that were prepared, or through the learning text encoder."""
        if self._learns:
            return self._encode(captions)
        return torch.stack([self._kept[caption] for caption in captions]).to(self._base.device)

    def _encode(self, captions: Sequence[str]) -> torch.Tensor:
        return encode_captions(
            self._base.tokenizer,
            self._base.text_encoder,
            captions,
            clip_skip=self._base.clip_skip,
            max_token_length=self._max_token_length,
        )
