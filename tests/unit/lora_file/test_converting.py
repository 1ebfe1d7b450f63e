"""LoRA files from one layout to another and back, and what diffusers itself makes of them on tiny bases."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_loading import attach_lora
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.lora_file.converting import convert_lora
from loratui.lora_file.header import read_header
from loratui.lora_file.merging import merge_loras, read_ingredient
from loratui.lora_file.modules import read_lora
from loratui.profile.schema import Model, Network
from tests.same_file import assert_same_file
from tests.tiny_base import write_tiny_base, write_tiny_sd2, write_tiny_xl


def write_xl_of_three_levels(directory: Path) -> Path:
    """A tiny SDXL whose UNet is divided as the true one is, so that its modules have the true places."""
    write_tiny_xl(directory)
    usual = UNet2DConditionModel.load_config(directory / "unet")
    different = {
        "block_out_channels": (8, 16, 16),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 2,
        "transformer_layers_per_block": (1, 2, 3),
    }
    torch.manual_seed(0)
    UNet2DConditionModel.from_config({**usual, **different}).save_pretrained(directory / "unet")
    return directory


WRITERS = {"sd1": write_tiny_base, "sd2": write_tiny_sd2, "sdxl": write_xl_of_three_levels}
GOLDENS = {"sd1": "sd15_modules.txt", "sd2": "sd2_modules.txt", "sdxl": "sdxl_modules.txt"}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseModel]:
    """A tiny base of every family."""
    return {
        family: load_base(
            Model(base=str(write(tmp_path_factory.mktemp(family)))), device=torch.device("cpu"), dtype=torch.float32
        )
        for family, write in WRITERS.items()
    }


def write_mixed(base: BaseModel, path: Path, dtype: torch.dtype = torch.float32) -> Path:
    """A LoCon of all components with ranks and alphas that differ within every component, and some alphas missing."""
    generator = torch.Generator().manual_seed(3)
    tensors: dict[str, torch.Tensor] = {}
    for part, (rank, alpha) in enumerate([(4, 1.0), (2, 3.0), (3, 3.0)]):
        components = dict(base.components)
        settings = Network(rank=rank, alpha=alpha, conv_rank=2, conv_alpha=1.5)
        layers = trained_layers(components, settings, base.family)
        network = LoraNetwork(components, layers[part::3], seed=part, device=torch.device("cpu"), dtype=torch.float32)
        for name, value in network.state_dict().items():
            filled = torch.randn(value.shape, generator=generator) * 0.1 if "lora_up" in name else value
            tensors[name] = filled.to(dtype)
        network.detach()
    without = sorted(name for name in tensors if name.endswith(".alpha"))[::7]
    tensors = {name: value for name, value in tensors.items() if name not in without}
    save_file(tensors, path, {"ss_output_name": "mixed", "ss_network_dim": "4", "ss_tag_frequency": '{"a": {"b": 1}}'})
    return path


def outputs(base: BaseModel) -> list[torch.Tensor]:
    """What every component makes of the same input."""
    ids = torch.tensor([[512, *range(30), 513, *[513] * 45]])
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        texts = [
            encoder(ids, output_hidden_states=True).hidden_states[-1]
            for component, encoder in base.components.items()
            if component != "unet"
        ]
        added = {"text_embeds": torch.ones(1, 16), "time_ids": torch.ones(1, 6)} if len(texts) > 1 else None
        return [*texts, base.unet(latents, 300, torch.cat(texts, dim=-1), added_cond_kwargs=added).sample]


def through_diffusers(base: BaseModel, file: Path) -> list[torch.Tensor]:
    """The same through diffusers' and peft's own loader."""
    text = base.components
    tokenizer = base.texts[0].tokenizer
    if base.family == "sdxl":
        pipeline: Any = StableDiffusionXLPipeline(
            base.vae,
            text["text_encoder"],
            text["text_encoder_2"],
            tokenizer,
            tokenizer,
            base.unet,
            DDIMScheduler(),
            add_watermarker=False,
        )
    else:
        pipeline = StableDiffusionPipeline(
            base.vae,
            text["text_encoder"],
            tokenizer,
            base.unet,
            DDIMScheduler(),
            None,
            None,
            requires_safety_checker=False,
        )
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="other")
    try:
        return outputs(base)
    finally:
        pipeline.unload_lora_weights()


def through_us(base: BaseModel, file: Path) -> list[torch.Tensor]:
    with attach_lora(base, file):
        return outputs(base)


@pytest.mark.parametrize("family", WRITERS)
def test_diffusers_makes_of_the_converted_file_what_we_make_of_the_original(
    bases: dict[str, BaseModel], tmp_path: Path, family: str
) -> None:
    base = bases[family]
    original = write_mixed(base, tmp_path / "mixed.safetensors")
    converted = convert_lora(original, "diffusers")
    bare, ours = outputs(base), through_us(base, original)
    assert converted.path == tmp_path / "mixed-diffusers.safetensors"
    # Tiny widths are nobody's; only SDXL's text encoders are numbered.
    assert converted.family == ("sdxl" if family == "sdxl" else "unknown")
    for found in (through_us(base, converted.path), through_diffusers(base, converted.path)):
        for part, expected, without in zip(found, ours, bare, strict=True):
            torch.testing.assert_close(part, expected, rtol=1e-5, atol=1e-6)
            assert not torch.allclose(part, without, atol=1e-3)


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_diffusers_makes_of_a_merged_file_what_we_make_of_its_parts(
    bases: dict[str, BaseModel], tmp_path: Path, family: str
) -> None:
    base = bases[family]
    first = write_mixed(base, tmp_path / "first.safetensors")
    # The other one lacks every second module, so that ranks differ in the sum.
    tensors = load_file(write_mixed(base, tmp_path / "whole.safetensors"))
    modules = sorted({name.partition(".")[0] for name in tensors})[::2]
    second = tmp_path / "second.safetensors"
    save_file({name: value for name, value in tensors.items() if name.partition(".")[0] in modules}, second)
    weighed = [read_ingredient(f"{first}:0.7"), read_ingredient(f"{second}:-0.4:0.5")]
    merged = merge_loras(weighed, tmp_path / "sum").path
    with attach_lora(base, first) as one, attach_lora(base, second) as other:
        one.set_strength(0.7)
        other.set_strength(0.5, -0.4)
        expected = outputs(base)
    for found in (through_us(base, merged), through_diffusers(base, merged)):
        for part, wanted in zip(found, expected, strict=True):
            torch.testing.assert_close(part, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("family", WRITERS)
def test_to_diffusers_and_back_gives_the_same_file(
    bases: dict[str, BaseModel], tmp_path: Path, family: str, dtype: torch.dtype
) -> None:
    base = bases[family]
    original = write_mixed(base, tmp_path / "mixed.safetensors", dtype)
    there = convert_lora(original, "diffusers").path
    back = convert_lora(there, "kohya").path
    assert_same_file(original, back)


def real_shapes(family: str, rank: int = 2) -> dict[str, np.ndarray[Any, Any]]:
    """Every module of a full file of a family, with values that tell one from another."""
    tensors = {}
    number = 0
    for line in Path(__file__).with_name(GOLDENS[family]).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        key, down, up, *rest = line.removesuffix(" conv").split()
        first, _, last = rest[0].partition("-") if rest else ("0", "", "0")
        for index in range(int(first), int(last) + 1):
            name = key.replace("*", str(index))
            number += 1
            for part, shape in (("down", down), ("up", up)):
                sides = [rank if side in "rc" else int(side) for side in shape.split(",")]
                # One row is enough to tell them, and 1,052 modules stay quick.
                values = np.zeros(sides, np.float16)
                values.reshape(-1)[0] = number if part == "down" else -number
                tensors[f"{name}.lora_{part}.weight"] = values
            tensors[f"{name}.alpha"] = np.array(1.0 + number % 3, np.float16)
    return tensors


@pytest.mark.parametrize("family", GOLDENS)
def test_every_module_of_a_full_file_of_real_shapes_comes_back(tmp_path: Path, family: str) -> None:
    from safetensors.numpy import save_file as save_arrays

    original = tmp_path / "full.safetensors"
    save_arrays(real_shapes(family), original, {"ss_output_name": "full"})
    there = convert_lora(original, "diffusers")
    assert there.family == family
    header = read_header(there.path)
    assert all(name.endswith((".lora_A.weight", ".lora_B.weight")) for name in header.tensors)
    if family == "sdxl":
        name = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight"
        assert header.tensors[name].shape == (2, 2048)
        assert "text_encoder_2.text_model.encoder.layers.31.mlp.fc2.lora_B.weight" in header.tensors
    assert_same_file(original, convert_lora(there.path, "kohya").path)


def test_the_header_tells_every_alpha_as_peft_wants_it(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    original = write_mixed(bases["sd1"], tmp_path / "mixed.safetensors")
    there = convert_lora(original, "diffusers").path
    before = {(module.component, module.spelling): module for module in read_lora(original).modules}
    after = {(module.component, module.spelling): module for module in read_lora(there).modules}
    assert before.keys() == after.keys()
    assert {place: module.scale for place, module in before.items()} == {
        place: module.scale for place, module in after.items()
    }
    metadata = read_header(there).metadata
    settings = json.loads(metadata["lora_adapter_metadata"])
    assert metadata["ss_output_name"] == "mixed"
    assert set(settings["unet.rank_pattern"]) < set(settings["unet.target_modules"])
    assert "encoder.layers.0.mlp.fc1" in settings["text_encoder.target_modules"]


def test_a_file_that_diffusers_wrote_becomes_kohyas(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    base = bases["sd1"]
    trained = base.unet.__class__.from_pretrained(str(base.source), subfolder="unet")
    trained.add_adapter(LoraConfig(r=4, lora_alpha=3, target_modules=["to_q", "to_v"]), "trained")
    with torch.no_grad():
        for name, value in trained.named_parameters():
            if "lora_B" in name:
                value.normal_(0, 0.1, generator=torch.Generator().manual_seed(5))
    StableDiffusionPipeline.save_lora_weights(
        tmp_path,
        unet_lora_layers=get_peft_model_state_dict(trained, adapter_name="trained"),
        weight_name="theirs.safetensors",
        unet_lora_adapter_metadata=trained.peft_config["trained"].to_dict(),
    )
    expected = outputs(replace(base, unet=trained))
    there = convert_lora(tmp_path / "theirs.safetensors", "kohya", tmp_path / "ours").path
    for found in (through_us(base, there), through_diffusers(base, there)):
        for part, wanted in zip(found, expected, strict=True):
            torch.testing.assert_close(part, wanted, rtol=1e-5, atol=1e-6)
    header = read_header(there)
    assert there.name == "ours.safetensors"
    assert header.metadata["ss_network_alpha"] == "3.0"
    assert header.metadata["sshs_model_hash"]
    assert "lora_adapter_metadata" not in header.metadata
    assert float(load_file(there)["lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.alpha"]) == 3.0


def test_a_text_encoder_without_attention_is_told_as_what_diffusers_refuses(
    bases: dict[str, BaseModel], craft: Any, tmp_path: Path
) -> None:
    file = tmp_path / "mlp.safetensors"
    file.write_bytes(craft.file_of(craft.lora_of("lora_te_text_model_encoder_layers_0_mlp_fc1", rank=2, width=32)))
    converted = convert_lora(file, "diffusers")
    assert "diffusers itself refuses it" in converted.remarks[0]
    with pytest.raises(ValueError, match="infer state dict type"):
        through_diffusers(bases["sd1"], converted.path)
