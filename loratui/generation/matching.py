"""Whether LoRA files and bases belong together, told by their headers before anything is loaded, trained or drawn.

Reads tables of contents and configuration files only; imports no torch and asks no network. What no header tells is let
through: then attaching says it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loratui.errors import BaseModelError, GenerationError, LoraFileError
from loratui.hub.checkpoint import read_checkpoint
from loratui.hub.kinds import Family
from loratui.hub.presence import presence
from loratui.lora_file import families
from loratui.lora_file.families import FAMILY_NAMES
from loratui.lora_file.modules import LoraFile
from loratui.lora_file.naming import BaseFamily
from loratui.lora_file.tensors import usable_lora
from loratui.profile.schema import Model
from loratui.runs.base_parameters import family_of
from loratui.safe_text import printable

_READS_TEXT = ("attn2_to_k", "attn2_to_v")


@dataclass(frozen=True)
class BaseKind:
    """What is known of a base without loading it.

    Attributes:
        family: None where it is not known.
        text_width: Of the text that its UNet reads; None where that is not known.
    """

    name: str
    family: BaseFamily | None
    text_width: int | None


def kind_of(model: Model) -> BaseKind:
    """Look at the base that `model` names, as far as it is on this computer.

    Raises:
        BaseModelError: there is nothing of that name, or it is known that it cannot be used.
    """
    found = presence(model.base)
    if not found.suits(model):
        raise BaseModelError(found.note)
    if found.path is None:
        return BaseKind(printable(found.location.name), Family(family_of(found)).base_family, None)
    try:
        told = read_checkpoint(found.path)
    except LoraFileError as error:
        raise BaseModelError(error.what, error.todo) from error
    return BaseKind(printable(found.location.name), told.base_family, told.text_width)


def check_loras(paths: Iterable[Path], bases: Iterable[BaseKind]) -> None:
    """Refuse a LoRA that cannot be applied, or whose header says that it is for another kind of base.

    Raises:
        LoraFileError: it names the first key that does not fit, where there is one.
    """
    bases = tuple(bases)
    for path in paths:
        lora = usable_lora(path)
        for base in bases:
            _check_match(lora, base)


def check_bases(own: BaseKind, others: Iterable[BaseKind]) -> None:
    """Refuse a further base on which a LoRA of the own one cannot be drawn.

    Raises:
        GenerationError: it is of another family, or reads text of another width.
    """
    for other in others:
        if own.family and other.family and own.family != other.family:
            what = f"{FAMILY_NAMES[other.family]}, and the LoRA is for {FAMILY_NAMES[own.family]}"
        elif own.text_width and other.text_width and own.text_width != other.text_width:
            what = f"of another shape than {own.name}: its UNet reads text of width {other.text_width}, "
            what += f"not {own.text_width}"
        else:
            continue
        raise GenerationError(
            f"comparison.other_bases names {other.name}, which is {what}.",
            f"Name bases of the same family as {own.name}.",
        )


def _check_match(lora: LoraFile, base: BaseKind) -> None:
    for module in lora.modules:
        is_reader = module.component == "unet" and module.spelling.endswith(_READS_TEXT)
        if base.text_width and is_reader and module.features[0] != base.text_width:
            why = f"{printable(module.key)[:200]} reads text of width {module.features[0]}, not {base.text_width}"
            raise _misfit(lora, base, why)
    family = families.family_of(lora.modules, lora.header.metadata)
    if base.family and family not in ("unknown", base.family):
        raise _misfit(lora, base, f"it is for {FAMILY_NAMES[family]}, the base is {FAMILY_NAMES[base.family]}")


def _misfit(lora: LoraFile, base: BaseKind, why: str) -> LoraFileError:
    return LoraFileError(
        f"{printable(lora.path.name)} does not fit the base {base.name}: {why}.",
        "Use it with a base of the family that it was trained on (loratui lora inspect tells which).",
    )
