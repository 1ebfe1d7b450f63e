import json
import struct
from pathlib import Path
from typing import Any

import pytest

from loratui.errors import LoraFileError
from loratui.lora_file.header import file_sha256, model_hash
from loratui.lora_file.inspect import summarise

UNET = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
OTHER = "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_2"
TEXT = "lora_te_text_model_encoder_layers_0_mlp_fc1"


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "emi.safetensors"


def test_a_lora_is_summed_up(path: Path, craft: Any) -> None:
    metadata = {
        "ss_output_name": "emi",
        "ss_sd_model_name": "anime.safetensors",
        "ss_base_model_version": "sd_v1",
        "ss_tag_frequency": json.dumps({"5_emi": {"emi": 3, "glasses": 2, "odd": "x"}, "bad": 7}),
        "modelspec.trigger_phrase": "Emi, cute girl",
    }
    tensors = craft.lora_of(UNET, OTHER) | craft.lora_of(TEXT, rank=8)
    summary = summarise(written(path, craft.file_of(tensors, metadata)))

    assert summary.counts == {"unet": 2, "text_encoder": 1}
    assert summary.ranks == {4: 2, 8: 1}
    assert summary.alphas == {2.0: 3}
    assert [module.scale for module in summary.modules] == [0.5, 0.5, 0.25]
    assert (summary.name, summary.base, summary.family, summary.dtypes) == ("emi", "anime.safetensors", "sd1", ("F16",))
    assert summary.trigger_words == ("Emi", "cute girl")
    assert summary.tag_frequency == {"5_emi": {"emi": 3, "glasses": 2}}
    assert (summary.model_hash, summary.sha256) == (model_hash(path), file_sha256(path))
    assert summary.size == path.stat().st_size
    assert not summary.has_conv
    assert summary.problems == ()


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        ("F16", struct.pack("<e", 1.5)),
        ("BF16", struct.pack("<f", 1.5)[2:]),
        ("F32", struct.pack("<f", 1.5)),
        ("F64", struct.pack("<d", 1.5)),
    ],
)
def test_alpha_is_read_in_every_precision(path: Path, craft: Any, dtype: str, data: bytes) -> None:
    summary = summarise(written(path, craft.file_of(craft.lora_of(UNET, OTHER, alpha=(dtype, data)))))
    assert summary.alphas == {1.5: 2}


def test_a_missing_alpha_means_a_scale_of_one(path: Path, craft: Any) -> None:
    summary = summarise(written(path, craft.file_of(craft.lora_of(UNET, alpha=None))))
    assert summary.alphas == {None: 1}
    assert summary.modules[0].scale == 1.0
    assert summary.problems == ()


def test_an_alpha_that_is_no_number_is_a_problem(path: Path, craft: Any) -> None:
    infinite = ("F16", struct.pack("<e", float("inf")))
    assert "alpha" in summarise(written(path, craft.file_of(craft.lora_of(UNET, alpha=infinite)))).problems[0]


def test_convolutions_are_seen(path: Path, craft: Any) -> None:
    key = "lora_unet_mid_block_resnets_0_conv1"
    tensors = {
        f"{key}.lora_down.weight": ("U8", [2, 5, 3, 3], bytes(90)),
        f"{key}.lora_up.weight": ("U8", [5, 2, 1, 1], bytes(10)),
    }
    summary = summarise(written(path, craft.file_of(tensors)))
    assert summary.has_conv
    assert summary.modules[0].kernel == (3, 3)


@pytest.mark.parametrize(
    ("width", "metadata", "family"),
    [
        (768, {}, "sd1"),
        (1024, {"ss_base_model_version": "sd_v1"}, "sd2"),
        (2048, {}, "sdxl"),
        (128, {"ss_base_model_version": "sd_v1"}, "sd1"),
        (128, {"modelspec.architecture": "stable-diffusion-v2-512/lora"}, "sd2"),
        (128, {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "sdxl"),
        (128, {}, "unknown"),
    ],
)
def test_the_family_is_told_by_shape_and_else_by_metadata(
    path: Path, craft: Any, width: int, metadata: dict[str, str], family: str
) -> None:
    assert summarise(written(path, craft.file_of(craft.lora_of(UNET, width=width), metadata))).family == family


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"a": {"b": -1}}'])
def test_tag_frequencies_of_a_wrong_form_count_as_absent(path: Path, craft: Any, text: str) -> None:
    summary = summarise(written(path, craft.file_of(craft.lora_of(UNET), {"ss_tag_frequency": text})))
    assert not any(summary.tag_frequency.values())


