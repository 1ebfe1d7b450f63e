"""A LoRA file on a base for generation, as A1111 applies it, with a strength that may differ per sample."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_layers import Adapter, remove, unwrapped_modules, wrap
from loratui.errors import LoraFileError
from loratui.lora_file.layouts import spelled_paths
from loratui.lora_file.modules import LoraFile, LoraModule
from loratui.lora_file.naming import Component
from loratui.lora_file.tensors import usable_lora
from loratui.safe_text import printable

Placed = tuple[Component, nn.Module, str, Adapter]
Strength = float | torch.Tensor
# More than any trainer offers, and so much that a small file cannot ask for a large part of the memory.
_LARGEST_RANK = 4096


class LoadedLora:
    """A LoRA whose adapters sit in a base until `detach`; a context manager for that."""

    def __init__(self, name: str, placed: list[Placed]) -> None:
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
            text_encoder: The same for the batch of the text encoders; the UNet's strength when None.
        """
        of_unet = torch.as_tensor(unet, dtype=torch.float32)
        of_text = of_unet if text_encoder is None else torch.as_tensor(text_encoder, dtype=torch.float32)
        for component, _, _, adapter in self._placed:
            adapter.strength = of_unet if component == "unet" else of_text

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
    """Put the LoRA file at `path` onto `base`, at strength 1, whichever tool wrote it.

    A missing alpha means scale 1; otherwise alpha ÷ rank is folded into `up` in fp32 before the cast.

    Raises:
        LoraFileError: The file is damaged, no plain LoRA, or made for another kind of base; the base is left as it was.
    """
    file = usable_lora(path)
    layers = _layers(base)
    places = spelled_paths({component: layers[component] for component in layers})
    placed: list[tuple[LoraModule, str, nn.Module]] = []
    # All by the header alone: nothing is read of a file that does not fit.
    for module in file.modules:
        module_path = places.get((module.component, module.spelling))
        if module_path is None:
            raise _misfit(file, base, f"it has no layer for {_shown(module)}")
        layer = layers[module.component][module_path]
        if module.rank > _LARGEST_RANK:
            raise LoraFileError(
                f"{printable(file.path.name)} cannot be used: {_shown(module)} has rank {module.rank:,}.",
                f"Ranks up to {_LARGEST_RANK:,} can be applied; no trainer makes larger ones.",
            )
        if not _fits(file, module, layer):
            raise _misfit(file, base, f"{_shown(module)} has another size there")
        placed.append((module, module_path, layer))
    prepared: list[Placed] = []
    with _opened(file) as tensors:
        for module, module_path, layer in placed:
            adapter = _adapter(tensors.get_tensor(module.down), tensors.get_tensor(module.up), module.scale, layer)
            if not (torch.isfinite(adapter.down).all() and torch.isfinite(adapter.up).all()):
                raise LoraFileError(
                    f"{printable(file.path.name)} is damaged: {_shown(module)} holds values that are no numbers "
                    f"in {str(base.dtype).removeprefix('torch.')}.",
                    "It was probably saved from a training that had diverged: use an earlier epoch, or download again.",
                )
            prepared.append((module.component, base.components[module.component], module_path, adapter))
    for _, root, module_path, adapter in prepared:
        wrap(root, module_path).adapters.append(adapter)
    return LoadedLora(name or file.path.stem, prepared)


def _layers(base: BaseModel) -> dict[Component, dict[str, nn.Module]]:
    return {
        component: {
            path: module for path, module in unwrapped_modules(root) if isinstance(module, nn.Linear | nn.Conv2d)
        }
        for component, root in base.components.items()
    }


def _misfit(file: LoraFile, base: BaseModel, why: str) -> LoraFileError:
    return LoraFileError(
        f"{printable(file.path.name)} does not fit the base {printable(base.name)}: {why}.",
        "Use it with a base of the family that it was trained on (loratui lora inspect tells which).",
    )


@contextmanager
def _opened(file: LoraFile) -> Iterator[Any]:
    try:
        with safe_open(file.path, framework="pt") as tensors:
            yield tensors
    except SafetensorError as error:
        raise LoraFileError(
            f"{printable(file.path.name)} cannot be read: {printable(error)}", "Download or copy it again."
        ) from error


def _shown(module: LoraModule) -> str:
    return printable(module.key)[:200]


def _shapes(rank: int, layer: nn.Module) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of down and up for a layer."""
    if isinstance(layer, nn.Conv2d):
        return (rank, layer.in_channels, *layer.kernel_size), (layer.out_channels, rank, 1, 1)
    assert isinstance(layer, nn.Linear)
    return (rank, layer.in_features), (layer.out_features, rank)


def _fits(file: LoraFile, module: LoraModule, layer: nn.Module) -> bool:
    # Files exist whose Linear factors are 4-D with 1 × 1 kernels, and the other way round: the numbers are the same.
    found = (file.header.tensors[key].shape for key in (module.down, module.up))
    return all(
        math.prod(shape) == math.prod(other) for shape, other in zip(_shapes(module.rank, layer), found, strict=True)
    )


def _adapter(down: torch.Tensor, up: torch.Tensor, scale: float, layer: nn.Module) -> Adapter:
    """Return the adapter in the layer's precision."""
    shapes = _shapes(down.shape[0], layer)
    weight = cast(torch.Tensor, layer.weight)
    down = down.float().reshape(shapes[0]).to(weight.device, weight.dtype)
    up = (up.float().reshape(shapes[1]) * scale).to(weight.device, weight.dtype)
    return Adapter(down, up)
