"""A LoRA file in another tool's layout: kohya's, which A1111, Forge and ComfyUI read, or diffusers'.

Names, shapes of 1 × 1 kernels and the place of the alphas change; the factors' bytes never do. kohya → diffusers →
kohya gives the same bytes again. Alphas go into peft's configuration and are not folded into the weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from loratui.errors import LoraFileError
from loratui.lora_file.adapter_metadata import ADAPTER_METADATA, Adapted, adapter_metadata
from loratui.lora_file.families import FAMILY_NAMES, ToldFamily, families_that_fit, family_of
from loratui.lora_file.kohya_record import RECORD, Record, Shape, Written, as_text
from loratui.lora_file.layouts import NamedModule
from loratui.lora_file.module_paths import goes_back, is_linear, module_path
from loratui.lora_file.modules import LoraFile, LoraModule
from loratui.lora_file.naming import SUFFIX, BaseFamily, kohya_key
from loratui.lora_file.network_metadata import network_metadata
from loratui.lora_file.tensors import encoded, holds_exactly, read_tensor, usable_lora
from loratui.lora_file.writing import MODEL_HASH, Piece, output_path, write_lora
from loratui.safe_text import printable

LayoutName = Literal["kohya", "diffusers"]


@dataclass(frozen=True)
class Converted:
    """A file that was written.

    Args:
        path: Where it is.
        source_layout: Whose names the source had, in words.
        family: Of bases that it is for.
        modules: Number of modules.
        remarks: What a person should know, one sentence each.
    """

    path: Path
    source_layout: str
    family: ToldFamily
    modules: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Placed:
    """A module, its path in diffusers' models, its name by kohya's rules, and its factors' shapes in diffusers."""

    module: LoraModule
    path: str
    rule: str
    shapes: tuple[Shape, Shape]

    @property
    def alpha(self) -> float:
        """Its alpha; where it has none, its rank, which is what tools take then."""
        return float(self.module.rank) if self.module.alpha is None else self.module.alpha


def convert_lora(
    source: str | Path,
    to: LayoutName,
    output: str | Path | None = None,
    *,
    force: bool = False,
) -> Converted:
    """Write the LoRA file `source` in another layout.

    Args:
        source: A LoRA or LoCon of any tool.
        to: "kohya" or "diffusers".
        output: The file to write, or the folder for it, where it is called as the source; beside the source as
            `NAME-kohya` or `NAME-diffusers` where None. Where a file is already, the next `-v2` is written.
        force: Replace a file of that name, but not the source.

    Raises:
        LoraFileError: the file is damaged or of another kind, a module has no name there, or nothing can be written.
    """
    lora = usable_lora(source)
    record = Record(lora.header.metadata.get(RECORD))
    is_kohya = all(module.style == "kohya" for module in lora.layout.modules)
    known = family_of(lora.modules, lora.header.metadata)
    family = _rules(lora, record, known)
    placed = _placed(lora, family, None if known == "unknown" else known != "sd1")
    as_kohya = {one.rule: _as_kohya(lora, one, None if is_kohya else record) for one in placed}
    path = _output(lora.path, to, output, force=force)
    metadata = {key: text for key, text in lora.header.metadata.items() if key not in (ADAPTER_METADATA, RECORD)}
    hashed = MODEL_HASH in metadata
    with open(lora.path, "rb") as file:
        if to == "diffusers":
            pieces = [piece for one in placed for piece in _diffusers_pieces(file, lora, one)]
            adapted = (Adapted(one.module.component, one.path, one.module.rank, one.alpha) for one in placed)
            metadata[ADAPTER_METADATA] = adapter_metadata(adapted)
            if is_kohya or record.is_there:
                metadata[RECORD] = as_text(family, as_kohya)
        else:
            keep_names = record.is_there and not is_kohya
            pieces = [
                piece
                for one in placed
                for piece in _kohya_pieces(file, lora, one, as_kohya[one.rule], keep_names=keep_names)
            ]
            if not is_kohya and not record.is_there and not any(key.startswith("ss_") for key in metadata):
                # By these A1111 and Forge know what it is for.
                metadata = network_metadata([(one.module.rank, one.alpha) for one in placed], known) | metadata
                hashed = True
        write_lora(path, pieces, metadata, hashed=hashed)
    return Converted(path, lora.layout.name, known, len(placed), tuple(_remarks(lora, to, known)))


def _output(source: Path, to: LayoutName, output: str | Path | None, *, force: bool) -> Path:
    beside = f"{source.stem}-{to}"
    wanted = output or source.with_name(beside + SUFFIX)
    folder = Path(wanted).expanduser()
    name = beside if folder.is_dir() and folder.samefile(source.parent) else source.stem
    return output_path(wanted, [source], name, force=force)


def _rules(lora: LoraFile, record: Record, known: ToldFamily) -> BaseFamily:
    """By which family's rules kohya names the modules; SD 1.x and 2.x have the same."""
    if record.family:
        return record.family
    if known != "unknown":
        return known
    return "sdxl" if any(module.in_original_layout for module in lora.layout.modules) else "sd1"


