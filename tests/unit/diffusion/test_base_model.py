"""Bases as people have them: a directory, a single file, with a separate VAE; and what is no base."""

import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.diffusion.loading_directory import load_directory
from loratui.errors import BaseModelError
from loratui.profile.schema import Model
from tests.original_layout import original_vae, write_single_file
from tests.tiny_base import write_tiny_base

CPU = torch.device("cpu")


def load(**settings: object) -> BaseModel:
    return load_base(Model(**settings), device=CPU, dtype=torch.float32)


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    left, right = first.state_dict(), second.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_a_directory_gives_a_frozen_base(base: BaseModel) -> None:
    assert (base.family, base.prediction_type, base.vae_scale_factor) == ("sd1", "epsilon", 2)
    for module in (base.unet, base.text_encoder, base.vae):
        assert not module.training
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_a_single_file_is_the_same_base(base: BaseModel, tiny_base_directory: Path, tmp_path: Path) -> None:
    file = write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors")
    loaded = load(base=str(file), config=str(tiny_base_directory))
    assert same_weights(loaded.unet, base.unet)
    assert same_weights(loaded.vae, base.vae)
    assert same_weights(loaded.text_encoder, base.text_encoder)
    assert loaded.tokenizer("Emi, girl").input_ids == base.tokenizer("Emi, girl").input_ids
    assert loaded.name == "tiny"
    assert len(loaded.sha256 or "") == 64


@pytest.mark.parametrize("form", ["directory", "pipeline", "file"])
def test_a_separate_vae_replaces_the_bases_own(
    base: BaseModel, tiny_base_directory: Path, tmp_path: Path, form: str
) -> None:
    other = write_tiny_base(tmp_path / "other", seed=1)
    vae = load(base=str(other)).vae
    path = {"directory": other / "vae", "pipeline": other, "file": tmp_path / "vae.safetensors"}[form]
    if form == "file":
        save_file({name: tensor.contiguous() for name, tensor in original_vae(vae).items()}, path)
    loaded = load(base=str(tiny_base_directory), vae=str(path), config=str(tiny_base_directory))
    assert same_weights(loaded.vae, vae)
    assert not same_weights(loaded.vae, base.vae)
    assert same_weights(loaded.unet, base.unet)


