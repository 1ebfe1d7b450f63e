"""Converted files as files: hashes, shapes, families, records, and what is refused; without any base."""

import json
from pathlib import Path
from typing import Any

import pytest

from loratui.errors import LoraFileError
from loratui.lora_file.converting import convert_lora
from loratui.lora_file.header import read_header
from loratui.lora_file.inspect import summarise
from loratui.lora_file.merging import merge_loras, read_ingredient
from loratui.lora_file.modules import read_lora
from loratui.lora_file.naming import BaseFamily
from tests.same_file import assert_same_file


def test_kohyas_own_hashes_are_those_of_the_new_file(craft: Any, tmp_path: Path) -> None:
    file = tmp_path / "emi.safetensors"
    file.write_bytes(craft.file_of(craft.lora_of(KEY, rank=2), {"sshs_model_hash": "0" * 64, "ss_v2": "False"}))
    there = convert_lora(file, "diffusers").path
    summary = summarise(there)
    assert summary.metadata["sshs_model_hash"] == summary.hashes.model
    assert summary.metadata["sshs_legacy_hash"] == summary.hashes.legacy
    assert not summary.problems


KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_linear_factors_written_as_convolutions_and_back(craft: Any, tmp_path: Path, family: BaseFamily) -> None:
    tensors = craft.lora_of(KEY, "lora_unet_down_blocks_0_attentions_0_proj_in", rank=2)
    tensors = {
        name: (dtype, [*shape, 1, 1] if len(shape) == 2 else shape, data)
        for name, (dtype, shape, data) in tensors.items()
    }
    version = {"sd1": "sd_v1", "sdxl": "sdxl_base_v1-0"}[family]
    file = tmp_path / "emi.safetensors"
    file.write_bytes(craft.file_of(dict(sorted(tensors.items())), {"ss_base_model_version": version}))
    there = convert_lora(file, "diffusers").path
    header = read_header(there)
    shapes = {name.split(".")[-3]: len(info.shape) for name, info in header.tensors.items()}
    assert shapes == {"to_q": 2, "proj_in": 4 if family == "sd1" else 2}
    assert_same_file(file, convert_lora(there, "kohya").path)


def text_only(craft: Any, key: str, metadata: dict[str, str] | None = None) -> bytes:
    """A file of one layer of CLIP-L, which Stable Diffusion 1.x and XL have in common."""
    return bytes(craft.file_of(craft.lora_of(key, rank=2, width=768), metadata))


IN_TEXT = "text_model_encoder_layers_0_self_attn_q_proj"
THEIR_TEXT = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("metadata", "prefix", "family"),
    [
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "lora_te1_", "sdxl"),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "lora_te1_", "sdxl"),
        ({"ss_base_model_version": "sd_v1"}, "lora_te_", "sd1"),
        ({}, "lora_te_", "unknown"),
    ],
)
def test_the_text_encoder_that_two_families_share_is_named_by_what_the_file_says(
    craft: Any, tmp_path: Path, metadata: dict[str, str], prefix: str, family: str
) -> None:
    tensors = {
        f"{THEIR_TEXT}.lora_A.weight": ("F16", [2, 768], bytes(2 * 2 * 768)),
        f"{THEIR_TEXT}.lora_B.weight": ("F16", [768, 2], bytes(2 * 2 * 768)),
    }
    file = tmp_path / "theirs.safetensors"
    file.write_bytes(craft.file_of(tensors, metadata))
    converted = convert_lora(file, "kohya")
    assert converted.family == family
    assert {name.partition(".")[0] for name in read_header(converted.path).tensors} == {prefix + IN_TEXT}
    assert ["same text encoder" in remark for remark in converted.remarks] == ([True] if family == "unknown" else [])


@pytest.mark.parametrize(("prefix", "family"), [("lora_te1_", "sdxl"), ("lora_te_", "sd1")])
def test_a_text_encoder_alone_keeps_its_family_there_and_back(
    craft: Any, tmp_path: Path, prefix: str, family: str
) -> None:
    file = tmp_path / "emi.safetensors"
    file.write_bytes(text_only(craft, prefix + IN_TEXT))
    there = convert_lora(file, "diffusers")
    back = convert_lora(there.path, "kohya")
    assert (there.family, back.family, back.remarks) == (family, family, ())
    assert_same_file(file, back.path)
    for path in (file, there.path, back.path):
        summary = summarise(path)
        assert (summary.family, summary.problems) == (family, ())


def test_a_folder_gets_the_file_under_its_own_name(craft: Any, tmp_path: Path) -> None:
    file, folder = tmp_path / "emi.safetensors", tmp_path / "out"
    file.write_bytes(craft.file_of(craft.lora_of(KEY, rank=2)))
    folder.mkdir()
    assert convert_lora(file, "diffusers", folder).path == folder / "emi.safetensors"
    assert convert_lora(file, "diffusers", folder).path == folder / "emi-v2.safetensors"
    assert convert_lora(file, "diffusers", tmp_path).path == tmp_path / "emi-diffusers.safetensors"


def test_the_source_is_never_replaced(craft: Any, tmp_path: Path) -> None:
    file = tmp_path / "emi.safetensors"
    content = craft.file_of(craft.lora_of(KEY, rank=2))
    file.write_bytes(content)
    with pytest.raises(LoraFileError, match="is one of the files that are read"):
        convert_lora(file, "diffusers", file, force=True)
    assert file.read_bytes() == content


