"""The modules of a LoRA file with their ranks, alphas and kernels, whichever tool wrote it.

Reads the header and a few bytes for each alpha; weights are never loaded. `read_lora` takes whatever is in the file
and lists what is wrong; `LoraFile.check_usable` refuses what cannot be applied entirely. Knows no base.
"""

import json
import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from loratui.errors import LoraFileError
from loratui.lora_file.header import Header, TensorInfo, read_header
from loratui.lora_file.layouts import PARTS, Layout, NamedModule, read_layout
from loratui.lora_file.module_paths import is_layer
from loratui.lora_file.naming import Component
from loratui.lora_file.unsupported import other_model, stranger
from loratui.safe_text import printable

_FORMATS = {"F16": "<e", "F32": "<f", "F64": "<d", "I32": "<i", "I64": "<q"}
_ADVICE = "Look for a plain LoRA or LoCon of Stable Diffusion 1, 2 or XL, in kohya's or diffusers' format."
# Textual inversions that trainers put beside the LoRA; tools load them as words, not as weights.
_BUNDLED = ("bundle_emb.",)
# SDXL at rank 1,024 in fp32 has 15 GB. A sparse file that claims more costs its author nothing, but whoever hashes it.
_LARGEST = 32_000_000_000
# Names that a sentence gives as examples.
_FEW = 3
_PEFT_METADATA = "lora_adapter_metadata"


@dataclass(frozen=True)
class LoraModule:
    """One trained module.

    Args:
        key: The file's name of it, without the ending of its parts.
        component: The model it belongs to.
        spelling: Its path there with `_` for `.` (see `layouts.spelled_paths`).
        rank: Rank of its factors.
        alpha: None where the file has none, which means a scale of 1.
        down, up: The file's keys of the factors: [rank, in, …] and [out, rank, …].
        kernel: Of a convolution; (1, 1) too where a linear layer is written as one.
        features: Width of what goes in, and of what comes out.
    """

    key: str
    component: Component
    spelling: str
    rank: int
    alpha: float | None
    down: str
    up: str
    kernel: tuple[int, ...] = ()
    features: tuple[int, int] = (0, 0)

    @property
    def scale(self) -> float:
        """alpha ÷ rank."""
        return 1.0 if self.alpha is None else self.alpha / self.rank


@dataclass(frozen=True)
class LoraFile:
    """What a LoRA file holds.

    Args:
        modules: The complete ones.
        problems: What keeps some tools from reading it, one sentence each.
        refusal: Why loratui cannot apply it entirely; "" where it can.
    """

    path: Path
    header: Header
    layout: Layout
    modules: tuple[LoraModule, ...]
    problems: tuple[str, ...]
    refusal: str

    def check_usable(self) -> None:
        """Refuse a file of which a part would be left out.

        Raises:
            LoraFileError: it says what the file is.
        """
        if self.refusal:
            raise LoraFileError(f"{printable(self.path)} cannot be applied: {self.refusal}.", _ADVICE)


def read_lora(path: str | Path) -> LoraFile:
    """Return what the LoRA file at `path` holds, also of a kind that loratui does not apply.

    Raises:
        LoraFileError: it is no safetensors file, or holds no LoRA of any kind.
    """
    path = Path(path)
    header = read_header(path)
    if header.size > _LARGEST:
        raise LoraFileError(f"{printable(path)} has {header.size / 1e9:,.0f} GB: no LoRA is as large as that.", _ADVICE)
    layout = read_layout(header.tensors)
    other = other_model(header.tensors)
    if not layout.modules and not layout.unsupported:
        what = f"it is for another model: {other}" if other else stranger(header.tensors)
        raise LoraFileError(f"{printable(path)} holds no LoRA for Stable Diffusion: {what}.", _ADVICE)
    problems: list[str] = []
    modules = tuple(_modules(path, header, layout, problems))
    unknown = [one.name for one in layout.modules if not is_layer(one.component, one.spelling)]
    if unknown and not other:
        problems.append(f"It has {_layers_of_no_model(unknown)}.")
    strange = [name for name in layout.foreign if not name.startswith(_BUNDLED)]
    refusal = _refusal(layout, modules, strange, problems)
    for kind in layout.unsupported:
        problems.append(f"It is {_article(kind)} {kind}, which loratui does not apply, convert or merge.")
    if other:
        problems.append(f"It is for another model: {other}.")
    elif strange:
        problems.append(f"It has {_tensors(len(strange))} no LoRA, such as {printable(strange[0])[:120]}.")
    if len(strange) < len(layout.foreign):
        problems.append("It also carries textual inversion embeddings (bundle_emb), which are not used here.")
    return LoraFile(path, header, layout, modules, tuple(problems), refusal)


