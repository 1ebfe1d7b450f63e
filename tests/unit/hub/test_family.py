"""Families told apart by names, shapes and configuration files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loratui.hub.checkpoint import native_resolution
from loratui.hub.family import directory_family, family_of, unet_family
from loratui.hub.kinds import SD1, SDXL, Family, usual_resolution
from tests.unit.hub.checkpoints import diffusers_files, sdxl_files, write_checkpoint

XL = {"cross_attention_dim": 2048, "addition_embed_type": "text_time", "in_channels": 4}


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


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
        ("StableDiffusionDepth2ImgPipeline", {"cross_attention_dim": 1024, "in_channels": 5}, "depth"),
        ("StableDiffusionPipeline", {"cross_attention_dim": 2048, "addition_embed_type": "text_time"}, "SDXL"),
        ("StableDiffusionXLPipeline", {}, "SDXL"),
        ("StableDiffusionXLPipeline", {**XL, "transformer_layers_per_block": [1, 2, 10]}, "SDXL"),
        (
            "StableDiffusionXLPipeline",
            {**XL, "cross_attention_dim": 64, "transformer_layers_per_block": [1, 2]},
            "SDXL",
        ),
        ("StableDiffusionXLPipeline", {**XL, "transformer_layers_per_block": [0, 2, 4]}, "SSD-1B"),
        ("StableDiffusionXLPipeline", {**XL, "transformer_layers_per_block": [0, 1, 2]}, "Vega"),
        ("StableDiffusionXLPipeline", {**XL, "transformer_layers_per_block": "all"}, "SDXL cut"),
        ("StableDiffusionXLInpaintPipeline", {**XL, "in_channels": 9}, "inpaint"),
        ("StableDiffusionXLImg2ImgPipeline", {**XL, "cross_attention_dim": 1280}, "refiner"),
        ("KolorsPipeline", XL, "Kolors"),
        ("StableDiffusionXLPipeline", {**XL, "encoder_hid_dim": 4096}, "Kolors"),
        ("StableDiffusion3Pipeline", {}, "SD 3"),
        ("FluxPipeline", {}, "Flux"),
        ("QwenImagePipeline", {}, "Qwen"),
        ("WanPipeline", {}, "Wan"),
        ("StableVideoDiffusionPipeline", {}, "video"),
        ("", {}, "unknown"),
    ],
)
def test_a_diffusers_folder_says_its_family(index: str, unet: dict[str, object], name: str) -> None:
    assert directory_family({"_class_name": index}, unet).name == name


def test_a_schedule_that_is_not_ours_is_found_in_the_index() -> None:
    index = {"_class_name": "StableDiffusionXLPipeline", "scheduler": ["diffusers", "EDMDPMSolverMultistepScheduler"]}
    assert directory_family(index, XL).name == "SDXL EDM"
    assert directory_family({**index, "text_encoder": [None, None]}, XL).name == "refiner"


def test_a_diffusers_folder_is_read_from_the_disk(tmp_path: Path) -> None:
    write_files(tmp_path, diffusers_files(1024))
    assert family_of(tmp_path) == Family("SD 2.x")
    (tmp_path / "unet" / "config.json").write_text(json.dumps(["nonsense"]))
    assert family_of(tmp_path).name == "SD 1.x"


def test_a_folder_with_one_part_is_named_by_its_class(tmp_path: Path) -> None:
    for class_name, name in (("AutoencoderKL", "VAE"), ("ControlNetModel", "ControlNet"), ("Unheard", "unknown")):
        (tmp_path / "config.json").write_text(json.dumps({"_class_name": class_name}))
        assert family_of(tmp_path).name == name


def test_the_resolution_of_a_folder_is_its_unets(tmp_path: Path) -> None:
    write_files(tmp_path, sdxl_files())
    assert native_resolution(tmp_path) == 1024


def test_the_resolution_of_a_family() -> None:
    assert (usual_resolution("SD 1.x"), usual_resolution("SDXL"), usual_resolution("SD 2.x")) == (512, 1024, None)


def test_what_cannot_be_trained_is_said_with_what_to_do() -> None:
    assert SDXL.about("mix") == ""
    assert SD1.base_family == "sd1"
    broken = replace(SD1, what="a thing", todo="Mend it.")
    assert broken.about("mix") == "mix is a thing. Mend it."
    assert (broken.is_usable, broken.base_family) == (False, None)


@pytest.mark.parametrize(
    ("unet", "family"),
    [
        ({"cross_attention_dim": 768, "use_linear_projection": True}, "sd1"),
        ({"cross_attention_dim": 1024, "use_linear_projection": False}, "sd2"),
        ({"cross_attention_dim": 2048}, "sdxl"),
        ({"cross_attention_dim": 32, "addition_embed_type": "text_time"}, "sdxl"),
        ({"cross_attention_dim": 32, "use_linear_projection": True}, "sd2"),
        ({"cross_attention_dim": 32}, "sd1"),
    ],
)
def test_known_widths_decide_and_of_others_the_projections(unet: dict[str, object], family: str) -> None:
    assert unet_family(unet) == family
    told = directory_family({"_class_name": "StableDiffusionPipeline"}, {"in_channels": 4, **unet})
    assert told.base_family == family
