"""A LoRA file on a base for generation, as A1111 applies it, with a strength that may differ per sample."""

import math
from pathlib import Path
from types import TracebackType

import torch
from safetensors import safe_open
from torch import nn

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_layers import Adapter, remove, unwrapped_modules, wrap
from loratui.errors import LoraFileError
from loratui.lora_file.header import read_header
from loratui.lora_file.naming import Component, kohya_key
from loratui.safe_text import printable

_DOWN, _UP, _ALPHA = ".lora_down.weight", ".lora_up.weight", ".alpha"

Strength = float | torch.Tensor


class LoadedLora:
    """A LoRA whose adapters sit in a base until `detach`; a context manager for that."""

    def __init__(self, name: str, placed: list[tuple[Component, nn.Module, str, Adapter]]) -> None:
        self.name = name
        self._placed = placed

    @property
    def layers(self) -> int:
        """Number of layers it changes."""
        return len(self._placed)

    def set_strength(self, unet: Strength, text_encoder: Strength | None = None) -> None:
        """Set how strongly it counts.

        Args:
            unet: One number, or a tensor [B] with one strength per sample of the next forward pass.
            text_encoder: The same for the text encoder's batch; the UNet's strength when None.
        """
        wanted = {"unet": unet, "text_encoder": unet if text_encoder is None else text_encoder}
        strengths = {component: torch.as_tensor(value, dtype=torch.float32) for component, value in wanted.items()}
        for component, _, _, adapter in self._placed:
            adapter.strength = strengths[component]

    def detach(self) -> None:
        """Take every adapter out of the base again."""
        for _, root, path, adapter in self._placed:
            remove(root, path, adapter)
        self._placed = []

    def __enter__(self) -> "LoadedLora":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.detach()


def attach_lora(base: BaseModel, path: str | Path, name: str | None = None) -> LoadedLora:
    """Put the LoRA file at `path` onto `base`, at strength 1.

    A missing alpha means scale 1; otherwise alpha ÷ rank is folded into `up` in fp32 before the cast.

    Raises:
        LoraFileError: The file is damaged, no kohya LoRA, or made for another kind of base; the base is left as it was.
    """
    file = Path(path)
    header = read_header(file)
    keys = sorted(key.removesuffix(_DOWN) for key in header.tensors if key.endswith(_DOWN))
    known = {key + suffix for key in keys for suffix in (_DOWN, _UP, _ALPHA)}
    strange = sorted(set(header.tensors) - known)
    if not keys or strange:
        example = f" (it holds {printable(strange[0])})" if strange else ""
        raise LoraFileError(
            f"{printable(file.name)} is not a LoRA in kohya's format{example}.",
            "Plain LoRA and LoCon files of Stable Diffusion 1.x and 2.x are understood.",
        )
    places = _places(base)
    prepared = []
    with safe_open(file, framework="pt") as tensors:
        for key in keys:
            if key not in places:
                raise LoraFileError(
                    f"{printable(file.name)} does not fit the base {printable(base.name)}: it has no layer for "
                    f"{printable(key)}.",
                    "Use it with a base of the family that it was trained on.",
                )
            component, root, module_path, layer = places[key]
            if key + _UP not in header.tensors:
                raise LoraFileError(f"{printable(file.name)} is incomplete: {printable(key + _UP)} is missing.")
            alpha = float(tensors.get_tensor(key + _ALPHA)) if key + _ALPHA in header.tensors else None
            adapter = _adapter(tensors.get_tensor(key + _DOWN), tensors.get_tensor(key + _UP), alpha, layer)
            if adapter is None:
                raise LoraFileError(
                    f"{printable(file.name)} does not fit the base {printable(base.name)}: {printable(key)} has "
                    f"another size there.",
                    "Use it with a base of the family that it was trained on.",
                )
            prepared.append((component, root, module_path, adapter))
    for _, root, module_path, adapter in prepared:
        wrap(root, module_path).adapters.append(adapter)
    return LoadedLora(name or file.stem, prepared)


def _places(base: BaseModel) -> dict[str, tuple[Component, nn.Module, str, nn.Module]]:
    components: tuple[tuple[Component, nn.Module], ...] = (("unet", base.unet), ("text_encoder", base.text_encoder))
    return {
        kohya_key(component, path): (component, root, path, module)
        for component, root in components
        for path, module in unwrapped_modules(root)
        if isinstance(module, nn.Linear | nn.Conv2d)
    }


def _adapter(down: torch.Tensor, up: torch.Tensor, alpha: float | None, layer: nn.Module) -> Adapter | None:
    """Return the adapter in the layer's precision, or None when the factors do not fit the layer."""
    rank = down.shape[0]
    scale = 1.0 if alpha is None else alpha / rank
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    if isinstance(layer, nn.Conv2d):
        shapes = (rank, layer.in_channels, *layer.kernel_size), (layer.out_channels, rank, 1, 1)
    else:
        assert isinstance(layer, nn.Linear)
        shapes = (rank, layer.in_features), (layer.out_features, rank)
    # Files exist whose Linear factors are 4-D with 1 × 1 kernels, and the other way round: the numbers are the same.
    if any(math.prod(shape) != part.numel() for shape, part in zip(shapes, (down, up), strict=True)):
        return None
    weight = layer.weight
    down = down.float().reshape(shapes[0]).to(weight.device, weight.dtype)
    up = (up.float().reshape(shapes[1]) * scale).to(weight.device, weight.dtype)
    return Adapter(down, up)
