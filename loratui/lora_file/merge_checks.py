"""Whether LoRA files can be added up: one way of naming, one family of bases, layers of the same sizes.

Every refusal names the first key that does not go with the others.
"""

from collections.abc import Sequence

from loratui.errors import LoraFileError
from loratui.lora_file.families import FAMILY_NAMES, ToldFamily, family_of
from loratui.lora_file.layouts import NamedModule
from loratui.lora_file.modules import LoraFile, LoraModule
from loratui.lora_file.naming import Component
from loratui.safe_text import printable

_ONE_LAYOUT = "Bring them into one layout first: loratui lora convert FILE --to kohya."
_ONE_FAMILY = "Merge LoRA files for the same kind of base only (loratui lora inspect tells which)."


def check_alike(loras: Sequence[LoraFile]) -> None:
    """Refuse files that cannot be added up.

    Raises:
        LoraFileError: it names the first key that does not fit.
    """
    _check_layouts(loras)
    _check_sizes(loras)
    _check_families(loras)


def _check_layouts(loras: Sequence[LoraFile]) -> None:
    first = loras[0].layout.modules[0]
    blocks: tuple[LoraFile, NamedModule] | None = None
    for lora in loras:
        for module in lora.layout.modules:
            if len(loras) > 1 and module.style != first.style:
                raise LoraFileError(
                    f"{_name(lora)} is named as {module.style} has it ({_key(module.name)}), {_name(loras[0])} as "
                    f"{first.style} has it.",
                    _ONE_LAYOUT,
                )
            if module.is_in_block:
                blocks = blocks or (lora, module)
                if module.in_original_layout != blocks[1].in_original_layout:
                    _check_families(loras)  # SDXL is named so by kohya, and no layout brings it to SD 1.x
                    raise LoraFileError(
                        f"{_name(lora)} has {_key(module.name)}, {_name(blocks[0])} has {_key(blocks[1].name)}: block "
                        "names of two kinds.",
                        _ONE_LAYOUT,
                    )


def _check_sizes(loras: Sequence[LoraFile]) -> None:
    known: dict[tuple[Component, str], tuple[LoraFile, LoraModule]] = {}
    for lora in loras:
        for module in lora.modules:
            other, same = known.setdefault((module.component, module.spelling), (lora, module))
            if _sizes(module) != _sizes(same):
                raise LoraFileError(
                    f"{_name(lora)} does not go with {_name(other)}: {_key(module.key)} is {_sizes(module)} in one and "
                    f"{_sizes(same)} in the other.",
                    _ONE_FAMILY,
                )


def _check_families(loras: Sequence[LoraFile]) -> None:
    found: tuple[LoraFile, ToldFamily] | None = None
    for lora in loras:
        family = family_of(lora.modules, lora.header.metadata)
        if family == "unknown":
            continue
        found = found or (lora, family)
        if family != found[1]:
            raise LoraFileError(
                f"{_name(lora)} is for {FAMILY_NAMES[family]}, {_name(found[0])} for {FAMILY_NAMES[found[1]]}: "
                f"{_foreign(lora, found[0])} does not go with it.",
                _ONE_FAMILY,
            )


def _foreign(lora: LoraFile, other: LoraFile) -> str:
    """The first key of `lora` that the other lacks, else its first."""
    there = {(module.component, module.spelling) for module in other.modules}
    missing = (module for module in lora.modules if (module.component, module.spelling) not in there)
    return _key(next(missing, lora.modules[0]).key)


def _sizes(module: LoraModule) -> str:
    kernel = module.kernel if max(module.kernel, default=1) > 1 else ()
    return f"{module.features[0]} → {module.features[1]}" + (
        f" with kernel {'×'.join(map(str, kernel))}" if kernel else ""
    )


def _name(lora: LoraFile) -> str:
    return printable(lora.path.name)


def _key(key: str) -> str:
    return printable(key)[:200]
