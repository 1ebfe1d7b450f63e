"""Several LoRA files as one: at strength 1 the result does what the files do together at their weights.

Factors are put side by side, so that the sum is exact and no full matrix is made; the rank is the sum of the ranks.
With a smaller rank it is the best approximation, by singular values. All modules get one alpha: readers that know one
alpha only (diffusers, of kohya's files) then see the same effect.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from loratui.errors import LoraFileError
from loratui.lora_file.joined_factors import JoinedFactors, Kept, Part, reencoded
from loratui.lora_file.layouts import NamedModule
from loratui.lora_file.merge_checks import check_alike
from loratui.lora_file.merged_metadata import Described, Ingredient, merged_metadata
from loratui.lora_file.modules import LoraFile, LoraModule
from loratui.lora_file.naming import SUFFIX, Component
from loratui.lora_file.precisions import DTYPES, Precision
from loratui.lora_file.tensors import common_dtype, encoded, holds_exactly, usable_lora
from loratui.lora_file.writing import Piece, output_path, write_lora
from loratui.profile.fields import LARGEST_STRENGTH, SMALLEST_STRENGTH
from loratui.safe_text import printable

# A LoRA of SDXL at full rank has 1,280.
_HIGHEST_RANK = 4096
_WEIGHTS = "Write FILE, FILE:0.8, or FILE:0.8:0.5 for text encoder and UNet."


@dataclass(frozen=True)
class Merged:
    """A file that was written.

    Args:
        path: Where it is.
        layout: Whose names it has, in words.
        ranks: Each rank and the number of modules that have it, the commonest first.
        alpha: Of all modules; None where they keep the different ones that they had.
        dtype: Type of the factors, as safetensors spells it.
        kept: Share of the effect (its square) that the rank leaves; 1 where nothing is left out.
        lowest: The module of which least is left, and how much; None where nothing is left out.
        remarks: What a person should know, one sentence each.
    """

    path: Path
    layout: str
    ranks: Mapping[int, int]
    alpha: float | None
    dtype: str
    kept: float = 1.0
    lowest: tuple[str, float] | None = None
    remarks: tuple[str, ...] = ()


@dataclass
class _Layer:
    """All that is done to one layer.

    Args:
        lora, module, named: Where it occurs first, whose names and form it gets.
        parts: What is added up.
    """

    lora: LoraFile
    module: LoraModule
    named: NamedModule
    parts: list[Part] = field(default_factory=list)

    @property
    def rank(self) -> int:
        """Of all parts together."""
        return sum(part.module.rank for part in self.parts)

    @property
    def has_alpha_tensor(self) -> bool:
        """Whether its layout keeps the alpha among the tensors; diffusers' has it in the header."""
        return self.named.style in ("kohya", "ComfyUI")


def read_ingredient(text: str) -> Ingredient:
    """Return what `FILE`, `FILE:0.8` or `FILE:0.8:0.5` (text encoder, UNet) asks for.

    A weight is a number behind the last colons; a file whose whole name is `text` counts first.

    Raises:
        LoraFileError: a weight is no number, or none that a strength may be.
    """
    path, weights = text, list[str]()
    while not Path(path).is_file() and len(weights) < 2:
        before, colon, last = path.rpartition(":")
        # Behind a second weight, or in a path, there may be colons of the file's own.
        if not (colon and before) or (not _is_number(last) and (weights or _is_of_a_path(last))):
            break
        path, weights = before, [last, *weights]
    if not path or not all(map(_is_number, weights)):
        raise LoraFileError(f"“{printable(text)}” has a weight that is no number.", _WEIGHTS)
    numbers = [float(weight) for weight in weights]
    if any(not SMALLEST_STRENGTH <= number <= LARGEST_STRENGTH for number in numbers):
        raise LoraFileError(
            f"“{printable(text)}” has a weight that is not from {SMALLEST_STRENGTH:g} to {LARGEST_STRENGTH:g}.",
            _WEIGHTS,
        )
    return Ingredient(Path(path), *(numbers * 2)[:2] if numbers else (1.0, 1.0))


