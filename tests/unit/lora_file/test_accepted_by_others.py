"""What other tools accept, said in our own words, against every key that a full LoRA of each family has.

The lists are those that `test_targets_of_real_models` finds loratui to export. The tools' own readers placed each of
these files entirely and in the right layers: A1111 (extensions-builtin/Lora, 2024-02), Forge (backend/patcher/lora,
2025-06), ComfyUI (comfy/lora, 2025-10) and diffusers 0.42 (`load_lora_weights`).
"""

import re
from collections import defaultdict

import pytest

from loratui.lora_file.naming import BaseFamily
from loratui.lora_file.original_layout import Blocks, original_path
from tests.unit.lora_file.test_targets_of_real_models import golden, golden_of

FAMILIES: tuple[BaseFamily, ...] = ("sd1", "sd2", "sdxl")
SD1_BLOCKS = Blocks(plain_up_blocks=frozenset({0}))

ATTENTION = r"(proj_in|proj_out|transformer_blocks_\d_(attn[12]_to_(q|k|v|out_0)|ff_net_(0_proj|2)))"
# Block names of diffusers, as ComfyUI and Forge list them for every family; A1111 only for those with SD 1's four
# levels of three places each.
DIFFUSERS_BLOCKS = (
    rf"lora_unet_((down|up)_blocks_\d|mid_block)_attentions_\d_{ATTENTION}",
    r"lora_unet_((down|up)_blocks_\d|mid_block)_resnets_\d_(conv1|conv2|time_emb_proj|conv_shortcut)",
    r"lora_unet_(down_blocks_\d_downsamplers|up_blocks_\d_upsamplers)_0_conv",
)
# The original layout's names, which A1111, ComfyUI and Forge look up as they are, and diffusers translates.
ORIGINAL_BLOCKS = (
    rf"lora_unet_((input|output)_blocks_\d|middle_block)_1_{ATTENTION}",
    r"lora_unet_((input|output)_blocks_\d_0|middle_block_[02])_(in_layers_2|emb_layers_1|out_layers_3|skip_connection)",
    r"lora_unet_(input_blocks_[36]_0_op|output_blocks_[25]_2_conv)",
)
# ComfyUI and Forge look for these six in each of 32 layers at most, with `text_model` in the name.
IN_TEXT = r"_text_model_encoder_layers_(\d|[12]\d|3[01])_(mlp_fc[12]|self_attn_(q|k|v|out)_proj)"
ACCEPTED = {
    "sd1": (*DIFFUSERS_BLOCKS, f"lora_te{IN_TEXT}"),
    "sd2": (*DIFFUSERS_BLOCKS, f"lora_te{IN_TEXT}"),
    "sdxl": (*ORIGINAL_BLOCKS, f"lora_te1{IN_TEXT}", f"lora_te2{IN_TEXT}"),
}


def keys(family: BaseFamily, *, conv: bool) -> list[str]:
    lines = golden(conv=conv) if family == "sd1" else golden_of(family, conv=conv)
    return sorted(line.split()[0] for line in lines)


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_key_has_a_form_that_a1111_forge_and_comfyui_look_up(family: BaseFamily, conv: bool) -> None:
    pattern = re.compile("|".join(ACCEPTED[family]))
    assert [key for key in keys(family, conv=conv) if not pattern.fullmatch(key)] == []


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_a1111_counts_block_names_of_diffusers_to_where_they_are(family: BaseFamily) -> None:
    """It reckons with two resnets a down block, three an up block, and no attention in the first up block."""
    for key in keys(family, conv=True):
        found = re.fullmatch(
            r"lora_unet_(down|up)_blocks_(\d)_(attentions|resnets|downsamplers|upsamplers)_(\d)_(.+)", key
        )
        if not found:
            continue
        block, kind, number = int(found[2]), found[3], int(found[4])
        if kind == "downsamplers":
            place = f"input_blocks.{3 + 3 * block}.0"
        elif kind == "upsamplers":
            place = f"output_blocks.{2 + 3 * block}.{2 if block else 1}"
        else:
            name, first = ("input", 1) if found[1] == "down" else ("output", 0)
            place = f"{name}_blocks.{first + 3 * block + number}.{int(kind == 'attentions')}"
        path = f"{found[1]}_blocks.{block}.{kind}.{number}.{found[5]}"
        assert original_path(path, SD1_BLOCKS).startswith(f"{place}.")


@pytest.mark.parametrize("family", FAMILIES)
def test_a1111_adds_to_an_openclip_attention_only_if_all_four_projections_are_there(family: BaseFamily) -> None:
    projections = defaultdict(set)
    for key in keys(family, conv=False):
        if found := re.fullmatch(r"(lora_te.*_self_attn)_(q|k|v|out)_proj", key):
            projections[found[1]].add(found[2])
    assert len(projections) == {"sd1": 12, "sd2": 23, "sdxl": 12 + 32}[family]
    assert all(found == {"q", "k", "v", "out"} for found in projections.values())


def test_diffusers_takes_any_op_for_a_downsampler_and_any_text_for_a_text_encoder() -> None:
    for key in keys("sdxl", conv=True):
        if key.startswith("lora_unet_input_blocks_"):
            assert ("op" in key) == key.endswith("_op")
        assert ("text" in key) == key.startswith("lora_te")


@pytest.mark.parametrize("family", FAMILIES)
def test_no_file_mixes_the_two_namings_of_blocks_of_which_diffusers_would_drop_one(family: BaseFamily) -> None:
    unet = [key for key in keys(family, conv=True) if key.startswith("lora_unet_")]
    kinds = {bool(re.search(r"(put_blocks|middle_block)_", key)) for key in unet}
    assert kinds == {family == "sdxl"}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_dot_ends_the_name_of_a_module(family: BaseFamily) -> None:
    """A1111 splits a tensor's name at its first dot; two modules of one name would be one to it."""
    names = keys(family, conv=True)
    assert not any("." in name for name in names)
    assert len(set(names)) == len(names)
