"""Which family a base belongs to, read from configuration files and from a checkpoint's table of contents.

Tells what can be trained here from what cannot, and why, before gigabytes are moved or loaded. Never reads a tensor.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from loratui.errors import LoraFileError
from loratui.lora_file.header import read_header

_CROSS_ATTENTION_KEY = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
_FIRST_CONVOLUTION_KEY = "model.diffusion_model.input_blocks.0.0.weight"
_SD2_WIDTH = 1024


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes:
        name: As people call it: "SD 1.x", "SDXL", "LoRA", "unknown".
        what: Follows "X is …" where it cannot be trained as it is; "" where it can.
        needs_config: It can be, once model.config names a diffusers folder of its kind.
    """

    name: str
    what: str = ""
    needs_config: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether a LoRA can be trained on it here."""
        return not self.what or self.needs_config


SD1 = Family("SD 1.x")
SD2 = Family("SD 2.x")
UNKNOWN = Family("unknown")
_NO_CHECKPOINT = Family("unknown", "no Stable Diffusion checkpoint: it holds no UNet in the original layout")

# What a file is by the first prefix that occurs in it. VAE keys are inside every checkpoint.
_BY_PREFIX: tuple[tuple[str, Family], ...] = (
    ("conditioner.embedders.1.", Family("SDXL", "an SDXL checkpoint")),
    ("model.diffusion_model.joint_blocks.", Family("SD 3", "a Stable Diffusion 3 checkpoint")),
    ("model.diffusion_model.double_blocks.", Family("Flux", "a Flux checkpoint")),
    ("double_blocks.", Family("Flux", "a Flux model")),
    ("model.diffusion_model.input_blocks.", SD1),
    (
        "lora_",
        Family("LoRA", "a LoRA, not a base: it belongs in Other LoRAs under Comparison (comparison.other_loras)"),
    ),
    ("first_stage_model.", Family("VAE", "only a VAE: name it in model.vae")),
    ("encoder.conv_in.", Family("VAE", "only a VAE: name it in model.vae")),
)
_SD2_CHECKPOINT = Family(
    "SD 2.x",
    "a Stable Diffusion 2.x checkpoint; as a single file it needs model.config, a diffusers directory of the same kind",
    needs_config=True,
)
_BY_PIPELINE = {
    "StableDiffusionXL": Family("SDXL", "an SDXL model"),
    "StableDiffusion3": Family("SD 3", "a Stable Diffusion 3 model"),
    "Flux": Family("Flux", "a Flux model"),
}


class Shaped(Protocol):
    """What is asked of a tensor's entry."""

    @property
    def shape(self) -> Any:
        """Its dimensions."""


def family_of(path: Path) -> Family:
    """The family of a diffusers directory or a .safetensors file; `what` says when it cannot be read."""
    if path.is_dir():
        return directory_family(_json(path / "model_index.json"), _json(path / "unet" / "config.json"))
    try:
        return checkpoint_family(read_header(path).tensors)
    except LoraFileError as error:
        return Family("damaged", f"not to be read: {error.what.rstrip('.')}")


def checkpoint_family(tensors: Mapping[str, Shaped]) -> Family:
    """The family of a checkpoint in the original layout, by the names and shapes of its tensors."""
    first = tensors.get(_FIRST_CONVOLUTION_KEY)
    if first is not None and len(first.shape) == 4 and first.shape[1] > 4:
        return Family("inpaint", f"an inpainting or depth model: its UNet takes {first.shape[1]} channels")
    attention = tensors.get(_CROSS_ATTENTION_KEY)
    if attention is not None and attention.shape[-1] == _SD2_WIDTH:
        return _SD2_CHECKPOINT
    for prefix, family in _BY_PREFIX:
        if any(name.startswith(prefix) for name in tensors):
            return family
    return _NO_CHECKPOINT


def directory_family(index: Mapping[str, Any], unet: Mapping[str, Any]) -> Family:
    """The family of a diffusers model, by its model_index.json and its UNet's config.json (empty where not known)."""
    pipeline = str(index.get("_class_name", ""))
    for beginning, family in _BY_PIPELINE.items():
        if pipeline.startswith(beginning):
            return family
    if unet.get("addition_embed_type"):
        return _BY_PIPELINE["StableDiffusionXL"]
    channels = unet.get("in_channels")
    if isinstance(channels, int) and channels > 4:
        return Family("inpaint", f"an inpainting or depth model: its UNet takes {channels} channels")
    width = unet.get("cross_attention_dim")
    if not isinstance(width, int):
        return SD1 if pipeline == "StableDiffusionPipeline" and not unet else UNKNOWN
    return SD2 if width == _SD2_WIDTH else SD1


def native_resolution(path: Path) -> int | None:
    """The side in pixels that a base was made for; None where its files do not say.

    A diffusers directory says it by its UNet's `sample_size` times the VAE's reduction; of checkpoints only SD 1.x
    has one size.
    """
    if path.is_file():
        return 512 if family_of(path) is SD1 else None
    latent = _json(path / "unet" / "config.json").get("sample_size")
    levels = _json(path / "vae" / "config.json").get("block_out_channels")
    if not isinstance(latent, int) or not isinstance(levels, list):
        return None
    side: int = latent * 2 ** (len(levels) - 1)
    return side if 0 < side <= 4096 else None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