def merge_loras(
    ingredients: Sequence[Ingredient],
    output: str | Path,
    *,
    rank: int | None = None,
    precision: Precision | None = None,
    force: bool = False,
) -> Merged:
    """Write the sum of several LoRA files, each times its weight, as one file.

    One file at weight 1 keeps every byte of its tensors; where precision or rank is given, only what they change.

    Args:
        ingredients: One file or more, all in one layout and for one family of bases.
        output: The file to write; where one is already, the next `-v2` is.
        rank: The highest rank of a module; None keeps the sum exact.
        precision: Of the factors; None keeps that of the files, or fp32 where they differ.
        force: Replace a file of that name, but none of those that are merged.

    Raises:
        LoraFileError: a file is damaged or of another kind, the files do not go together, nothing would be left, a
            number is too large for the precision, or nothing can be written.
    """
    if not ingredients or (rank is not None and not 1 <= rank <= _HIGHEST_RANK):
        raise LoraFileError(
            f"The rank {rank} cannot be used." if ingredients else "There is nothing to merge.",
            f"Give at least one file, and a rank from 1 to {_HIGHEST_RANK:,}.",
        )
    path = output_path(output, [ingredient.path for ingredient in ingredients], force=force)
    loras = [usable_lora(ingredient.path) for ingredient in ingredients]
    check_alike(loras)
    with ExitStack() as files:
        opened = [files.enter_context(open(lora.path, "rb")) for lora in loras]
        layers = _layers(ingredients, loras, opened)
        is_cut = rank is not None and any(layer.rank > rank for layer in layers)
        if len(loras) == 1 and not is_cut and ingredients[0].text == ingredients[0].unet == 1:
            return _copied(layers, path, ingredients[0], precision)
        dtype = DTYPES[precision] if precision else common_dtype((lora, m) for lora in loras for m in lora.modules)
        alpha = float(np.float32(rank if is_cut and rank else _common_alpha(layers)))
        kept = Kept()
        pieces = [
            piece
            for layer in layers
            for piece in _pieces(layer, rank or layer.rank, alpha, dtype, kept if is_cut else None)
        ]
        described = [Described(layer.module, min(layer.rank, rank or layer.rank), alpha) for layer in layers]
        write_lora(path, pieces, merged_metadata(path.stem, ingredients, loras, described))
    ranks = Counter(one.rank for one in described)
    return Merged(
        path, loras[0].layout.name, dict(ranks.most_common()), alpha, dtype, kept.share, kept.lowest, _remarks(loras)
    )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_of_a_path(text: str) -> bool:
    return "/" in text or text.endswith(SUFFIX)


def _layers(ingredients: Sequence[Ingredient], loras: Sequence[LoraFile], files: Sequence[BinaryIO]) -> list[_Layer]:
    """Every layer that at least one file changes, with what each does to it."""
    layers: dict[tuple[Component, str], _Layer] = {}
    for ingredient, lora, file in zip(ingredients, loras, files, strict=True):
        named = {module.name: module for module in lora.layout.modules}
        for module in lora.modules:
            weight = ingredient.weight(module.component)
            if weight:
                first = _Layer(lora, module, named[module.key])
                layer = layers.setdefault((module.component, module.spelling), first)
                layer.parts.append(Part(file, lora, module, weight * module.scale))
    if not layers:
        raise LoraFileError("At these weights nothing is left to be merged.", "Give at least one weight that is not 0.")
    return list(layers.values())


def _common_alpha(layers: Sequence[_Layer]) -> float:
    """The alpha with which the factors of most parts stay as they are; of equally many, the largest."""
    counted = Counter(abs(part.weight) * layer.rank for layer in layers for part in layer.parts if part.weight)
    return max(counted, key=lambda alpha: (counted[alpha], alpha)) if counted else 1.0


def _pieces(layer: _Layer, rank: int, alpha: float, dtype: str, kept: Kept | None) -> Iterator[Piece]:
    factors = JoinedFactors(layer.parts, rank, alpha, dtype, kept)
    tensors = layer.lora.header.tensors
    down, up = tensors[layer.module.down].shape, tensors[layer.module.up].shape
    yield Piece(layer.module.down, dtype, (factors.rank, *down[1:]), factors.down)
    yield Piece(layer.module.up, dtype, (up[0], factors.rank, *up[2:]), factors.up)
    if layer.has_alpha_tensor:
        key = layer.named.parts.get("alpha", f"{layer.module.key}.alpha")
        its_type = dtype if holds_exactly(alpha, dtype) else "F32"
        yield Piece(key, its_type, (), partial(encoded, np.array([alpha]), its_type))


def _copied(layers: Sequence[_Layer], path: Path, ingredient: Ingredient, precision: Precision | None) -> Merged:
    """Write one file at weight 1: alphas as they are, and the factors too unless a precision is asked for."""
    pieces = []
    for layer in layers:
        for key in layer.named.parts.values():
            info = layer.lora.header.tensors[key]
            is_factor = key in (layer.module.down, layer.module.up)
            dtype = DTYPES[precision] if precision and is_factor else info.dtype
            content = partial(reencoded, layer.parts[0].file, layer.lora, key, dtype)
            pieces.append(Piece(key, dtype, info.shape, content))
    lora = layers[0].lora
    described = [
        Described(layer.module, layer.rank, float(layer.rank if layer.module.alpha is None else layer.module.alpha))
        for layer in layers
    ]
    write_lora(path, pieces, merged_metadata(path.stem, [ingredient], [lora], described, is_copy=True))
    alphas = {one.alpha for one in described}
    return Merged(
        path,
        lora.layout.name,
        dict(Counter(one.rank for one in described).most_common()),
        alphas.pop() if len(alphas) == 1 else None,
        DTYPES[precision] if precision else common_dtype((lora, module) for module in lora.modules),
        remarks=_remarks([lora]),
    )


def _remarks(loras: Sequence[LoraFile]) -> tuple[str, ...]:
    return tuple(
        f"Left out of {lora.path.name}: {len(lora.layout.foreign)} tensors of textual inversion (bundle_emb)."
        for lora in loras
        if lora.layout.foreign
    )
