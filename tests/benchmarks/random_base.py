"""Bases of the real shapes with random weights: what a step costs does not depend on what the weights say.

The configurations ship with the program. Tokenizers do not: they are taken from a folder in diffusers' layout, the
weights' files of which are not read.
"""

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from loratui.diffusion.loading_checkpoint import shipped_configs
from loratui.hub.models import locate
from loratui.lora_file.naming import BaseFamily

FAMILIES: dict[str, BaseFamily] = {"sd15": "sd1", "sd21": "sd2", "sdxl": "sdxl"}


def write_random_base(arch: str, directory: Path, tokenizers: Path) -> Path:
    """Write a base in diffusers' layout, in fp16 as most bases are passed around, and return its directory.

    Args:
        arch: "sd15", "sd21", "sdxl", or "demo" for the program's own base.
        directory: Where it is written, unless a base is there already.
        tokenizers: Folder in whose `tokenizer` (and `tokenizer_2`) CLIP's vocabulary lies.
    """
    if arch == "demo":
        return Path(str(locate("demo").path))
    if (directory / "whole").is_file():
        return directory
    configs = shipped_configs(FAMILIES[arch])
    shutil.copytree(configs, directory, dirs_exist_ok=True)
    torch.manual_seed(0)
    models = {
        "unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(configs / "unet")),
        "vae": AutoencoderKL.from_config(AutoencoderKL.load_config(configs / "vae")),
        "text_encoder": CLIPTextModel(CLIPTextConfig.from_pretrained(configs / "text_encoder")),
    }
    folders = ["tokenizer"]
    if arch == "sdxl":
        second = CLIPTextConfig.from_pretrained(configs / "text_encoder_2")
        models["text_encoder_2"] = CLIPTextModelWithProjection(second)
        folders.append("tokenizer_2")
    for name, model in models.items():
        model.half().save_pretrained(directory / name)
    for folder in folders:
        shutil.copytree(tokenizers / folder, directory / folder, dirs_exist_ok=True)
    (directory / "whole").touch()
    return directory