def test_what_tools_stumble_over_is_told(path: Path, craft: Any) -> None:
    tensors = craft.lora_of(UNET) | {
        "text_embedding": ("U8", [1], b"a"),
        f"{TEXT}.lora_down.weight": ("U8", [1, 2], b"ab"),
    }
    summary = summarise(written(path, craft.file_of(tensors)))
    first, second = summary.problems
    assert "lacks a half" in first
    assert "no LoRA, such as text_embedding" in second
    assert "half" in summary.refusal


def test_files_of_diffusers_are_summed_up_too(path: Path, craft: Any) -> None:
    key = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    tensors = {
        f"{key}.lora_A.weight": ("U8", [4, 1024], bytes(4096)),
        f"{key}.lora_B.weight": ("U8", [8, 4], bytes(32)),
    }
    metadata = {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 2})}
    summary = summarise(written(path, craft.file_of(tensors, metadata)))
    assert (summary.kind, summary.layout, summary.family) == ("LoRA", "diffusers", "sd2")
    assert (summary.ranks, summary.alphas, summary.counts) == ({4: 1}, {2.0: 1}, {"unet": 1})
    assert (summary.problems, summary.refusal) == ((), "")


def test_a_kind_that_is_not_applied_is_named_and_its_metadata_still_told(path: Path, craft: Any) -> None:
    tensors = {"lora_unet_mid_block.hada_w1_a": ("U8", [1], b"a"), "lora_unet_mid_block.alpha": ("U8", [1], b"a")}
    summary = summarise(written(path, craft.file_of(tensors, {"ss_sd_model_name": "anime"})))
    assert (summary.kind, summary.modules, summary.base) == ("LoHa (LyCORIS)", (), "anime")
    assert "LoHa" in summary.refusal
    assert summary.problems == ("It is a LoHa (LyCORIS), which loratui does not apply, convert or merge.",)


@pytest.mark.parametrize(
    ("keys", "width", "family"),
    [
        (["lora_te2_text_model_encoder_layers_0_mlp_fc1"], 1280, "sdxl"),
        (["lora_te1_text_model_encoder_layers_0_mlp_fc1"], 768, "sdxl"),
        (["lora_te_text_model_encoder_layers_0_self_attn_q_proj"], 768, "sd1"),
        (["lora_te_text_model_encoder_layers_0_self_attn_q_proj"], 1024, "sd2"),
        (["lora_unet_input_blocks_7_1_transformer_blocks_1_attn1_to_q"], 1280, "sdxl"),
        (["lora_unet_down_blocks_0_attentions_0_proj_in"], 320, "unknown"),
    ],
)
def test_parts_of_a_model_tell_the_family_too(path: Path, craft: Any, keys: list[str], width: int, family: str) -> None:
    assert summarise(written(path, craft.file_of(craft.lora_of(*keys, width=width)))).family == family


CLIP_L = "text_model_encoder_layers_0_self_attn_q_proj"


