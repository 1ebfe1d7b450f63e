"""Tells what a .safetensors file is by the names, shapes and types in its table of contents. Never reads a tensor.

The facts are those by which ComfyUI (model_detection.py, supported_models.py), AUTOMATIC1111 (sd_models_config.py) and
diffusers (single_file_utils.py) tell the same files apart.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from loratui.hub import kinds
from loratui.hub.kinds import Family
from loratui.lora_file.naming import Component

UNET = "model.diffusion_model."
_FIRST_CONVOLUTION = "input_blocks.0.0.weight"
_READS_TEXT = ".transformer_blocks.0.attn2.to_k.weight"
_WIDTHS = {"SD 1.x": 768, "SD 2.x": 1024, "SDXL": 2048}
_REFINER_WIDTH = 1280
_SDXL_DEPTH = 10
_PICTURE_CHANNELS = 4
_PLAIN_TYPES = frozenset({"F16", "BF16", "F32", "F64"})
# Where the text encoders lie in a checkpoint of a family, and a table of contents must name something to have them.
TEXT_PREFIXES: Mapping[str, Mapping[Component, str]] = {
    "SD 1.x": {"text_encoder": "cond_stage_model.transformer."},
    "SD 2.x": {"text_encoder": "cond_stage_model.model."},
    "SDXL": {
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
}
VAE_PREFIX = "first_stage_model."
EMA_PREFIX = "model_ema."

# Files that hold something to be used beside a base; the first pattern that is found in a name decides.
_BESIDE_A_BASE: tuple[tuple[re.Pattern[str], Family], ...] = (
    (re.compile(r"\.(hada_w[12]|lokr_w[12]|oft_blocks|oft_diag|on_input|boft_)"), kinds.LYCORIS),
    (re.compile(r"lora_(down|up|mid|[AB])\b|\blora\.(down|up)\b|lora_linear_layer\.|^(lora_|lycoris_)"), kinds.LORA),
    (
        re.compile(
            r"^control_model\.|^controlnet_(cond_embedding|down_blocks|blocks)\.|^input_hint_block\.|^lllite_unet"
            r"|^control_(all_x_embedder|layers)\."
        ),
        kinds.CONTROLNET,
    ),
    (re.compile(r"^(image_proj|ip_adapter)\."), kinds.IP_ADAPTER),
    (re.compile(r"^(adapter\.)?body\.\d+\.(in_conv|block1|resnets\.\d+\.block1)\."), kinds.T2I_ADAPTER),
    (re.compile(r"(^|\.)motion_modules\."), kinds.MOTION),
)

# What other generators' networks have, below whatever their file puts before it; the first that is found decides.
_INSIDE_OTHERS = {
    "distilled_guidance_layer.": "Chroma",
    "single_stream_modulation.": "Flux",
    "txt_in.individual_token_refiner.": "Hunyuan",
    "mlp_t5.0.": "Hunyuan",
    "double_blocks.0.": "Flux",
    "joint_blocks.0.": "SD 3",
    "clip_txt_mapper.": "Cascade",
    "clf.1.": "Cascade",
    "double_layers.0.attn.w1q.": "AuraFlow",
    "layers.0.adaLN_modulation.0.": "Z-Image",
    "cap_embedder.0.": "Lumina",
    "txt_norm.": "Qwen",
    "txt_in.text_norm.": "Qwen",
    "visual_transformer_blocks.0.": "Kandinsky",
    "head.modulation": "Wan",
    "double_stream_blocks.0.": "HiDream",
    "blocks.0.cross_attn.q_linear.": "Sana",
    "t_block.1.": "PixArt",
    "patchify_proj.": "LTX",
    "caption_projection.linear_1.": "PixArt",
    "t5_yproj.": "Mochi",
    "blocks.0.attn.qkv_x.": "Mochi",
    "blocks.block1.blocks.0.block.attn.": "Cosmos",
}
_OTHERS = re.compile(
    r"(?:model\.diffusion_model\.|model\.|diffusion_model\.|transformer\.|net\.)?("
    + "|".join(map(re.escape, _INSIDE_OTHERS))
    + ")"
)
_DIFFUSERS_UNET = {"conv_in.weight", "time_embedding.linear_1.weight"}
_VAE_STARTS = (VAE_PREFIX, "encoder.conv_in.", "decoder.conv_in.", "encoder.downsamples.", "decoder.middle.")
_ENLARGER = re.compile(r"^(params(_ema)?\.)?(conv_first\.|RRDB_trunk\.|body\.\d+\.rdb1\.|model\.1\.sub\.\d+\.RDB1\.)")
_EMBEDDING_WIDTHS = frozenset(_WIDTHS.values()) | {_REFINER_WIDTH}
_MOST_VECTORS_OF_AN_EMBEDDING = 4


class Described(Protocol):
    """What is asked of a tensor's entry in a table of contents."""

    @property
    def shape(self) -> Any:
        """Its dimensions."""

    @property
    def dtype(self) -> Any:
        """Its type, as safetensors spells it."""


Tensors = Mapping[str, Described]


def checkpoint_family(tensors: Tensors) -> Family:
    """The family of a checkpoint in the original layout, or what else the file is."""
    for pattern, family in _BESIDE_A_BASE:
        if any(map(pattern.search, tensors)):
            return family
    if UNET + _FIRST_CONVOLUTION in tensors:
        return _with_a_unet(tensors)
    inside = {found[1] for found in map(_OTHERS.match, tensors) if found}
    for mark, name in _INSIDE_OTHERS.items():
        if mark in inside:
            return kinds.GENERATORS[name]
    return _without_a_unet(tensors)


