"""The beginning of a safetensors file as the library writes it.

Knows bytes only; what the tensors and the metadata are is not its matter.
"""

import json
from collections.abc import Mapping
from typing import Any

from loratui.lora_file.header import TensorInfo


def header_bytes(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str], data_start: int = 0) -> bytes:
    """Return length and header of a file: JSON without spaces, filled to a multiple of 8 bytes.

    Args:
        tensors: By name, in the order in which the header names them.
        metadata: Left out where it is empty.
        data_start: From where the bytes of `tensors` are counted.
    """
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for name, tensor in tensors.items():
        offsets = [tensor.start - data_start, tensor.stop - data_start]
        entries[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": offsets}
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
