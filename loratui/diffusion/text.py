"""Prompts as the UNet sees them: token ids and CLIP's hidden states, counted the way kohya and A1111 count.

A window is what CLIP reads at once: BOS, 75 tokens, EOS. Training joins windows as kohya does (one BOS and one EOS
around all of them), generation as A1111 does (every window keeps its own). SDXL has two text encoders; of both the
last layer but one is read, without its norm, and the second also sums the text up ("pooled").
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from loratui.diffusion.base_model import BaseModel, TextEncoder
from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.emphasis_states import apply_emphasis
from loratui.diffusion.windows import WINDOW_TOKENS, Window, comma_of, weighted_windows


def tokenise(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of `text` without BOS, EOS or padding, however many there are."""
    return list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)


def windows(tokenizer: Any, text: str, count: int) -> torch.Tensor:
    """Return `text` as `count` windows of CLIP input, shape [count, 77], cut where it is longer.

    Windows after the last token hold only padding, as in kohya: BOS, then EOS (SD 1.x) or EOS and pads (SD 2.x).
    """
    tokens = tokenise(tokenizer, text)[: count * WINDOW_TOKENS]
    bos, eos, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    rows = []
    for start in range(0, count * WINDOW_TOKENS, WINDOW_TOKENS):
        part = tokens[start : start + WINDOW_TOKENS]
        rows.append([bos, *part, eos, *[pad] * (WINDOW_TOKENS - len(part))])
    return torch.tensor(rows, dtype=torch.long)


def hidden_states(text_encoder: Any, ids: torch.Tensor, clip_skip: int) -> torch.Tensor:
    """Return the normalised hidden states [B, 77, D] of token ids [B, 77], as SD 1.x and 2.x are told them.

    Args:
        clip_skip: kohya's count: 1 is the last layer, 2 the one before (diffusers calls these None and 1).
    """
    if clip_skip == 1:
        return text_encoder(ids).last_hidden_state
    output = text_encoder(ids, output_hidden_states=True)
    # transformers before 5.6 keeps the layers under `text_model`.
    layers = getattr(text_encoder, "text_model", text_encoder)
    return layers.final_layer_norm(output.hidden_states[-clip_skip])


def encode_captions(base: BaseModel, captions: Sequence[str], *, max_token_length: int) -> Conditioning:
    """Encode captions for training, as kohya does.

    Args:
        max_token_length: 75, 150 or 225.

    Returns:
        States [B, max_token_length + 2, D] on the text encoders' device and in their precision; `pooled` is that of
        the first window.
    """
    count = max_token_length // WINDOW_TOKENS
    with base.reading():
        parts = [
            _read(base, text, torch.stack([windows(text.tokenizer, caption, count) for caption in captions]))
            for text in base.texts
        ]
    states = torch.cat([_between_one_pair_of_ends(states) for states, _ in parts], dim=-1)
    return Conditioning(states, parts[-1][1])


def encode_prompts(base: BaseModel, prompts: Sequence[str], *, at_least: int = 1) -> Conditioning:
    """Encode prompts for generation, as A1111 does: each window of 75 tokens with its own BOS and EOS, weights laid on.

    Prompts of a batch are all made as long as the longest by empty windows, the negative ones too: what A1111 draws
    with its setting "Pad prompt/negative prompt" switched on.

    Args:
        prompts: With A1111's emphasis and BREAK, without LoRA tags.
        at_least: Lowest number of windows.

    Returns:
        States [B, 77 · windows, D]; `pooled` is that of the first window, unweighted.

    Raises:
        GenerationError: A prompt says what is not understood here; see `parse_emphasis`.
    """
    of_texts = [[_cut(text.tokenizer, prompt) for prompt in prompts] for text in base.texts]
    count = max([at_least, *(len(cut) for rows in of_texts for cut in rows)])
    with base.reading():
        parts = [_read_weighted(base, text, rows, count) for text, rows in zip(base.texts, of_texts, strict=True)]
    return Conditioning(torch.cat([states for states, _ in parts], dim=-1), parts[-1][1])


def _cut(tokenizer: Any, prompt: str) -> list[Window]:
    return weighted_windows(partial(tokenise, tokenizer), prompt, comma=comma_of(tokenizer))


def _read_weighted(
    base: BaseModel, text: TextEncoder, rows: Sequence[list[Window]], count: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    words = text.tokenizer
    filled = [[*row, *[Window()] * (count - len(row))] for row in rows]
    ids = [
        [window.ids(bos=words.bos_token_id, eos=words.eos_token_id, pad=words.pad_token_id) for window in row]
        for row in filled
    ]
    weights = torch.tensor([[window.factors() for window in row] for row in filled])
    states, pooled = _read(base, text, torch.tensor(ids))
    weighted = [apply_emphasis(state, weights[:, index]) for index, state in enumerate(states)]
    return torch.cat(weighted, dim=1), pooled


def _read(base: BaseModel, text: TextEncoder, ids: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    """Return the states [B, 77, D] of each window of ids [B, windows, 77], and SDXL's pooled text [B, P]."""
    # One window of all prompts at a time, so that a strength per prompt meets a batch of prompts.
    columns = [column.contiguous() for column in ids.to(text.model.device).unbind(1)]
    if base.family != "sdxl":
        return [hidden_states(text.model, column, base.clip_skip) for column in columns], None
    outputs = [text.model(column, output_hidden_states=True) for column in columns]
    pooled = outputs[0].text_embeds if text.component == "text_encoder_2" else None
    return [output.hidden_states[-2] for output in outputs], pooled


def _between_one_pair_of_ends(windows: Sequence[torch.Tensor]) -> torch.Tensor:
    """Join windows as kohya does: the first BOS, what is between the ends of each, the last EOS."""
    if len(windows) == 1:
        return windows[0]
    inner = [states[:, 1:-1] for states in windows]
    return torch.cat([windows[0][:, :1], *inner, windows[-1][:, -1:]], dim=1)
