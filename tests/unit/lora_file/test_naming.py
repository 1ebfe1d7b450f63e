from pathlib import Path

import pytest

from loratui.errors import LoraFileError
from loratui.lora_file.naming import Module, epoch_filename, kohya_key, last_filename, lora_targets, next_free, versions

TEXT_KEY = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"


@pytest.mark.parametrize("path", ["text_model.encoder.layers.0.self_attn.q_proj", "encoder.layers.0.self_attn.q_proj"])
def test_nested_and_flattened_text_encoders_get_the_same_key(path: str) -> None:
    assert kohya_key("text_encoder", path) == TEXT_KEY


def test_unet_key_is_the_path_with_underscores() -> None:
    path = "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0"
    assert kohya_key("unet", path) == "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_out_0"


def test_sdxl_is_named_in_the_original_layout_and_numbers_its_text_encoders() -> None:
    path = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    assert kohya_key("unet", path, "sdxl") == "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
    layer = "encoder.layers.0.self_attn.q_proj"
    assert kohya_key("text_encoder", layer, "sdxl") == TEXT_KEY.replace("lora_te_", "lora_te1_")
    for path in (layer, f"text_model.{layer}"):
        assert kohya_key("text_encoder_2", path, "sdxl") == TEXT_KEY.replace("lora_te_", "lora_te2_")
    assert kohya_key("text_encoder_2", "text_projection", "sdxl") == "lora_te2_text_projection"


def test_small_models_of_sdxls_kind_are_numbered_by_their_own_blocks() -> None:
    modules = [
        Module("down_blocks.0.resnets.0", "ResnetBlock2D"),
        Module("down_blocks.0.resnets.0.conv1", "Conv2d", (3, 3)),
        Module("down_blocks.0.downsamplers.0", "Downsample2D"),
        Module("down_blocks.0.downsamplers.0.conv", "Conv2d", (3, 3)),
        Module("down_blocks.1.attentions.0", "Transformer2DModel"),
        Module("down_blocks.1.attentions.0.proj_in", "Linear"),
    ]
    assert [target.key for target in lora_targets("unet", modules, conv=True, family="sdxl")] == [
        "lora_unet_input_blocks_1_0_in_layers_2",
        "lora_unet_input_blocks_2_0_op",
        "lora_unet_input_blocks_3_1_proj_in",
    ]


UNET = [
    Module("", "UNet2DConditionModel"),
    Module("conv_in", "Conv2d", (3, 3)),
    Module("time_embedding.linear_1", "Linear"),
    Module("mid.attentions.0", "Transformer2DModel"),
    Module("mid.attentions.0.norm", "GroupNorm"),
    Module("mid.attentions.0.proj_in", "Conv2d", (1, 1)),
    Module("mid.attentions.0.blocks.0.attn1.to_q", "Linear"),
    Module("mid.resnets.0", "ResnetBlock2D"),
    Module("mid.resnets.0.conv1", "Conv2d", (3, 3)),
    Module("mid.resnets.0.time_emb_proj", "Linear"),
    Module("mid.resnets.0.conv_shortcut", "Conv2d", (1, 1)),
    Module("mid.resnets.01.conv1", "Conv2d", (3, 3)),
]


def test_without_conv_only_transformers_are_trained() -> None:
    found = [target.path for target in lora_targets("unet", UNET)]
    assert found == ["mid.attentions.0.proj_in", "mid.attentions.0.blocks.0.attn1.to_q"]


def test_with_conv_the_resnets_join_and_large_kernels_take_the_conv_rank() -> None:
    found = {target.path: target.uses_conv_rank for target in lora_targets("unet", iter(UNET), conv=True)}
    assert found == {
        "mid.attentions.0.proj_in": False,
        "mid.attentions.0.blocks.0.attn1.to_q": False,
        "mid.resnets.0.conv1": True,
        "mid.resnets.0.time_emb_proj": False,
        "mid.resnets.0.conv_shortcut": False,
    }


def test_file_names_are_kohyas() -> None:
    assert epoch_filename("emi", 5) == "emi-000005.safetensors"
    assert last_filename("emi") == "emi.safetensors"


def test_a_version_is_counted_on() -> None:
    following = versions("emi-v2")
    assert [next(following) for _ in range(3)] == ["emi-v2", "emi-v3", "emi-v4"]


@pytest.mark.parametrize(
    "present",
    ["emi.safetensors", "emi-000005.safetensors", "EMI.safetensors", "emi-grid.png", "emi-comparison.json", "emi.png"],
)
def test_files_of_an_earlier_run_make_a_new_version(tmp_path: Path, present: str) -> None:
    (tmp_path / present).touch()
    assert next_free(tmp_path, "emi") == "emi-v2"
    assert next_free(tmp_path, "emi", force=True) == "emi"


@pytest.mark.parametrize("present", ["emily.safetensors", "emi-smile.safetensors", "emi-v2.safetensors", "notes.txt"])
def test_files_of_other_names_do_not(tmp_path: Path, present: str) -> None:
    (tmp_path / present).touch()
    assert next_free(tmp_path, "emi") == "emi"


def test_taken_versions_are_passed_over(tmp_path: Path) -> None:
    for name in ("emi.safetensors", "emi-v2-000001.safetensors"):
        (tmp_path / name).touch()
    assert next_free(tmp_path, "emi") == "emi-v3"


def test_a_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert next_free(tmp_path / "new", "emi") == "emi"


@pytest.mark.parametrize("name", ["", "../../x", "a/b", ".hidden", "a:b", "a,b", "a>b", "a\x1bb"])
def test_a_name_that_is_no_single_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LoraFileError) as caught:
        next_free(tmp_path, name)
    assert "\x1b" not in str(caught.value)


def test_an_output_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "output").touch()
    with pytest.raises(LoraFileError, match="cannot be read"):
        next_free(tmp_path / "output", "emi")