def _refusal(layout: Layout, modules: tuple[LoraModule, ...], strange: list[str], problems: list[str]) -> str:
    if layout.unsupported:
        kind = next(iter(layout.unsupported))
        return f"it is {_article(kind)} {kind} (such as {printable(layout.unsupported[kind][0])[:120]})"
    if other := other_model([*layout.foreign, *(module.key for module in modules)]):
        return f"it is for another model: {other}"
    if problems:
        return problems[0].rstrip(".")[:1].lower() + problems[0].rstrip(".")[1:]
    return f"it has {_tensors(len(strange))} no LoRA, such as {printable(strange[0])[:120]}" if strange else ""


def _tensors(count: int) -> str:
    return "1 tensor that is" if count == 1 else f"{count} tensors that are"


def _layers_of_no_model(names: list[str]) -> str:
    shown = ", ".join(printable(name)[:120] for name in names[:_FEW])
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    count = "1 module that is no layer" if len(names) == 1 else f"{len(names)} modules that are no layers"
    return f"{count} of Stable Diffusion 1, 2 or XL: {shown}{more}"


def _article(kind: str) -> str:
    return "an" if kind[0] in "OI(" else "" if kind.startswith(("full", "trained")) else "a"


def _modules(path: Path, header: Header, layout: Layout, problems: list[str]) -> Iterator[LoraModule]:
    promised = _promised_alphas(header.metadata, problems)
    spelled: dict[tuple[Component, str], str] = {}
    with open(path, "rb") as file:
        for named in layout.modules:
            shown = printable(named.name)[:200]
            down, up, alpha = (header.tensors[named.parts[part]] if part in named.parts else None for part in PARTS)
            if down is None or up is None or not _fit(down, up):
                problems.append(f"Module {shown} lacks a half, or its halves do not fit together.")
                continue
            first = spelled.setdefault((named.component, named.spelling), named.name)
            if first != named.name:
                problems.append(f"Modules {printable(first)[:200]} and {shown} are one and the same.")
                continue
            rank = down.shape[0]
            value = promised.of(named, rank)
            if alpha is not None:
                value = _scalar(file, alpha)
                if value is None:
                    problems.append(f"The alpha of module {shown} is not one finite number.")
            yield LoraModule(
                key=named.name,
                component=named.component,
                spelling=named.spelling,
                rank=rank,
                alpha=value,
                down=named.parts["down"],
                up=named.parts["up"],
                kernel=down.shape[2:],
                features=(down.shape[1], up.shape[0]),
            )


def _fit(down: TensorInfo, up: TensorInfo) -> bool:
    # Linear factors written as 1×1 convolutions occur, also in one half only.
    return (
        {len(down.shape), len(up.shape)} <= {2, 4}
        and down.shape[0] == up.shape[1] > 0
        and all(side == 1 for side in up.shape[2:])
    )


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


class _Promised:
    """Alphas from the header: newer versions of diffusers write peft's configuration of each component there."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._patterns: dict[Component, dict[str, tuple[int, bool, object]]] = {}

    def of(self, module: NamedModule, rank: int) -> float | None:
        """The alpha of a module without one of its own; None where nothing is said."""
        alpha = self._settings.get(f"{module.component}.lora_alpha")
        patterns = self._patterns.setdefault(module.component, {}) or self._read(module.component)
        # Of all patterns that name it, whole or by its end, the first counts.
        ends = [module.spelling[place.end() :] for place in re.finditer("_", module.spelling)]
        found = [patterns[end] for end in ends if end in patterns and not patterns[end][1]]
        if module.spelling in patterns:
            found.append(patterns[module.spelling])
        if found:
            alpha = min(found, key=lambda entry: entry[0])[2]
        if (value := _number(alpha)) is None:
            return None
        # Rank-stabilised: alpha ÷ √rank instead of alpha ÷ rank.
        stabilised = self._settings.get(f"{module.component}.use_rslora") is True
        return value * math.sqrt(rank) if stabilised else value

    def _read(self, component: Component) -> dict[str, tuple[int, bool, object]]:
        """Spelling → place in the list, whether it must be the whole path, alpha."""
        patterns = self._settings.get(f"{component}.alpha_pattern")
        table = self._patterns[component]
        for place, (pattern, alpha) in enumerate(patterns.items() if isinstance(patterns, dict) else ()):
            # peft's patterns are regular expressions, but what is written are paths; a stranger's are not run.
            wanted = pattern.removeprefix("^").replace("\\.", ".").replace(".", "_").removeprefix("text_model_")
            table.setdefault(wanted, (place, pattern.startswith("^"), alpha))
        return table


def _promised_alphas(metadata: Mapping[str, str], problems: list[str]) -> _Promised:
    text = metadata.get(_PEFT_METADATA)
    if text is None:
        return _Promised({})
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        problems.append(f"Its {_PEFT_METADATA} cannot be read, so that its strength is not known.")
        return _Promised({})
    return _Promised(settings)


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(float(value)) else None
    except OverflowError:
        return None
