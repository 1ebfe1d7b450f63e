"""Which files of a repository make a base."""

import json
from pathlib import Path

import pytest

from loratui.errors import BaseModelError
from loratui.hub.repository import is_complete, wanted_files

SMALL = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "text_encoder/config.json",
    "unet/config.json",
    "vae/config.json",
]


def listing(ending: str) -> list[str]:
    stems = ("text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model")
    return [*SMALL, *(stem + ending for stem in stems)]


def test_plain_weights_are_preferred_to_half_precision_and_pickles() -> None:
    everything = {*listing(".safetensors"), *listing(".fp16.safetensors"), *listing(".bin"), "README.md", "x.ckpt"}
    everything.add("unet/diffusion_pytorch_model.non_ema.safetensors")
    assert sorted(wanted_files(everything, "o/r")) == sorted(listing(".safetensors"))


def test_half_precision_weights_are_taken_where_there_are_no_others() -> None:
    assert sorted(wanted_files(listing(".fp16.safetensors"), "o/r")) == sorted(listing(".fp16.safetensors"))


SMALL_XL = [*SMALL, "text_encoder_2/config.json", "tokenizer_2/merges.txt", "tokenizer_2/vocab.json"]


def listing_xl(ending: str) -> list[str]:
    return [*SMALL_XL, "text_encoder_2/model" + ending, *(name for name in listing(ending) if name not in SMALL)]


def test_of_sdxl_the_half_precision_is_preferred_and_nothing_beside_the_folders_is_taken() -> None:
    beside = ["sd_xl_base_1.0.safetensors", "vae_1_0/diffusion_pytorch_model.fp16.safetensors", "unet/model.onnx_data"]
    everything = {*listing_xl(".fp16.safetensors"), *listing_xl(".safetensors"), *beside}
    assert sorted(wanted_files(everything, "o/r")) == sorted(listing_xl(".fp16.safetensors"))
    assert sorted(wanted_files([*listing_xl(".safetensors"), *beside], "o/r")) == sorted(listing_xl(".safetensors"))


def test_the_refiner_is_named() -> None:
    refiner = [name for name in listing_xl(".safetensors") if not name.startswith(("text_encoder/", "tokenizer/"))]
    with pytest.raises(BaseModelError, match="SDXL refiner") as caught:
        wanted_files(refiner, "o/r")
    assert "stabilityai/stable-diffusion-xl-base-1.0" in caught.value.todo


@pytest.mark.parametrize("ending", [".safetensors", ".fp16.safetensors"])
@pytest.mark.parametrize("lost", ["text_encoder_2/", "tokenizer_2/", "tokenizer/", "unet/diffusion"])
def test_an_sdxl_that_lacks_a_folder_is_incomplete(tmp_path: Path, ending: str, lost: str) -> None:
    for name in listing_xl(ending):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    assert is_complete(tmp_path)
    for name in listing_xl(ending):
        if name.startswith(lost):
            (tmp_path / name).unlink()
    assert not is_complete(tmp_path)


def test_components_do_not_mix_precisions() -> None:
    mixed = [*listing(".fp16.safetensors"), "unet/diffusion_pytorch_model.safetensors"]
    assert "unet/diffusion_pytorch_model.safetensors" not in wanted_files(mixed, "o/r")


def test_pickles_alone_are_refused() -> None:
    with pytest.raises(BaseModelError, match="only as pickled files"):
        wanted_files(listing(".bin"), "o/r")


def test_another_architecture_is_refused_by_what_it_lacks() -> None:
    with pytest.raises(BaseModelError, match="no weights for unet"):
        wanted_files([name for name in listing(".safetensors") if not name.startswith("unet/diff")], "o/r")


@pytest.mark.parametrize("lost", listing(".safetensors"))
def test_a_folder_that_lacks_any_file_is_incomplete(tmp_path: Path, lost: str) -> None:
    for name in listing(".safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert is_complete(tmp_path)
    (tmp_path / lost).unlink()
    assert not is_complete(tmp_path)


def test_shards_come_with_their_index_and_are_counted(tmp_path: Path) -> None:
    stem = "diffusion_pytorch_model"
    shards = [f"unet/{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    names = [n for n in listing(".safetensors") if n != f"unet/{stem}.safetensors"]
    names += [f"unet/{stem}.safetensors.index.json", *shards]
    assert sorted(wanted_files(names, "o/r")) == sorted(names)
    weight_map = {"a": Path(shards[0]).name, "b": Path(shards[1]).name}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"weight_map": weight_map}))
    assert is_complete(tmp_path)
    (tmp_path / shards[1]).unlink()
    assert not is_complete(tmp_path)


def test_a_vae_in_half_precision_alone_is_taken() -> None:
    half = ["config.json", "diffusion_pytorch_model.fp16.safetensors"]
    whole = ["config.json", "diffusion_pytorch_model.safetensors"]
    assert wanted_files([*half, "README.md"], "o/r") == half
    assert wanted_files({*half, *whole}, "o/r") == whole
