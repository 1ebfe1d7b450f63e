"""Which family a base on this computer belongs to: a diffusers directory by its configuration, a file by its header.

Tells what can be trained here from what cannot, and why, before gigabytes are moved or loaded. Never reads a tensor.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loratui.errors import LoraFileError
from loratui.hub import kinds
from loratui.hub.kinds import SD1, SD2, SDXL, UNKNOWN, Family
from loratui.hub.recognition import checkpoint_family
from loratui.lora_file.header import read_header
from loratui.lora_file.naming import BaseFamily

_FAMILIES: Mapping[BaseFamily, Family] = {"sd1": SD1, "sd2": SD2, "sdxl": SDXL}
_BY_WIDTH: Mapping[int, BaseFamily] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
_SDXL_WIDTH, _REFINER_WIDTH = 2048, 1280
_SDXL_LAYERS = [1, 2, 10]
_PICTURE_CHANNELS = 4
_LARGEST_SIDE = 4096
_BY_PIPELINE: tuple[tuple[str, Family], ...] = (
    ("StableDiffusion3", kinds.GENERATORS["SD 3"]),
    ("StableVideoDiffusion", kinds.VIDEO),
    ("StableUnCLIP", kinds.UNCLIP),
    ("StableCascade", kinds.GENERATORS["Cascade"]),
    ("StableDiffusionUpscale", kinds.other("upscaler", "a model that enlarges pictures")),
    ("AltDiffusion", kinds.ALT),
    ("Kolors", kinds.KOLORS),
    ("AnimateDiff", kinds.VIDEO),
    ("QwenImage", kinds.GENERATORS["Qwen"]),
    ("ZImage", kinds.GENERATORS["Z-Image"]),
    *((name, kinds.GENERATORS[name]) for name in ("Flux", "Chroma", "PixArt", "Hunyuan", "Wan", "Lumina", "AuraFlow")),
    *((name, kinds.GENERATORS[name]) for name in ("Kandinsky", "Sana", "HiDream", "LTX", "Mochi", "Cosmos", "CogView")),
)
_BY_CLASS = {
    "AutoencoderKL": kinds.VAE,
    "ControlNetModel": kinds.CONTROLNET,
    "T2IAdapter": kinds.T2I_ADAPTER,
    "MotionAdapter": kinds.MOTION,
    "UNet2DConditionModel": kinds.UNET_ONLY,
}


def family_of(path: Path) -> Family:
    """The family of a diffusers directory or a .safetensors file; `what` says when it cannot be read."""
    if path.is_dir():
        if not (path / "model_index.json").exists():
            return _BY_CLASS.get(str(read_json(path / "config.json").get("_class_name", "")), UNKNOWN)
        return directory_family(read_json(path / "model_index.json"), read_json(path / "unet" / "config.json"))
    try:
        return checkpoint_family(read_header(path).tensors)
    except LoraFileError as error:
        return Family("damaged", f"not to be read: {error.what.rstrip('.')}", todo=error.todo)


def directory_family(index: Mapping[str, Any], unet: Mapping[str, Any]) -> Family:
    """The family of a diffusers model, by its model_index.json and its UNet's config.json (empty where not known)."""
    pipeline = str(index.get("_class_name", ""))
    for beginning, family in _BY_PIPELINE:
        if pipeline.startswith(beginning):
            return family
    width = unet.get("cross_attention_dim")
    told = unet_family(unet)
    is_xl = pipeline.startswith("StableDiffusionXL") or told == "sdxl"
    channels = unet.get("in_channels")
    if is_xl and _is_refiner(index, width):
        return kinds.REFINER
    if isinstance(channels, int) and channels > _PICTURE_CHANNELS:
        return kinds.with_channels(channels, SDXL if is_xl else _FAMILIES[told])
    if is_xl:
        return _xl(index, unet)
    if not isinstance(width, int):
        return SD1 if pipeline == "StableDiffusionPipeline" and not unet else UNKNOWN
    return _FAMILIES[told]


def unet_family(unet: Mapping[str, Any]) -> BaseFamily:
    """The family whose UNet a config.json describes: by the width of the text that it reads.

    Of a width that no published family has, as tiny models, SD 2.x is told by its linear projections.
    """
    if unet.get("addition_embed_type"):
        return "sdxl"
    width = unet.get("cross_attention_dim")
    known = _BY_WIDTH.get(width) if isinstance(width, int) else None
    return known or ("sd2" if unet.get("use_linear_projection") else "sd1")


def _xl(index: Mapping[str, Any], unet: Mapping[str, Any]) -> Family:
    if unet.get("encoder_hid_dim"):
        return kinds.KOLORS
    scheduler = index.get("scheduler")
    if isinstance(scheduler, list) and any(str(name).startswith("EDM") for name in scheduler):
        return kinds.EDM
    layers = unet.get("transformer_layers_per_block")
    if unet.get("cross_attention_dim") == _SDXL_WIDTH and layers not in (None, _SDXL_LAYERS):
        return _pruned(layers)
    return SDXL


def _pruned(layers: Any) -> Family:
    deepest = layers[-1] if isinstance(layers, list) and layers else layers
    if isinstance(deepest, list) and deepest:
        deepest = deepest[0]
    return kinds.PRUNED_SDXL.get(deepest, kinds.PRUNED) if isinstance(deepest, int) else kinds.PRUNED


def _is_refiner(index: Mapping[str, Any], width: Any) -> bool:
    return width == _REFINER_WIDTH or index.get("text_encoder") == [None, None]


def directory_resolution(path: Path) -> int | None:
    """The side in pixels that a diffusers model was made for: its UNet's `sample_size` times the VAE's reduction."""
    latent = read_json(path / "unet" / "config.json").get("sample_size")
    levels = read_json(path / "vae" / "config.json").get("block_out_channels")
    if not isinstance(latent, int) or not isinstance(levels, list):
        return None
    side: int = latent * 2 ** (len(levels) - 1)
    return side if 0 < side <= _LARGEST_SIDE else None


def read_json(path: Path) -> dict[str, Any]:
    """A configuration file as a table; {} where there is none to be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
