"""Loads the parts of a base from a directory in diffusers' layout, and refuses one whose weights are not all there."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from loratui.diffusion.library_calls import FilesRefused, library_call, refuse_missing
from loratui.diffusion.tokenizers import open_tokenizer
from loratui.errors import BaseModelError
from loratui.hub.family import unet_family
from loratui.lora_file.naming import BaseFamily
from loratui.safe_text import printable

_CPU = torch.device("cpu")
_CLASSES = {
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
    "text_encoder": CLIPTextModel,
    "text_encoder_2": CLIPTextModelWithProjection,
}


def load_directory(directory: Path, vae: Any, dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Return tokenizers, text encoders, VAE and UNet by their names in diffusers.

    Args:
        vae: Used instead of the directory's own; None for that.
        dtype: Precision of UNet and text encoders; the VAE is read in fp32.
        device: Where the UNet is read to; the smaller parts follow when they are used.

    Raises:
        FilesRefused: A part is missing, damaged or incomplete.
    """

    family = family_of_configs(directory)
    parts = {
        # The largest first: while a part is read, its file counts as memory too.
        "unet": load_part(_CLASSES["unet"], directory, "unet", dtype, device),
        "tokenizer": open_tokenizer(directory / "tokenizer", family, "text_encoder"),
        "text_encoder": read_part(directory, "text_encoder", dtype),
        "vae": vae or read_part(directory, "vae", dtype),
    }
    if family == "sdxl":
        parts["tokenizer_2"] = open_tokenizer(directory / "tokenizer_2", family, "text_encoder_2")
        parts["text_encoder_2"] = read_part(directory, "text_encoder_2", dtype)
    return parts


def read_part(directory: Path, name: str, dtype: torch.dtype) -> Any:
    """Return the UNet, VAE or text encoder of a directory by its name in diffusers; the VAE in fp32.

    Raises:
        FilesRefused: It is missing, damaged or incomplete.
    """
    return load_part(_CLASSES[name], directory, name, torch.float32 if name == "vae" else dtype)


def load_part(kind: Any, directory: Path, name: str, precision: torch.dtype, device: torch.device = _CPU) -> Any:
    """Return the model of the class `kind` in the folder `name` of a diffusers directory, or in itself for "".

    On a GPU the weights come there from the file, without a copy in main memory on the way.

    Raises:
        FilesRefused: It is missing, damaged or incomplete.
    """
    with library_call():
        model, found = kind.from_pretrained(
            directory,
            subfolder=name or None,
            variant=_variant(directory / name),
            torch_dtype=precision,
            output_loading_info=True,
            **({} if device.type == "cpu" else {"device_map": {"": device}}),
        )
    refuse_missing(name or "files", found["missing_keys"])
    return model


def family_of_configs(directory: Path) -> BaseFamily:
    """Return the family whose UNet the configurations in `directory` describe.

    Raises:
        FilesRefused: It has none that can be read.
    """
    return unet_family(_read_config(directory / "unet" / "config.json"))


def read_scheduler_config(directory: Path) -> dict[str, Any]:
    """Return diffusers' configuration of the base's scheduler.

    Raises:
        FilesRefused: It has none that can be read.
    """
    return _read_config(directory / "scheduler" / "scheduler_config.json")


def refuse_folder(directory: Path) -> None:
    """Refuse a folder in another layout than diffusers'.

    Raises:
        BaseModelError: It is no diffusers model.
    """
    if not (directory / "model_index.json").is_file():
        raise BaseModelError(
            f"{printable(directory)} is not a diffusers model: model_index.json is missing.",
            "Name the directory that holds model_index.json, or a single .safetensors file.",
        )


def _read_config(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FilesRefused(f"{file.parent.name}/{file.name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise FilesRefused(f"{file.parent.name}/{file.name} is no configuration")
    return found


def _variant(directory: Path) -> str | None:
    """Return "fp16" when only the half-precision files are there."""
    names = [file.name for file in directory.glob("*.safetensors")]
    return "fp16" if names and all(".fp16." in name for name in names) else None