def text_encoders(tensors: Iterable[str], name: str) -> tuple[Component, ...]:
    """The text encoders that lie in a checkpoint of the family `name`."""
    places = TEXT_PREFIXES.get(name, {})
    present = {component for key in tensors for component, prefix in places.items() if key.startswith(prefix)}
    return tuple(component for component in places if component in present)


def has_any(tensors: Iterable[str], *starts: str) -> bool:
    """Whether a name begins so."""
    return any(key.startswith(starts) for key in tensors)


def text_width(tensors: Tensors) -> int | None:
    """The width of the text that the UNet of a checkpoint reads; None where it reads none that is known."""
    shapes = (entry.shape for key, entry in tensors.items() if key.startswith(UNET) and key.endswith(_READS_TEXT))
    return next((int(shape[-1]) for shape in shapes if len(shape) > 1), None)


def _with_a_unet(tensors: Tensors) -> Family:
    width = text_width(tensors)
    channels = _channels(tensors)
    has_labels = UNET + "label_emb.0.0.weight" in tensors
    if any(".time_stack." in key or ".time_mix_blocks." in key for key in tensors):
        return kinds.VIDEO
    if has_any(tensors, "cond_stage_model.roberta."):
        return kinds.ALT
    if width == _REFINER_WIDTH or (has_any(tensors, "conditioner.embedders.0.model.") and width != _WIDTHS["SD 2.x"]):
        return kinds.REFINER
    if width == _WIDTHS["SDXL"] or has_any(tensors, "conditioner.embedders.1."):
        family = kinds.SDXL
    elif width == _WIDTHS["SD 2.x"] or has_any(tensors, TEXT_PREFIXES["SD 2.x"]["text_encoder"]):
        family = kinds.SD2
    else:
        family = kinds.SDXL if has_labels else kinds.SD1
    if channels > _PICTURE_CHANNELS:
        return kinds.with_channels(channels, family)
    if family is kinds.SD2 and has_labels:
        return kinds.UNCLIP
    if family is kinds.SDXL and (("edm_mean" in tensors) or ("edm_vpred.sigma_max" in tensors)):
        return kinds.EDM
    if family is kinds.SDXL and width == _WIDTHS["SDXL"] and (depth := _depth(tensors)) != _SDXL_DEPTH:
        return kinds.PRUNED_SDXL.get(depth, kinds.PRUNED)
    return _whole(tensors, family, width)


def _whole(tensors: Tensors, family: Family, width: int | None) -> Family:
    """The family, or what a checkpoint of it lacks."""
    types = {str(entry.dtype) for key, entry in tensors.items() if key.startswith(UNET) and len(entry.shape) > 1}
    if coarse := types - _PLAIN_TYPES:
        return kinds.quantised(family, min(coarse))
    if set(text_encoders(tensors, family.name)) != set(TEXT_PREFIXES[family.name]):
        return kinds.without_text(family)
    if width != _WIDTHS[family.name]:
        family = kinds.unusual(family, width)
    return family if has_any(tensors, VAE_PREFIX) else kinds.without_vae(family)


def _channels(tensors: Tensors) -> int:
    shape = tensors[UNET + _FIRST_CONVOLUTION].shape
    return int(shape[1]) if len(shape) > 1 else _PICTURE_CHANNELS


def _depth(tensors: Tensors) -> int:
    """How many transformer blocks lie one behind the other where SDXL has most of them."""
    below = re.compile(re.escape(UNET) + r"input_blocks\.[78]\.1\.transformer_blocks\.(\d+)\.")
    return 1 + max((int(found[1]) for found in map(below.match, tensors) if found), default=-1)


def _without_a_unet(tensors: Tensors) -> Family:
    if tensors.keys() >= _DIFFUSERS_UNET or _FIRST_CONVOLUTION in tensors:
        return kinds.UNET_ONLY
    if has_any(tensors, UNET):
        return kinds.NO_CHECKPOINT
    if has_any(tensors, EMA_PREFIX):
        return kinds.EMA_ONLY
    if name := _text_encoder_alone(tensors):
        return kinds.text_encoder(name)
    if has_any(tensors, *_VAE_STARTS):
        return kinds.VAE
    if _is_embedding(tensors):
        return kinds.EMBEDDING
    return kinds.ENLARGER if any(map(_ENLARGER.search, tensors)) else kinds.NO_CHECKPOINT


def _text_encoder_alone(tensors: Tensors) -> str:
    by_width = {768: "CLIP-L", 1024: "CLIP-H", 1280: "CLIP-G"}
    for key, entry in tensors.items():
        if key.endswith("token_embedding.weight") and len(entry.shape) == 2:
            return by_width.get(int(entry.shape[1]), "CLIP")
        if ".SelfAttention.q." in key:
            return "T5"
        if key.endswith("layers.0.self_attn.q_proj.weight") and "text_model" not in key:
            return "a language model"
    return ""


def _is_embedding(tensors: Tensors) -> bool:
    if "emb_params" in tensors or has_any(tensors, "string_to_param"):
        return True
    shapes = [entry.shape for entry in tensors.values()]
    return 0 < len(shapes) <= _MOST_VECTORS_OF_AN_EMBEDDING and all(
        1 <= len(shape) <= 2 and shape[-1] in _EMBEDDING_WIDTHS for shape in shapes
    )
