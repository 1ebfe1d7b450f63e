"""Sums of LoRA files against plain arithmetic on whole matrices, and what is refused."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from loratui.errors import LoraFileError
from loratui.lora_file.header import read_header
from loratui.lora_file.inspect import summarise
from loratui.lora_file.merging import merge_loras, read_ingredient
from loratui.lora_file.modules import read_lora
from loratui.lora_file.tensors import decoded, encoded

LINEAR = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
CONV = "lora_unet_down_blocks_0_resnets_0_conv1"
SHORTCUT = "lora_unet_up_blocks_1_resnets_0_conv_shortcut"
TEXT = "lora_te_text_model_encoder_layers_0_mlp_fc1"
SHAPES: dict[str, tuple[tuple[int, ...], int]] = {
    LINEAR: ((32,), 24),
    CONV: ((6, 3, 3), 10),
    SHORTCUT: ((7, 1, 1), 9),
    TEXT: ((16,), 20),
}
Effects = dict[str, np.ndarray[Any, Any]]


def write(
    path: Path,
    seed: int,
    *,
    rank: int = 4,
    alpha: float | None = 2.0,
    keys: tuple[str, ...] = tuple(SHAPES),
    dtype: Any = np.float16,
    metadata: dict[str, str] | None = None,
) -> Path:
    draw = np.random.default_rng(seed)
    tensors = {}
    for key in keys:
        inner, out = SHAPES[key]
        ones = (1, 1) if len(inner) == 3 else ()
        tensors[f"{key}.lora_down.weight"] = draw.normal(size=(rank, *inner)).astype(dtype)
        tensors[f"{key}.lora_up.weight"] = draw.normal(size=(out, rank, *ones)).astype(dtype)
        if alpha is not None:
            tensors[f"{key}.alpha"] = np.array(alpha, dtype)
    save_file(tensors, path, metadata)
    return path


def effects(path: Path) -> Effects:
    """W + effect at strength 1, as every tool computes it: alpha ÷ rank · up · down."""
    tensors = load_file(path)
    found = {}
    for name in tensors:
        if name.endswith(".lora_down.weight"):
            key = name.removesuffix(".lora_down.weight")
            down = tensors[name].astype(np.float64)
            up = tensors[f"{key}.lora_up.weight"].astype(np.float64)
            rank = down.shape[0]
            alpha = float(tensors.get(f"{key}.alpha", rank))
            found[key] = alpha / rank * (up.reshape(-1, rank) @ down.reshape(rank, -1))
    return found


def added(*weighed: tuple[Effects, float, float]) -> Effects:
    total: Effects = {}
    for one, text, unet in weighed:
        for key, effect in one.items():
            part = effect * (text if key.startswith("lora_te") else unet)
            total[key] = total[key] + part if key in total else part
    return total


def assert_near(found: Effects, wanted: Effects, tolerance: float) -> None:
    assert found.keys() == wanted.keys()
    for key, effect in wanted.items():
        assert np.abs(found[key] - effect).max() <= tolerance * np.abs(effect).max(), key


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_sum_is_what_the_files_do_together(tmp_path: Path, dtype: Any) -> None:
    first = write(tmp_path / "a.safetensors", 1, dtype=dtype)
    second = write(tmp_path / "b.safetensors", 2, rank=3, alpha=None, keys=(LINEAR, CONV, TEXT), dtype=dtype)
    third = write(tmp_path / "c.safetensors", 3, rank=2, alpha=7.0, keys=(TEXT, SHORTCUT), dtype=dtype)
    weighed = [f"{first}:0.7", f"{second}:-0.4:1.1", f"{third}:0.25"]
    merged = merge_loras([read_ingredient(text) for text in weighed], tmp_path / "sum")
    wanted = added((effects(first), 0.7, 0.7), (effects(second), -0.4, 1.1), (effects(third), 0.25, 0.25))
    assert_near(effects(merged.path), wanted, 2e-3 if dtype == np.float16 else 1e-6)
    assert merged.ranks == {6: 1, 7: 2, 9: 1} or sorted(merged.ranks) == [6, 7, 9]
    assert {module.alpha for module in read_lora(merged.path).modules} == {merged.alpha}
    assert (merged.kept, merged.lowest) == (1.0, None)


def test_files_of_one_rank_and_weight_are_added_without_any_rounding(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.safetensors", 1), write(tmp_path / "b.safetensors", 2)
    merged = merge_loras([read_ingredient(f"{first}:0.5"), read_ingredient(f"{second}:-0.5")], tmp_path / "sum")
    tensors, whole = load_file(first), load_file(merged.path)
    up = whole[f"{LINEAR}.lora_up.weight"]
    assert np.array_equal(up[:, :4], tensors[f"{LINEAR}.lora_up.weight"])
    assert np.array_equal(up[:, 4:], -load_file(second)[f"{LINEAR}.lora_up.weight"])
    assert (merged.ranks, merged.alpha, merged.dtype) == ({8: 4}, 2.0, "F16")
    assert_near(effects(merged.path), added((effects(first), 0.5, 0.5), (effects(second), -0.5, -0.5)), 1e-15)


def test_one_file_at_weight_one_keeps_every_byte(tmp_path: Path) -> None:
    said = {"ss_output_name": "a", "ss_steps": "500", "modelspec.title": "A"}
    first = write(tmp_path / "a.safetensors", 1, alpha=3.0, metadata=said)
    merged = merge_loras([read_ingredient(str(first))], tmp_path / "same", rank=4)
    before, after = summarise(first), summarise(merged.path)
    assert before.hashes.model == after.hashes.model
    assert merged.alpha == 3.0
    assert after.metadata["ss_steps"] == "500"
    assert (after.metadata["ss_output_name"], after.metadata["modelspec.merged_from"]) == ("same", "A")
    assert after.metadata["sshs_model_hash"] == after.hashes.model
    assert after.metadata["sshs_legacy_hash"] == after.hashes.legacy
    assert not after.problems


def test_a_diffusers_file_is_merged_in_its_own_layout(tmp_path: Path) -> None:
    from loratui.lora_file.converting import convert_lora

    first = write(tmp_path / "a.safetensors", 1)
    second = write(tmp_path / "b.safetensors", 2, rank=2, alpha=1.5, keys=(LINEAR, TEXT))
    there = [convert_lora(path, "diffusers").path for path in (first, second)]
    same = merge_loras([read_ingredient(str(there[0]))], tmp_path / "same").path
    assert read_lora(same).modules == read_lora(there[0]).modules
    merged = merge_loras([read_ingredient(f"{path}:0.5") for path in there], tmp_path / "sum")
    assert all(".lora_" in name for name in read_header(merged.path).tensors)
    back = convert_lora(merged.path, "kohya").path
    assert_near(effects(back), added((effects(first), 0.5, 0.5), (effects(second), 0.5, 0.5)), 2e-3)


def test_a_smaller_rank_is_the_best_one_and_says_what_is_kept(tmp_path: Path) -> None:
    first = write(tmp_path / "a.safetensors", 1, dtype=np.float32)
    second = write(tmp_path / "b.safetensors", 2, rank=3, dtype=np.float32, keys=(LINEAR, CONV, TEXT))
    weighed = [read_ingredient(f"{first}:0.7"), read_ingredient(f"{second}:-0.4")]
    merged = merge_loras(weighed, tmp_path / "cut", rank=4)
    whole = added((effects(first), 0.7, 0.7), (effects(second), -0.4, -0.4))
    shares = {}
    for key, effect in whole.items():
        left, values, right = np.linalg.svd(effect, full_matrices=False)
        best = (left[:, :4] * values[:4]) @ right[:4]
        found = effects(merged.path)[key]
        assert np.abs(found - best).max() < 1e-5 * np.abs(effect).max()
        shares[key] = float((values[:4] ** 2).sum() / (values**2).sum())
    assert merged.ranks == {4: 4}
    assert merged.alpha == 4.0
    assert merged.lowest is not None
    lowest = min(shares, key=lambda key: shares[key])
    assert merged.lowest[0] == lowest
    assert merged.lowest[1] == pytest.approx(shares[lowest])
    energy = {key: float((effect**2).sum()) for key, effect in whole.items()}
    expected = sum(shares[key] * energy[key] for key in whole) / sum(energy.values())
    assert merged.kept == pytest.approx(expected)


def test_a_rank_that_all_have_anyway_cuts_nothing(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{seed}.safetensors", seed, dtype=np.float32) for seed in (1, 2))
    weighed = [read_ingredient(f"{first}:0.3"), read_ingredient(f"{second}:0.9")]
    merged = merge_loras(weighed, tmp_path / "sum", rank=8)
    assert (merged.ranks, merged.kept, merged.lowest) == ({8: 4}, 1.0, None)
    assert_near(effects(merged.path), added((effects(first), 0.3, 0.3), (effects(second), 0.9, 0.9)), 1e-6)


def test_a_file_and_its_opposite_leave_nothing(tmp_path: Path) -> None:
    first = write(tmp_path / "a.safetensors", 1, dtype=np.float32)
    weighed = [read_ingredient(f"{first}:1"), read_ingredient(f"{first}:-1")]
    for rank in (None, 2):
        merged = merge_loras(weighed, tmp_path / "none", rank=rank)
        assert all(np.abs(effect).max() < 1e-5 for effect in effects(merged.path).values())


@pytest.mark.parametrize(("precision", "dtype", "tolerance"), [("fp32", "F32", 1e-6), ("bf16", "BF16", 2e-2)])
def test_the_precision_is_what_was_asked_for(tmp_path: Path, precision: Any, dtype: str, tolerance: float) -> None:
    first, second = write(tmp_path / "a.safetensors", 1), write(tmp_path / "b.safetensors", 2, alpha=3.0)
    weighed = [read_ingredient(f"{first}:0.3"), read_ingredient(f"{second}:0.8")]
    merged = merge_loras(weighed, tmp_path / "sum", precision=precision)
    header = read_header(merged.path)
    factors = {info.dtype for name, info in header.tensors.items() if not name.endswith(".alpha")}
    assert factors == {dtype} == {merged.dtype}
    if dtype == "F32":
        wanted = added((effects(first), 0.3, 0.3), (effects(second), 0.8, 0.8))
        assert_near(effects(merged.path), wanted, tolerance)
    else:
        copied = merge_loras([read_ingredient(str(merged.path))], tmp_path / "back", precision="fp32")
        wanted = added((effects(first), 0.3, 0.3), (effects(second), 0.8, 0.8))
        assert_near(effects(copied.path), wanted, tolerance)


def test_bf16_is_rounded_as_torch_rounds_it() -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(1).normal(size=5000).astype(np.float32) * np.float32(10.0) ** np.arange(
        -25, 25
    ).repeat(100).astype(np.float32)
    values[:4] = [1 + 2**-8, 1 + 3 * 2**-8, -0.0, 1e-42]
    theirs = torch.tensor(values).to(torch.bfloat16)
    assert encoded(values, "BF16") == theirs.view(torch.int16).numpy().tobytes()
    assert np.array_equal(decoded(encoded(values, "BF16"), "BF16"), theirs.float().numpy())


def test_words_and_base_are_told_by_the_result(tmp_path: Path) -> None:
    common = {"ss_base_model_version": "sd_v1", "ss_sd_model_name": "anime.safetensors", "ss_v2": "False"}
    first = write(
        tmp_path / "a.safetensors",
        1,
        metadata={
            **common,
            "ss_tag_frequency": json.dumps({"5_emi": {"smile": 3, "hat": 1}}),
            "modelspec.trigger_phrase": "Emi, cute",
            "ss_steps": "500",
        },
    )
    second = write(
        tmp_path / "b.safetensors",
        2,
        metadata={
            **common,
            "ss_sd_model_name": "other.safetensors",
            "ss_tag_frequency": json.dumps({"5_emi": {"smile": 2}, "x": {"sea": 1}}),
            "modelspec.trigger_phrase": "Bob, Emi",
            "modelspec.title": "Bob, by me",
            "sshs_model_hash": "ab" * 32,
        },
    )
    weighed = [read_ingredient(str(first)), read_ingredient(f"{second}:0.5:0.25")]
    said = read_header(merge_loras(weighed, tmp_path / "both").path).metadata
    assert json.loads(said["ss_tag_frequency"]) == {"5_emi": {"smile": 5, "hat": 1}, "x": {"sea": 1}}
    assert said["modelspec.trigger_phrase"] == "Emi, cute, Bob"
    assert said["ss_base_model_version"] == "sd_v1"
    assert "ss_sd_model_name" not in said
    assert "ss_steps" not in said
    assert (said["ss_network_dim"], said["ss_network_module"]) == ("8", "networks.lora")
    assert (said["ss_output_name"], said["modelspec.title"]) == ("both", "both")
    assert said["modelspec.merged_from"] == "a, Bob, by me"
    assert json.loads(said["loratui_merged_from"]) == [
        {"file": "a.safetensors", "text_encoder": 1.0, "unet": 1.0},
        {"file": "b.safetensors", "text_encoder": 0.5, "unet": 0.25, "sshs_model_hash": "ab" * 32},
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.safetensors", ("a.safetensors", 1.0, 1.0)),
        ("a.safetensors:0.8", ("a.safetensors", 0.8, 0.8)),
        ("a.safetensors:-0.8:0.5", ("a.safetensors", -0.8, 0.5)),
        ("/x:y/a.safetensors:1e-1", ("/x:y/a.safetensors", 0.1, 0.1)),
        ("x:a.safetensors", ("x:a.safetensors", 1.0, 1.0)),
        ("x:a.safetensors:0.8", ("x:a.safetensors", 0.8, 0.8)),
        ("x:a.safetensors:0.8:-5", ("x:a.safetensors", 0.8, -5.0)),
    ],
)
def test_weights_are_written_as_in_a_prompt(text: str, expected: tuple[str, float, float]) -> None:
    found = read_ingredient(text)
    assert (str(found.path), found.text, found.unet) == expected


def test_a_file_with_a_colon_in_its_name_is_that_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a:0.5", 1)
    assert read_ingredient(str(path)).path == path
    weighed = read_ingredient(f"{path}:2")
    assert (weighed.path, weighed.text, weighed.unet) == (path, 2.0, 2.0)


@pytest.mark.parametrize("text", ["a:b", "a:", "a:0.5:", "a:nan", "a:inf", "a:1:2:x", ""])
def test_a_weight_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(LoraFileError, match="no number"):
        read_ingredient(text)


@pytest.mark.parametrize("text", ["a:1e9", "a:5.1", "a:1:-6"])
def test_a_weight_is_what_a_strength_may_be(text: str) -> None:
    with pytest.raises(LoraFileError, match="not from -5 to 5"):
        read_ingredient(text)


def other_file(path: Path, key: str, width: int = 32, out: int = 24) -> Path:
    tensors = {
        f"{key}.lora_down.weight": np.ones((2, width), np.float16),
        f"{key}.lora_up.weight": np.ones((out, 2), np.float16),
    }
    save_file(tensors, path)
    return path


@pytest.mark.parametrize(
    ("keys", "width", "said"),
    [
        ((LINEAR, LINEAR), 40, "40 → 24 in one and 32 → 24"),
        ((LINEAR, "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"), 32, "block names of two kinds"),
        ((LINEAR, "lora_te1_text_model_encoder_layers_0_mlp_fc1"), 32, None),
        (
            ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", "lora_te1_text_model_encoder_layers_0_mlp_fc1"),
            768,
            "for Stable Diffusion XL",
        ),
    ],
)
def test_files_that_do_not_go_together_are_refused_by_a_key(
    tmp_path: Path, keys: tuple[str, str], width: int, said: str | None
) -> None:
    first_width = 768 if "self_attn" in keys[0] else 32
    first = other_file(tmp_path / "first.safetensors", keys[0], first_width)
    second = other_file(tmp_path / "second.safetensors", keys[1], width)
    weighed = [read_ingredient(str(first)), read_ingredient(str(second))]
    if said is None:
        assert merge_loras(weighed, tmp_path / "sum").path.exists()
        return
    with pytest.raises(LoraFileError, match=said) as caught:
        merge_loras(weighed, tmp_path / "sum")
    assert keys[1] in caught.value.what
    assert not (tmp_path / "sum.safetensors").exists()


def test_families_that_no_layout_brings_together_are_named(tmp_path: Path) -> None:
    ours = other_file(
        tmp_path / "emi.safetensors", "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k", 768
    )
    theirs = other_file(tmp_path / "xl.safetensors", "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_k", 2048)
    with pytest.raises(LoraFileError) as refusal:
        merge_loras([read_ingredient(str(ours)), read_ingredient(str(theirs))], tmp_path / "both")
    assert "Stable Diffusion XL" in refusal.value.what
    assert "layout" not in refusal.value.todo


def test_two_layouts_are_refused_with_the_way_to_one(tmp_path: Path) -> None:
    from loratui.lora_file.converting import convert_lora

    first = write(tmp_path / "a.safetensors", 1)
    second = convert_lora(write(tmp_path / "b.safetensors", 2), "diffusers").path
    with pytest.raises(LoraFileError, match=r"text_encoder\.text_model\.encoder\.layers") as caught:
        merge_loras([read_ingredient(str(first)), read_ingredient(str(second))], tmp_path / "sum")
    assert "lora convert" in caught.value.todo


def test_what_fits_no_half_precision_is_said(tmp_path: Path) -> None:
    first = write(tmp_path / "a.safetensors", 1)
    second = write(tmp_path / "b.safetensors", 2, keys=(LINEAR,), alpha=1e9, dtype=np.float32)
    weighed = [read_ingredient(str(first)), read_ingredient(f"{second}:5")]
    with pytest.raises(LoraFileError, match="F16 cannot") as caught:
        merge_loras(weighed, tmp_path / "sum", precision="fp16")
    assert "--precision" in caught.value.todo
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


@pytest.mark.parametrize(("weights", "rank", "said"), [(":0", None, "nothing is left"), ("", 0, "rank 0")])
def test_what_makes_no_sense_is_said(tmp_path: Path, weights: str, rank: int | None, said: str) -> None:
    first = write(tmp_path / "a.safetensors", 1)
    with pytest.raises(LoraFileError, match=said):
        merge_loras([read_ingredient(f"{first}{weights}")], tmp_path / "sum", rank=rank)


def test_no_file_is_replaced_by_what_is_made_of_it(tmp_path: Path) -> None:
    first = write(tmp_path / "a.safetensors", 1)
    linked, content = tmp_path / "linked.safetensors", first.read_bytes()
    linked.symlink_to(first)
    assert merge_loras([read_ingredient(f"{first}:0.5")], first).path.name == "a-v2.safetensors"
    for output in (first, linked):
        with pytest.raises(LoraFileError, match="is one of the files that are read"):
            merge_loras([read_ingredient(f"{first}:0.5")], output, force=True)
    assert first.read_bytes() == content


def test_memory_holds_one_layer_at_a_time(tmp_path: Path) -> None:
    keys = [f"lora_unet_down_blocks_0_attentions_{number}_proj_in" for number in range(40)]
    draw = np.random.default_rng(1)
    tensors = {}
    for key in keys:
        tensors[f"{key}.lora_down.weight"] = draw.normal(size=(32, 1024)).astype(np.float16)
        tensors[f"{key}.lora_up.weight"] = draw.normal(size=(1024, 32)).astype(np.float16)
    save_file(tensors, tmp_path / "a.safetensors")
    ingredient = read_ingredient(f"{tmp_path / 'a.safetensors'}:0.7")
    tracemalloc.start()
    try:
        merge_loras([ingredient, ingredient], tmp_path / "sum")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "sum.safetensors").stat().st_size > 10_000_000
    assert peak < 6_000_000
