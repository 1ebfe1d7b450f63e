"""Which family of base a LoRA file is for: by its widths, which cannot lie, and among those by what the file says.

Knows names, shapes and texts; asks no base.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from loratui.lora_file.kohya_record import RECORD, Record
from loratui.lora_file.modules import LoraModule
from loratui.lora_file.naming import BaseFamily

ToldFamily = Literal[BaseFamily, "unknown"]
FAMILY_NAMES: Mapping[ToldFamily, str] = {
    "sd1": "Stable Diffusion 1.x",
    "sd2": "Stable Diffusion 2.x",
    "sdxl": "Stable Diffusion XL",
    "unknown": "unknown",
}
_ANY: frozenset[BaseFamily] = frozenset(get_args(BaseFamily))
# Width of the text that cross-attention reads.
_BY_CONTEXT: Mapping[int, BaseFamily] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
_CROSS_ATTENTION = ("attn2_to_k", "attn2_to_v")
# Of the (first) text encoder itself: CLIP-L is that of Stable Diffusion 1.x and of XL.
_BY_TEXT: Mapping[int, frozenset[BaseFamily]] = {768: frozenset({"sd1", "sdxl"}), 1024: frozenset({"sd2"})}
_CLAIMS: tuple[tuple[str, BaseFamily], ...] = (
    ("sdxl", "sdxl"),
    ("sd_v2", "sd2"),
    ("sd_v1", "sd1"),
    ("stable-diffusion-xl", "sdxl"),
    ("stable-diffusion-v2", "sd2"),
    ("stable-diffusion-v1", "sd1"),
)


def family_of(modules: Iterable[LoraModule], metadata: Mapping[str, str]) -> ToldFamily:
    """Return the family that a file is for: what it fits or, where that leaves it open, what it says."""
    modules = tuple(modules)
    possible, claimed = families_that_fit(modules, metadata), family_by_metadata(metadata)
    if claimed in possible:
        return claimed
    recorded = Record(metadata.get(RECORD)).family
    if len(possible) > 1 and (recorded or any(module.key.startswith("lora_te_") for module in modules)):
        possible -= {"sdxl"}  # whose text encoder kohya would have numbered
    return next(iter(possible)) if len(possible) == 1 else "unknown"


def families_that_fit(modules: Iterable[LoraModule], metadata: Mapping[str, str]) -> frozenset[BaseFamily]:
    """Return the families whose bases have these modules; all of them where nothing is told, as by tiny models.

    Where widths leave it open, it counts how kohya named the text encoder, now or before the file was converted: only
    SDXL has two, and numbers them.
    """
    modules = tuple(modules)
    possible = _by_shapes(modules)
    keys = [module.key for module in modules if module.component == "text_encoder"]
    if not keys or len(possible) == 1:
        return possible
    recorded = Record(metadata.get(RECORD)).family
    if recorded == "sdxl" or any(key.startswith("lora_te1_") for key in keys):
        return frozenset({"sdxl"})
    return possible


def _by_shapes(modules: tuple[LoraModule, ...]) -> frozenset[BaseFamily]:
    for module in modules:
        if module.component == "unet" and module.spelling.endswith(_CROSS_ATTENTION):
            family = _BY_CONTEXT.get(module.features[0])
            return frozenset({family}) if family else _ANY
    if any(module.component == "text_encoder_2" for module in modules):
        return frozenset({"sdxl"})
    # Only SDXL's transformers have more than one block.
    if any(module.component == "unet" and "_transformer_blocks_1_" in module.spelling for module in modules):
        return frozenset({"sdxl"})
    for module in modules:
        if module.component == "text_encoder" and module.spelling.endswith("_self_attn_q_proj"):
            return _BY_TEXT.get(module.features[0], _ANY)
    return _ANY


def family_by_metadata(metadata: Mapping[str, str]) -> ToldFamily:
    """Return the family that the metadata claims; of another model, or without a claim, "unknown".

    `ss_base_model_version` counts before `modelspec.architecture`, and both before `ss_v2`, which kohya writes too for
    models that are neither.
    """
    version = metadata.get("ss_base_model_version", "").lower()
    architecture = metadata.get("modelspec.architecture", "").lower()
    for text in (version, architecture):
        for beginning, family in _CLAIMS:
            if text.startswith(beginning):
                return family
    if version or architecture:
        return "unknown"
    by_v2: Mapping[str, ToldFamily] = {"True": "sd2", "False": "sd1"}
    return by_v2.get(metadata.get("ss_v2", ""), "unknown")


def predicts_velocity(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata says that the base predicted v."""
    return metadata.get("modelspec.prediction_type", "").lower() in {"v", "v_prediction"} or metadata.get(
        "ss_base_model_version", ""
    ).endswith("_v")