def test_an_existing_file_stays_unless_forced(craft: Any, tmp_path: Path) -> None:
    file = tmp_path / "emi.safetensors"
    file.write_bytes(craft.file_of(craft.lora_of(KEY, rank=2)))
    first = convert_lora(file, "diffusers").path
    content = first.read_bytes()
    second = convert_lora(file, "diffusers").path
    assert (second.name, first.read_bytes()) == ("emi-diffusers-v2.safetensors", content)
    first.write_bytes(b"")
    assert convert_lora(file, "diffusers", force=True).path == first
    assert first.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "emi-diffusers-v2.safetensors",
        "emi-diffusers.safetensors",
        "emi.safetensors",
    ]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("lora_unet_down_blocks_0_strange_0_to_q", "is no layer"),
        ("lora_unet_to_q", "is no layer"),
        ("lora_unet_down_blocks_0_attentions_0_to_q_", "is no layer"),
        ("lora_te_text_model_encoder_layers_٣_mlp_fc1", "is no layer"),
        ("lora_unet_..__etc_passwd", "is no layer"),
    ],
)
def test_what_has_no_place_in_a_base_is_named(craft: Any, tmp_path: Path, key: str, said: str) -> None:
    file = tmp_path / "odd.safetensors"
    file.write_bytes(craft.file_of(craft.lora_of(KEY, key, rank=2)))
    with pytest.raises(LoraFileError, match=said):
        convert_lora(file, "diffusers")
    assert [path.name for path in tmp_path.iterdir()] == ["odd.safetensors"]


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"x.hada_w1_a": ("F16", [1], b"ab")}, "LoHa"),
        ({f"{KEY}.lora_down.weight": ("F16", [1, 2], b"\x00\x7e\0\0")}, "no numbers"),
        ({f"{KEY}.lora_down.weight": ("F16", [1, 2], b"\x00\x7c\0\0")}, "no numbers"),
        ({f"{KEY}.lora_down.weight": ("BF16", [1, 2], b"\x80\x7f\0\0")}, "no numbers"),
        ({f"{KEY}.lora_down.weight": ("I8", [1, 2], b"\0\0")}, "type I8"),
        ({f"{KEY}.lora_down.weight": ("F8_E4M3", [1, 2], b"\0\0")}, "type F8_E4M3"),
        ({f"{KEY}.lora_down.weight": ("F16", [1, 0], b"")}, "is empty"),
        ({f"{KEY}.alpha": ("F16", [], b"\x00\x7e")}, "not one finite number"),
    ],
)
def test_what_cannot_be_converted_is_said_and_leaves_no_file(
    craft: Any, tmp_path: Path, tensors: dict[str, Any], said: str
) -> None:
    whole = {
        f"{KEY}.lora_down.weight": ("F16", [1, 2], bytes(4)),
        f"{KEY}.lora_up.weight": ("F16", [2, 1], bytes(4)),
        **tensors,
    }
    file = tmp_path / "bad.safetensors"
    file.write_bytes(craft.file_of(whole))
    with pytest.raises(LoraFileError, match=said):
        convert_lora(file, "diffusers")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.safetensors"]


RULE = KEY
HOSTILE_RECORDS = [
    "[]",
    "{",
    '{"family": "sd1", "alpha": ["F16", [2]]}',
    '{"family": "sd1", "alpha": ["BOOL", []]}',
    '{"family": ["sd1"], "alpha": {"a": 1}, "names": 7, "alphas": [], "shapes": null}',
    json.dumps({"names": {RULE: "../../evil"}}),
    json.dumps({"names": {RULE: "lora_unet_mid_block_attentions_0_proj_in"}}),
    json.dumps({"names": {RULE: 5}, "alpha": ["F16", []], "shapes": {RULE: [[4, 1], [1, 4]]}}),
    json.dumps({"alpha": ["F16", []], "shapes": {RULE: [[2**40, 2**40], [-1]]}}),
]


@pytest.mark.parametrize("record", HOSTILE_RECORDS)
def test_a_hostile_record_changes_no_meaning(craft: Any, tmp_path: Path, record: str) -> None:
    file = tmp_path / "emi.safetensors"
    file.write_bytes(craft.file_of(craft.lora_of(KEY, rank=2)))
    there = convert_lora(file, "diffusers").path
    header, content = read_header(there), there.read_bytes()
    tensors = {
        name: (info.dtype, list(info.shape), content[info.start : info.stop]) for name, info in header.tensors.items()
    }
    there.write_bytes(craft.file_of(tensors, {**header.metadata, "loratui_kohya": record}))
    back = read_lora(convert_lora(there, "kohya").path)
    assert [(module.key, module.rank, module.scale) for module in back.modules] == [(KEY, 2, 1.0)]


def test_embeddings_that_came_along_are_left_out_and_told(craft: Any, tmp_path: Path) -> None:
    file = tmp_path / "emi.safetensors"
    bundle = {"bundle_emb.emi.string_to_param.*": ("F16", [1, 2], bytes(4))}
    file.write_bytes(craft.file_of({**craft.lora_of(KEY, rank=2), **bundle}))
    converted = convert_lora(file, "diffusers")
    assert "1 tensor of textual inversion" in converted.remarks[0]
    assert len(read_header(converted.path).tensors) == 2
    merged = merge_loras([read_ingredient(f"{file}:0.5")], tmp_path / "half")
    assert "emi.safetensors" in merged.remarks[0]
    assert not any("bundle" in name for name in read_header(merged.path).tensors)
