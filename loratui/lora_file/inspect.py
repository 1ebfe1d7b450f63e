"""Says what a LoRA file holds: its modules, ranks and alphas, where it came from and the words it was trained on.

Reads the header and a few bytes for each alpha; weights are never loaded. Whatever the metadata claims is taken as
text from a stranger: wrong forms count as absent.
"""

import json
import math
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from loratui.errors import LoraFileError
from loratui.lora_file.header import Header, TensorInfo, file_sha256, model_hash, read_header
from loratui.safe_text import printable

Family = Literal["sd1", "sd2", "sdxl", "unknown"]

_PARTS = (".lora_down.weight", ".lora_up.weight", ".alpha")
_PREFIXES = {
    "lora_unet_": "unet",
    "lora_te1_": "text_encoder",
    "lora_te2_": "text_encoder_2",
    "lora_te_": "text_encoder",
}
_FORMATS = {"F16": "<e", "F32": "<f", "F64": "<d", "I32": "<i", "I64": "<q"}
_FAMILY_OF_WIDTH: Mapping[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
_ADVICE = "Look for a LoRA in kohya's format, the one A1111, Forge and ComfyUI use."


@dataclass(frozen=True)
class LoraModule:
    """One trained module; `alpha` is None where the file has none, which means a scale of 1."""

    key: str
    component: str
    rank: int
    alpha: float | None
    kernel: tuple[int, ...] = ()

    @property
    def scale(self) -> float:
        """alpha ÷ rank."""
        return 1.0 if self.alpha is None else self.alpha / self.rank


@dataclass(frozen=True)
class LoraSummary:
    """What a LoRA file holds, as far as it can be told without running it.

    Args:
        base: Name of the model it was trained on, or "".
        trigger_words: Words that its metadata asks for in a prompt.
        tag_frequency: For each dataset folder, how often each tag stands in the captions.
        problems: What keeps some tools from reading the file, one sentence each.
    """

    path: Path
    size: int
    name: str
    modules: tuple[LoraModule, ...]
    dtypes: tuple[str, ...]
    family: Family
    base: str
    trigger_words: tuple[str, ...]
    tag_frequency: Mapping[str, Mapping[str, int]]
    metadata: Mapping[str, str]
    model_hash: str
    sha256: str
    problems: tuple[str, ...]

    @property
    def ranks(self) -> Mapping[int, int]:
        """Each rank and the number of modules that have it, the commonest first."""
        return dict(Counter(module.rank for module in self.modules).most_common())

    @property
    def alphas(self) -> Mapping[float | None, int]:
        """Each alpha and the number of modules that have it, the commonest first."""
        return dict(Counter(module.alpha for module in self.modules).most_common())

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of modules of each component: unet, text_encoder, text_encoder_2."""
        return dict(Counter(module.component for module in self.modules))

    @property
    def has_conv(self) -> bool:
        """Whether convolutions with a kernel larger than 1×1 were trained."""
        return any(max(module.kernel, default=1) > 1 for module in self.modules)


def summarise(path: str | Path) -> LoraSummary:
    """Return what the LoRA file at `path` holds.

    Raises:
        LoraFileError: it is no safetensors file, or holds no LoRA in kohya's format.
    """
    path = Path(path)
    header = read_header(path)
    modules, problems = _modules(path, header)
    metadata = header.metadata
    digest = model_hash(path)
    if metadata.get("sshs_model_hash", digest) != digest:
        problems.append("The weights are not those that were there when the file's hash was written.")
    trigger = metadata.get("modelspec.trigger_phrase", "")
    return LoraSummary(
        path=path,
        size=header.size,
        name=metadata.get("ss_output_name") or path.stem,
        modules=modules,
        dtypes=tuple(sorted({tensor.dtype for tensor in header.tensors.values()})),
        family=_family(header),
        base=_known(metadata.get("ss_sd_model_name")),
        trigger_words=tuple(word for part in trigger.split(",") if (word := part.strip())),
        tag_frequency=_tag_frequency(metadata.get("ss_tag_frequency", "")),
        metadata=metadata,
        model_hash=digest,
        sha256=file_sha256(path),
        problems=tuple(problems),
    )


def _modules(path: Path, header: Header) -> tuple[tuple[LoraModule, ...], list[str]]:
    parts: dict[str, dict[str, TensorInfo]] = {}
    foreign = []
    for name, tensor in header.tensors.items():
        part = next((part for part in _PARTS if name.endswith(part)), "")
        if part and _component(name):
            parts.setdefault(name.removesuffix(part), {})[part] = tensor
        else:
            foreign.append(name)
    if not any(_PARTS[0] in tensors for tensors in parts.values()):
        raise LoraFileError(f"{printable(path)} holds no LoRA in kohya's format: {_looks_like(foreign)}.", _ADVICE)
    problems, modules = [], []
    with open(path, "rb") as file:
        for key, tensors in parts.items():
            down, up, alpha = (tensors.get(part) for part in _PARTS)
            if down is None or up is None or not _fit(down, up):
                problems.append(f"Module {printable(key)} lacks a half, or its halves do not fit together.")
                continue
            value = None if alpha is None else _scalar(file, alpha)
            if alpha is not None and value is None:
                problems.append(f"The alpha of module {printable(key)} is not one finite number.")
            modules.append(LoraModule(key, _component(key), down.shape[0], value, down.shape[2:]))
    if any(name.endswith(".dora_scale") for name in foreign):
        problems.append("It is a DoRA, which tools apply in different ways.")
    elif foreign:
        problems.append(f"It has {len(foreign)} tensors that are no LoRA, such as {printable(foreign[0])}.")
    return tuple(modules), problems


def _fit(down: TensorInfo, up: TensorInfo) -> bool:
    return (
        len(down.shape) == len(up.shape) in {2, 4}
        and down.shape[0] == up.shape[1] > 0
        and all(side == 1 for side in up.shape[2:])
    )


def _component(name: str) -> str:
    return next((component for prefix, component in _PREFIXES.items() if name.startswith(prefix)), "")


def _looks_like(names: list[str]) -> str:
    if any(name.startswith(("model.diffusion_model.", "first_stage_model.")) for name in names):
        return "it is a whole Stable Diffusion checkpoint"
    if any(".lora_A." in name or ".lora.down." in name or "lora_linear_layer" in name for name in names):
        return "it is a LoRA in diffusers' or peft's format"
    if any(mark in name for name in names for mark in ("hada_w1", "lokr_w")):
        return "it is a LoHa or LoKr (LyCORIS)"
    if any(name in {"emb_params", "string_to_param"} or name.startswith("clip_") for name in names):
        return "it is a textual inversion embedding"
    return "its tensors have other names" if names else "it has no weights"


def _scalar(file: BinaryIO, tensor: TensorInfo) -> float | None:
    """Read a tensor of one element; None if it is not one finite number."""
    if math.prod(tensor.shape) != 1 or (tensor.dtype not in _FORMATS and tensor.dtype != "BF16"):
        return None
    file.seek(tensor.start)
    data = file.read(tensor.stop - tensor.start)
    if tensor.dtype == "BF16":  # the upper half of an F32
        data, layout = b"\0\0" + data, "<f"
    else:
        layout = _FORMATS[tensor.dtype]
    value = float(struct.unpack(layout, data)[0])
    return value if math.isfinite(value) else None


def _family(header: Header) -> Family:
    """Tell the family by the width of the text that cross-attention reads; tiny models only by what they say."""
    for name, tensor in header.tensors.items():
        if name.startswith("lora_unet_") and name.endswith("attn2_to_k.lora_down.weight") and len(tensor.shape) > 1:
            if family := _FAMILY_OF_WIDTH.get(tensor.shape[1]):
                return family
            break
    said = header.metadata.get("ss_base_model_version", "") + " " + header.metadata.get("modelspec.architecture", "")
    if any(name.startswith(("lora_te1_", "lora_te2_")) for name in header.tensors) or "xl" in said:
        return "sdxl"
    if "v2" in said:
        return "sd2"
    return "sd1" if "v1" in said else "unknown"


def _tag_frequency(text: str) -> dict[str, dict[str, int]]:
    try:
        folders = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(folders, dict):
        return {}
    return {
        folder: {tag: count for tag, count in tags.items() if type(count) is int and count > 0}
        for folder, tags in folders.items()
        if isinstance(tags, dict)
    }


def _known(text: str | None) -> str:
    return "" if text in {None, "None"} else str(text)
