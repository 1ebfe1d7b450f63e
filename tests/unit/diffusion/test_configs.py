"""The configurations that ship with the program build the published models: built without memory, and counted."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import loratui.diffusion
from loratui.runs.base_parameters import OF_FAMILY

CONFIGS = Path(loratui.diffusion.__file__).parent / "configs"
TEXT_CLASSES = {"CLIPTextModel": CLIPTextModel, "CLIPTextModelWithProjection": CLIPTextModelWithProjection}


def read(path: Path) -> dict[str, object]:
    return json.loads(path.read_text())


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("family", "name"), [("sd1", "SD 1.x"), ("sd2", "SD 2.x"), ("sdxl", "SDXL")])
def test_the_configurations_build_models_of_the_published_size(family: str, name: str) -> None:
    folder, known = CONFIGS / family, OF_FAMILY[name]
    index = read(folder / "model_index.json")
    texts = [key for key in index if key.startswith("text_encoder")]
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(read(folder / "unet" / "config.json"))
        vae = AutoencoderKL.from_config(read(folder / "vae" / "config.json"))
        read_text = [TEXT_CLASSES[index[key][1]](CLIPTextConfig.from_pretrained(folder / key)) for key in texts]
    assert count(unet) == known.unet
    assert count(vae) == known.vae
    assert sum(map(count, read_text)) == known.text_encoder
    assert sum(text.config.hidden_size for text in read_text) == unet.config.cross_attention_dim


@pytest.mark.parametrize(("family", "side"), [("sd1", 512), ("sd2", 768), ("sdxl", 1024)])
def test_they_tell_the_size_and_the_schedule(family: str, side: int) -> None:
    folder = CONFIGS / family
    unet, vae = read(folder / "unet" / "config.json"), read(folder / "vae" / "config.json")
    assert unet["sample_size"] * 8 == vae["sample_size"] == side
    schedule = read(folder / "scheduler" / "scheduler_config.json")
    told = (schedule["beta_schedule"], schedule["beta_start"], schedule["beta_end"], schedule["num_train_timesteps"])
    assert told == ("scaled_linear", 0.00085, 0.012, 1000)
