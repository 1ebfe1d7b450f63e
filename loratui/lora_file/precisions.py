"""What the precisions of weights are called, by people and by safetensors, and their sizes. Knows no numbers."""

from collections.abc import Mapping
from typing import Literal

Precision = Literal["fp16", "bf16", "fp32"]
DTYPES: Mapping[Precision, str] = {"fp16": "F16", "bf16": "BF16", "fp32": "F32"}
PRECISIONS: Mapping[str, Precision] = {dtype: precision for precision, dtype in DTYPES.items()}
# Bytes of a value, of the types that a LoRA's factors and alphas have.
SIZES: Mapping[str, int] = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "F64": 8, "I64": 8}
