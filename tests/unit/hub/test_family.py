"""Families told apart by names, shapes and configuration files."""

import json
from pathlib import Path

import pytest

from loratui.hub.family import Family, directory_family, family_of
from tests.unit.hub.checkpoints import INPAINTING, LORA, SD1, SD2, SDXL, diffusers_files, write_checkpoint


@pytest.mark.parametrize(
    ("shapes", "name", "usable"),
    [
        (SD1, "SD 1.x", True),
        (SD2, "SD 2.x", True),
        (SDXL, "SDXL", False),
        (INPAINTING, "inpaint", False),
        (LORA, "LoRA", False),
        ({"first_stage_model.encoder.conv_in.weight": (2,)}, "VAE", False),
        ({"model.diffusion_model.joint_blocks.0.x": (1,)}, "SD 3", False),
        ({"double_blocks.0.x": (1,)}, "Flux", False),
        ({"something.else": (1,)}, "unknown", False),
    ],
)
def test_a_checkpoint_says_its_family(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], name: str, usable: bool
) -> None:
    family = family_of(write_checkpoint(tmp_path / "mix.safetensors", shapes))
    assert (family.name, family.is_usable) == (name, usable)
    assert family.is_usable or family.what


def test_an_sd2_file_asks_for_its_configs(tmp_path: Path) -> None:
    assert family_of(write_checkpoint(tmp_path / "v2.safetensors", SD2)).needs_config


def test_a_cut_off_checkpoint_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "mix.safetensors")
    path.write_bytes(path.read_bytes()[:-5])
    family = family_of(path)
    assert family.name == "damaged"
    assert "cut off" in family.what
    assert not family.is_usable


@pytest.mark.parametrize(
    ("index", "unet", "name"),
    [
        ("StableDiffusionPipeline", {"cross_attention_dim": 768, "in_channels": 4}, "SD 1.x"),
        ("StableDiffusionPipeline", {"cross_attention_dim": 1024, "in_channels": 4}, "SD 2.x"),
        ("StableDiffusionPipeline", {"cross_attention_dim": 768, "in_channels": 9}, "inpaint"),
        ("StableDiffusionPipeline", {"cross_attention_dim": 2048, "addition_embed_type": "text_time"}, "SDXL"),
        ("StableDiffusionXLPipeline", {}, "SDXL"),
        ("StableDiffusion3Pipeline", {}, "SD 3"),
        ("FluxPipeline", {}, "Flux"),
        ("", {}, "unknown"),
    ],
)
def test_a_diffusers_folder_says_its_family(index: str, unet: dict[str, object], name: str) -> None:
    assert directory_family({"_class_name": index}, unet).name == name


def test_a_diffusers_folder_is_read_from_the_disk(tmp_path: Path) -> None:
    for name, content in diffusers_files(1024).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert family_of(tmp_path) == Family("SD 2.x")
    (tmp_path / "unet" / "config.json").write_text(json.dumps(["nonsense"]))
    assert family_of(tmp_path).name == "SD 1.x"
