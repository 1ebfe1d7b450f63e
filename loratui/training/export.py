"""Writes the LoRA as kohya's tools do, keys, metadata and hashes alike, to a temporary file that is then renamed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save

from loratui.errors import TrainingError
from loratui.lora_file.metadata import with_hashes
from loratui.whole_files import write_whole

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True)
class WrittenLora:
    """A published file: where it is, how large, and kohya's `sshs_model_hash` of its tensors."""

    path: Path
    bytes: int
    model_hash: str


def write_lora(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str], precision: str
) -> WrittenLora:
    """Write `tensors` with `metadata` to `path`.

    Args:
        path: Replaced at once when the new file is complete.
        tensors: kohya's names, in fp32.
        metadata: `ss_*` and `modelspec.*`; the two hashes are added here.
        precision: "fp16", "bf16" or "fp32".

    Raises:
        TrainingError: A value is not finite in that precision.
        OSError: The file cannot be written; what was there before is untouched.
    """
    cast = {name: tensor.to(DTYPES[precision]).contiguous() for name, tensor in tensors.items()}
    for name, tensor in cast.items():
        if not bool(torch.isfinite(tensor).all()):
            raise TrainingError(
                f"{name} holds values that {precision} cannot: the LoRA was not written.",
                "Train with a lower learning rate, or set output.precision to fp32.",
            )
    complete = with_hashes(metadata, lambda values: save(cast, values))
    content = save(cast, complete)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return WrittenLora(path, len(content), complete["sshs_model_hash"])
