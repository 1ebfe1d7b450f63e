from itertools import product

import pytest

from loratui.lora_file.original_layout import SDXL_BLOCKS, Blocks, blocks_of, diffusers_path, original_path

SD1_BLOCKS = Blocks(plain_up_blocks=frozenset({0}))

# As sd-scripts' conversion table and the checkpoints themselves have them.
PAIRS = [
    ("conv_in", "input_blocks.0.0"),
    ("time_embedding.linear_2", "time_embed.2"),
    ("add_embedding.linear_1", "label_emb.0.0"),
    ("conv_out", "out.2"),
    ("down_blocks.0.resnets.0.conv1", "input_blocks.1.0.in_layers.2"),
    ("down_blocks.0.resnets.1.time_emb_proj", "input_blocks.2.0.emb_layers.1"),
    ("down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"),
    ("down_blocks.1.attentions.0.proj_in", "input_blocks.4.1.proj_in"),
    (
        "down_blocks.2.attentions.1.transformer_blocks.9.attn1.to_out.0",
        "input_blocks.8.1.transformer_blocks.9.attn1.to_out.0",
    ),
    ("mid_block.resnets.0.conv2", "middle_block.0.out_layers.3"),
    ("mid_block.attentions.0.proj_out", "middle_block.1.proj_out"),
    ("mid_block.resnets.1.conv1", "middle_block.2.in_layers.2"),
    (
        "up_blocks.0.attentions.2.transformer_blocks.0.ff.net.0.proj",
        "output_blocks.2.1.transformer_blocks.0.ff.net.0.proj",
    ),
    ("up_blocks.0.upsamplers.0.conv", "output_blocks.2.2.conv"),
    ("up_blocks.2.resnets.2.conv_shortcut", "output_blocks.8.0.skip_connection"),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_a_path_of_sdxl_has_its_place_in_the_original_layout_and_back(ours: str, theirs: str) -> None:
    assert original_path(ours) == theirs
    assert diffusers_path(theirs) == ours


def test_where_an_up_block_has_no_attention_the_upsampler_moves_to_the_front() -> None:
    assert original_path("up_blocks.0.upsamplers.0.conv", SD1_BLOCKS) == "output_blocks.2.1.conv"
    assert original_path("up_blocks.1.upsamplers.0.conv", SD1_BLOCKS) == "output_blocks.5.2.conv"
    assert diffusers_path("output_blocks.2.1.conv") == "up_blocks.0.upsamplers.0.conv"


def all_paths(blocks: Blocks, depth: int) -> list[str]:
    inside = ("norm1", "conv1", "time_emb_proj", "norm2", "conv2", "conv_shortcut")
    paths = [f"mid_block.resnets.{j}.{name}" for j in (0, 1) for name in inside] + ["mid_block.attentions.0.proj_in"]
    for block, layer in product(range(depth), range(blocks.layers + 1)):
        for direction in ("down", "up"):
            if direction == "down" and layer == blocks.layers:
                paths.append(f"down_blocks.{block}.downsamplers.0.conv")
                continue
            paths += [f"{direction}_blocks.{block}.resnets.{layer}.{name}" for name in inside]
            if block not in blocks.plain_up_blocks:
                paths.append(f"{direction}_blocks.{block}.attentions.{layer}.transformer_blocks.0.attn2.to_k")
        paths.append(f"up_blocks.{block}.upsamplers.0.conv")
    return list(dict.fromkeys(paths))


@pytest.mark.parametrize("blocks", [SDXL_BLOCKS, SD1_BLOCKS, Blocks(1), Blocks(1, frozenset({0, 1})), Blocks(3)])
def test_every_division_maps_one_to_one_and_is_found_again(blocks: Blocks) -> None:
    paths = all_paths(blocks, 4)
    originals = [original_path(path, blocks) for path in paths]
    assert len(set(originals)) == len(paths)
    assert blocks_of(paths) == blocks


@pytest.mark.parametrize("blocks", [SDXL_BLOCKS, SD1_BLOCKS])
def test_every_path_of_two_layers_a_block_comes_back(blocks: Blocks) -> None:
    paths = all_paths(blocks, 4)
    assert [diffusers_path(original_path(path, blocks)) for path in paths] == paths


@pytest.mark.parametrize(
    "path",
    ["", "down_blocks", "down_blocks.x.resnets.0", "down_blocks.0.resnets", "a.b", "down_blocks.99999999.resnets.0.x"],
)
def test_what_is_no_path_of_a_unet_stays_as_it_is(path: str) -> None:
    assert original_path(path) == path
    assert diffusers_path(path) == path
