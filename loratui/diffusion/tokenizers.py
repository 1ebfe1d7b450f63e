"""Opens the tokenizers of the text encoders, so that they cut text as kohya's trainer and A1111 do."""

import json
from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

from loratui.diffusion.library_calls import FilesRefused, library_call
from loratui.hub.tokenizer_files import padding_of
from loratui.lora_file.naming import BaseFamily, Component

_SMALLEST_VOCABULARY = 512


def open_tokenizer(folder: Path, family: BaseFamily, component: Component) -> Any:
    """Open the tokenizer in `folder` for a text encoder.

    Those of open_clip fill up with "!", and their own files call it a special token; opened by that they would take
    every exclamation mark for padding. So they are made anew of their vocabulary, and only then told what fills up.

    Raises:
        FilesRefused: The folder holds no vocabulary, out of which transformers 5 would make an empty one in silence.
    """
    with library_call():
        tokenizer = CLIPTokenizer.from_pretrained(folder)
    if len(tokenizer) < _SMALLEST_VOCABULARY:
        raise FilesRefused(f"the tokenizer in {folder} has no vocabulary")
    padding = padding_of(family, component)
    if padding != tokenizer.eos_token:
        words = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
        merges = [tuple(merge) for merge in words["merges"]]
        tokenizer = CLIPTokenizer(vocab=words["vocab"], merges=merges, model_max_length=tokenizer.model_max_length)
        tokenizer.pad_token_id = tokenizer.convert_tokens_to_ids(padding)
    return tokenizer