@pytest.mark.parametrize(
    ("key", "metadata", "family"),
    [
        (f"lora_te_{CLIP_L}", {"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        (f"text_encoder.{CLIP_L}", {"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        (f"text_encoder.{CLIP_L}", {"ss_base_model_version": "sd_v1"}, "sd1"),
        (f"text_encoder.{CLIP_L}", {"loratui_kohya": '{"family": "sdxl"}'}, "sdxl"),
        (f"text_encoder.{CLIP_L}", {"loratui_kohya": '{"family": "sd1"}'}, "sd1"),
        (f"text_encoder.{CLIP_L}", {}, "unknown"),
    ],
)
def test_the_text_encoder_of_sd_1_and_sdxl_contradicts_neither(
    path: Path, craft: Any, key: str, metadata: dict[str, str], family: str
) -> None:
    summary = summarise(written(path, craft.file_of(craft.lora_of(key, width=768), metadata)))
    assert (summary.family, summary.problems) == (family, ())


@pytest.mark.parametrize(
    ("key", "width", "version", "family"),
    [
        (f"text_encoder.{CLIP_L}", 768, "sd_v2", "unknown"),
        (f"lora_te_{CLIP_L}", 768, "sd_v2", "sd1"),
        (f"lora_te1_{CLIP_L}", 768, "sd_v1", "sdxl"),
        (f"text_encoder.{CLIP_L}", 1024, "sdxl_base_v1-0", "sd2"),
    ],
)
def test_a_text_encoder_that_is_not_of_the_claimed_family_is_told(
    path: Path, craft: Any, key: str, width: int, version: str, family: str
) -> None:
    metadata = {"ss_base_model_version": version}
    summary = summarise(written(path, craft.file_of(craft.lora_of(key, width=width), metadata)))
    assert summary.family == family
    assert "the shapes decide" in summary.problems[0]


def test_metadata_that_contradicts_the_shapes_is_told(path: Path, craft: Any) -> None:
    metadata = {"ss_base_model_version": "sdxl_base_v1-0"}
    summary = summarise(written(path, craft.file_of(craft.lora_of(UNET, width=768), metadata)))
    assert summary.family == "sd1"
    assert "Stable Diffusion XL" in summary.problems[0]
    assert "1.x" in summary.problems[0]


def test_v_prediction_is_told(path: Path, craft: Any) -> None:
    metadata = {"modelspec.prediction_type": "v"}
    assert summarise(written(path, craft.file_of(craft.lora_of(UNET), metadata))).prediction == "v_prediction"


def test_all_hashes_are_those_that_the_writer_recorded(path: Path) -> None:
    np = pytest.importorskip("numpy")
    from safetensors.numpy import save

    from loratui.lora_file.metadata import with_hashes

    tensors = {
        f"{UNET}.lora_down.weight": np.arange(4 * 300_000, dtype=np.float32).reshape(4, -1),
        f"{UNET}.lora_up.weight": np.ones((8, 4), np.float32),
    }
    metadata = {"ss_output_name": 'emi "é" \n\t 絵', "modelspec.title": "left out of the window"}
    complete = with_hashes(metadata, lambda chosen: save(tensors, chosen))
    hashes = summarise(written(path, save(tensors, complete))).hashes
    assert hashes.legacy == hashes.recorded_legacy == complete["sshs_legacy_hash"]
    assert hashes.model == complete["sshs_model_hash"]
    assert hashes.short == complete["sshs_model_hash"][:12]
    assert hashes.auto_v2 == file_sha256(path)[:10].upper()


def test_a_dora_is_told(path: Path, craft: Any) -> None:
    tensors = craft.lora_of(UNET) | {f"{UNET}.dora_scale": ("U8", [1], b"a")}
    assert "DoRA" in summarise(written(path, craft.file_of(tensors))).problems[0]


def test_changed_weights_are_told(path: Path, craft: Any) -> None:
    content = craft.file_of(craft.lora_of(UNET))
    recorded = {"sshs_model_hash": model_hash(written(path, content))}
    content = craft.file_of(craft.lora_of(UNET), recorded)
    assert summarise(written(path, content)).problems == ()
    assert "hash" in summarise(written(path, content[:-1] + b"x")).problems[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.diffusion_model.input_blocks.0.0.weight", "checkpoint"),
        ("emb_params", "embedding"),
        ("something", "other names"),
    ],
)
def test_a_file_without_a_lora_is_refused_by_its_kind(path: Path, craft: Any, name: str, kind: str) -> None:
    written(path, craft.file_of({name: ("U8", [1], b"a")}))
    with pytest.raises(LoraFileError, match=kind):
        summarise(path)


def test_a_broken_file_is_refused(path: Path) -> None:
    with pytest.raises(LoraFileError, match="is empty"):
        summarise(written(path, b""))