def _placed(lora: LoraFile, family: BaseFamily, projections: bool | None) -> list[_Placed]:
    placed: dict[str, _Placed] = {}
    for module in lora.modules:
        path = module_path(module.component, module.spelling)
        is_there = path is not None and (module.component != "unet" or family != "sdxl" or goes_back(path))
        if path is None or not is_there:
            raise LoraFileError(
                f"{printable(lora.path)} cannot be converted: {printable(module.key)[:200]} is no layer of Stable "
                "Diffusion 1, 2 or XL.",
                "Use it with the tool that it was made for.",
            )
        rule = kohya_key(module.component, path, family)
        if rule in placed:
            raise LoraFileError(
                f"{printable(lora.path)} cannot be converted: {printable(placed[rule].module.key)[:200]} and "
                f"{printable(module.key)[:200]} are one and the same layer.",
                "It was put together from two files; ask for the parts.",
            )
        placed[rule] = _Placed(module, path, rule, _shapes(lora, module, is_linear(path, projections)))
    return list(placed.values())


def _shapes(lora: LoraFile, module: LoraModule, linear: bool | None) -> tuple[Shape, Shape]:
    """The factors' shapes in diffusers, which has matrices for Linear layers and refuses them for convolutions."""
    down, up = (lora.header.tensors[key].shape for key in (module.down, module.up))
    if max(module.kernel, default=1) > 1 or (linear is None and len(down) == len(up)):
        return down, (*up[:2], *(1 for _ in down[2:]))
    ones = () if linear or linear is None else (1, 1)
    return (*down[:2], *ones), (*up[:2], *ones)


def _as_kohya(lora: LoraFile, one: _Placed, record: Record | None) -> Written:
    """How kohya's file spells a module; `record` is None where the file at hand is kohya's."""
    module, tensors = one.module, lora.header.tensors
    down, up = tensors[module.down].shape, tensors[module.up].shape
    if record is None:
        alpha = tensors.get(f"{module.key}.alpha")
        written = (alpha.dtype, alpha.shape) if alpha and module.alpha is not None else None
        return Written(module.key, written, (down, up) if (down, up) != one.shapes else None)
    if record.is_there:

        def is_same(found: NamedModule) -> bool:
            return found.component == module.component and one.path == module_path(found.component, found.spelling)

        alpha_form = record.alpha(one.rule)
        if alpha_form and not holds_exactly(one.alpha, alpha_form[0]):
            alpha_form = ("F32", ())
        if alpha_form is None and one.alpha != module.rank:
            alpha_form = ("F32", ())
        shapes = record.shapes(one.rule, *one.shapes)
        return Written(record.key(one.rule, is_same), alpha_form, shapes if shapes != one.shapes else None)
    dtype = tensors[module.down].dtype
    return Written(one.rule, (dtype if holds_exactly(one.alpha, dtype) else "F32", ()))


def _diffusers_pieces(file: BinaryIO, lora: LoraFile, one: _Placed) -> Iterator[Piece]:
    inner = one.path
    if one.module.component != "unet" and not inner.startswith("text_projection"):
        # Older transformers have it, and diffusers takes it away for newer ones.
        inner = f"text_model.{inner}"
    for key, letter, shape in zip((one.module.down, one.module.up), "AB", one.shapes, strict=True):
        name = f"{one.module.component}.{inner}.lora_{letter}.weight"
        yield Piece(name, lora.header.tensors[key].dtype, shape, partial(read_tensor, file, lora, key))


def _kohya_pieces(
    file: BinaryIO, lora: LoraFile, one: _Placed, written: Written, *, keep_names: bool
) -> Iterator[Piece]:
    name, module = written.key if keep_names else one.rule, one.module
    for key, part, shape in zip((module.down, module.up), ("down", "up"), written.shapes or one.shapes, strict=True):
        dtype = lora.header.tensors[key].dtype
        yield Piece(f"{name}.lora_{part}.weight", dtype, shape, partial(read_tensor, file, lora, key))
    if written.alpha:
        dtype, shape = written.alpha
        data = encoded(np.array([one.alpha]), dtype)
        yield Piece(f"{name}.alpha", dtype, shape, lambda: data)


def _remarks(lora: LoraFile, to: LayoutName, known: ToldFamily) -> Iterator[str]:
    others = len(lora.layout.foreign)
    if others:
        yield f"Left out: {others} tensor{'s' if others > 1 else ''} of textual inversion (bundle_emb)."
    for component in ("text_encoder", "text_encoder_2"):
        names = [module.spelling for module in lora.modules if module.component == component]
        if to == "diffusers" and names and not any("_self_attn_" in name for name in names):
            yield f"diffusers itself refuses it: of {component} it expects attention layers among the modules."
    fitting = families_that_fit(lora.modules, lora.header.metadata)
    if to == "kohya" and known == "unknown" and fitting == {"sd1", "sdxl"}:
        yield (
            f"{FAMILY_NAMES['sd1']} and {FAMILY_NAMES['sdxl']} have the same text encoder, and the file does not say "
            "which it is for: it is named as for the former."
        )
