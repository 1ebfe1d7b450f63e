"""Prompts as the UNet sees them: token ids and CLIP's hidden states, counted the way kohya and A1111 count.

A window is what CLIP reads at once: BOS, 75 tokens, EOS. Training joins windows as kohya does (one BOS and one EOS
around all of them), generation as A1111 does (every window keeps its own).
"""

from collections.abc import Sequence
from typing import Any

import torch

WINDOW_TOKENS = 75


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
    """Return the normalised hidden states [B, 77, D] of token ids [B, 77].

    Args:
        clip_skip: kohya's count: 1 is the last layer, 2 the one before (diffusers calls these None and 1).
    """
    if clip_skip == 1:
        return text_encoder(ids).last_hidden_state
    output = text_encoder(ids, output_hidden_states=True)
    # transformers before 5.6 keeps the layers under `text_model`.
    layers = getattr(text_encoder, "text_model", text_encoder)
    return layers.final_layer_norm(output.hidden_states[-clip_skip])


def encode_captions(
    tokenizer: Any, text_encoder: Any, captions: Sequence[str], *, clip_skip: int, max_token_length: int
) -> torch.Tensor:
    """Encode captions for training, as kohya does.

    Args:
        max_token_length: 75, 150 or 225.

    Returns:
        Embeddings [B, max_token_length + 2, D], on the text encoder's device and in its precision.
    """
    count = max_token_length // WINDOW_TOKENS
    ids = torch.stack([windows(tokenizer, caption, count) for caption in captions]).to(text_encoder.device)
    states = [hidden_states(text_encoder, ids[:, index], clip_skip) for index in range(count)]
    if count == 1:
        return states[0]
    inner = [state[:, 1:-1] for state in states]
    return torch.cat([states[0][:, :1], *inner, states[-1][:, -1:]], dim=1)


def encode_prompts(
    tokenizer: Any, text_encoder: Any, prompts: Sequence[str], *, clip_skip: int = 1, at_least: int = 1
) -> torch.Tensor:
    """Encode prompts for generation, as A1111 does: every 75 tokens one window with its own BOS and EOS.

    A1111 may end a window early at a comma, so that no tag is cut in two; here windows are always filled.

    Args:
        at_least: Lowest number of windows, so that a negative prompt can be made as long as its prompt.

    Returns:
        Embeddings [B, 77 · windows, D]; all prompts get as many windows as the longest needs.
    """
    longest = max((len(tokenise(tokenizer, prompt)) for prompt in prompts), default=0)
    count = max(at_least, -(-longest // WINDOW_TOKENS), 1)
    ids = torch.stack([windows(tokenizer, prompt, count) for prompt in prompts]).to(text_encoder.device)
    # One window of all prompts at a time, so that a strength per prompt meets a batch of prompts.
    return torch.cat([hidden_states(text_encoder, ids[:, index], clip_skip) for index in range(count)], dim=1)