def test_weights_that_lie_there_in_half_precision_alone_are_used_as_they_are(
    base: BaseModel, tiny_base_directory: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half"
    shutil.copytree(tiny_base_directory, half)
    for file in [*half.glob("*/*.safetensors")]:
        rounded = {
            name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in load_file(file).items()
        }
        save_file(rounded, file.with_name(f"{file.stem}.fp16.safetensors"), metadata={"format": "pt"})
        file.unlink()
    loaded = load(base=str(half))
    separate = load(base=str(tiny_base_directory), vae=str(half / "vae"))
    for found, expected in ((loaded.unet, base.unet), (loaded.vae, base.vae), (separate.vae, base.vae)):
        assert found.dtype == torch.float32
        for ours, theirs in zip(found.parameters(), expected.parameters(), strict=True):
            assert torch.equal(ours, theirs.half().float())


@pytest.mark.parametrize("form", ["folder", "file"])
def test_what_is_wrong_with_a_vae_is_said_of_the_vae(tiny_base_directory: Path, tmp_path: Path, form: str) -> None:
    if form == "folder":
        vae = tmp_path / "vae"
        shutil.copytree(tiny_base_directory / "vae", vae)
        drop_tensors(vae / "diffusion_pytorch_model.safetensors")
    else:
        vae = tmp_path / "vae.safetensors"
        save_file({"encoder.conv_in.weight": torch.zeros(8, 3, 3, 3)}, vae)
    with pytest.raises(BaseModelError, match=r"^The VAE .*vae.* cannot be loaded") as caught:
        load(base=str(tiny_base_directory), vae=str(vae))
    assert "model.vae" in caught.value.todo


def test_what_is_no_vae_is_named_for_what_it_is(tiny_base_directory: Path, tmp_path: Path) -> None:
    lora = tmp_path / "detail.safetensors"
    save_file({"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": torch.zeros(4, 8)}, lora)
    with pytest.raises(BaseModelError, match=r"^The VAE detail\.safetensors cannot be used: it is a LoRA\."):
        load(base=str(tiny_base_directory), vae=str(lora))
    with pytest.raises(BaseModelError, match=r"^The VAE unet cannot be used: it is only a UNet"):
        load(base=str(tiny_base_directory), vae=str(tiny_base_directory / "unet"))


def test_a_file_that_is_no_base_is_said_before_its_vae_is_read(tiny_base_directory: Path, tmp_path: Path) -> None:
    lora, vae = tmp_path / "detail.safetensors", tmp_path / "vae.safetensors"
    save_file({"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": torch.zeros(4, 8)}, lora)
    save_file({"encoder.conv_in.weight": torch.zeros(8, 3, 3, 3)}, vae)
    with pytest.raises(BaseModelError, match="is a LoRA, not a base"):
        load(base=str(lora), vae=str(vae))


def test_a_fault_that_is_not_the_files_is_not_taken_for_one(tiny_base_directory: Path) -> None:
    settings = Model(base=str(tiny_base_directory))
    with pytest.raises(RuntimeError, match="nowhere"):
        load_base(settings, device="nowhere", dtype=torch.float32)  # type: ignore[arg-type]


def test_a_single_file_says_which_tokenizer_it_took(
    tiny_base_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    file = write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors")
    told = load(base=str(file), config=str(tiny_base_directory)).tokenizer_from
    assert told == f"The tokenizer is that of {tiny_base_directory} (model.config)."
    assert load(base=str(tiny_base_directory)).tokenizer_from == ""


def test_the_profile_decides_what_a_single_file_predicts(tiny_base_directory: Path) -> None:
    assert load(base=str(tiny_base_directory), prediction="v_prediction").prediction_type == "v_prediction"


def test_clip_skip_beyond_the_layers_is_refused(tiny_base_directory: Path) -> None:
    with pytest.raises(BaseModelError, match="has 3 layers"):
        load(base=str(tiny_base_directory), clip_skip=4)


@pytest.mark.parametrize(
    ("tensor", "shape", "what"),
    [
        ("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", (4, 8), "is a LoRA, not a base"),
        ("encoder.conv_in.weight", (8, 3, 3, 3), "only a VAE"),
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", (8, 8), "Flux"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", (8, 8), "Stable Diffusion 3"),
        ("something.weight", (8,), "no Stable Diffusion checkpoint"),
    ],
)
def test_other_kinds_of_files_are_named_for_what_they_are(
    tmp_path: Path, tensor: str, shape: tuple[int, ...], what: str
) -> None:
    file = tmp_path / "model.safetensors"
    save_file({tensor: torch.zeros(shape)}, file)
    with pytest.raises(BaseModelError, match=what):
        load(base=str(file))


def test_a_cut_off_checkpoint_says_so(tiny_base_directory: Path, tmp_path: Path) -> None:
    file = write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors")
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(BaseModelError, match="cut off"):
        load(base=str(file), config=str(tiny_base_directory))


def test_a_single_file_without_a_vae_takes_the_separate_one(
    base: BaseModel, tiny_base_directory: Path, tmp_path: Path
) -> None:
    file = write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors", with_vae=False)
    loaded = load(base=str(file), vae=str(tiny_base_directory / "vae"), config=str(tiny_base_directory))
    assert same_weights(loaded.vae, base.vae)
    with pytest.raises(BaseModelError):
        load(base=str(file), config=str(tiny_base_directory))


def drop_tensors(file: Path) -> None:
    tensors = load_file(file)
    del tensors[sorted(tensors)[3]]
    save_file(tensors, file, metadata={"format": "pt"})


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-500])


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("damage", [Path.unlink, cut_off, drop_tensors], ids=["gone", "cut off", "incomplete"])
def test_a_damaged_directory_says_so(tmp_path: Path, part: str, damage: Callable[[Path], None]) -> None:
    directory = write_tiny_base(tmp_path / "broken")
    [file] = (directory / part).glob("*.safetensors")
    damage(file)
    with pytest.raises(BaseModelError, match="cannot be loaded"):
        load(base=str(directory))


def test_a_single_file_with_half_a_part_says_so(tiny_base_directory: Path, tmp_path: Path) -> None:
    file = write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors")
    tensors = load_file(file)
    for name in [name for name in tensors if "output_blocks.1" in name]:
        del tensors[name]
    save_file(tensors, file)
    with pytest.raises(BaseModelError, match="cannot be loaded"):
        load(base=str(file), config=str(tiny_base_directory))


def test_an_inpainting_model_is_refused(tmp_path: Path) -> None:
    directory = write_tiny_base(tmp_path / "inpainting")
    unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(directory / "unet"), in_channels=9)
    unet.save_pretrained(directory / "unet")
    with pytest.raises(BaseModelError, match="inpainting"):
        load(base=str(directory))


def test_a_scheduler_that_predicts_the_picture_is_refused(tmp_path: Path) -> None:
    directory = write_tiny_base(tmp_path / "sample")
    file = directory / "scheduler" / "scheduler_config.json"
    file.write_text(file.read_text().replace('"epsilon"', '"sample"'))
    with pytest.raises(BaseModelError, match="predicts 'sample'"):
        load(base=str(directory))


def test_without_a_tokenizer_anywhere_the_places_to_get_one_are_told(
    tiny_base_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    configs = tmp_path / "configs"
    shutil.copytree(tiny_base_directory, configs)
    shutil.rmtree(configs / "tokenizer")
    file = write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors")
    with pytest.raises(BaseModelError, match="holds no tokenizer"):
        load(base=str(file), config=str(configs))


def test_the_unet_is_read_straight_to_where_it_computes(tiny_base_directory: Path) -> None:
    """The meta device stands for a GPU."""
    parts = load_directory(tiny_base_directory, None, torch.float32, torch.device("meta"))
    devices = {name: part.device.type for name, part in parts.items() if isinstance(part, torch.nn.Module)}
    assert devices == {"unet": "meta", "text_encoder": "cpu", "vae": "cpu"}
