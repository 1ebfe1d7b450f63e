import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest

from loratui.errors import LoraFileError
from loratui.lora_file.modules import read_lora

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
PEFT = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
OTHER = "unet.mid_block.attentions.0.proj_in"

Tensors = dict[str, tuple[str, list[int], bytes]]


def factors(
    down: str, up: str, rank: int = 4, down_tail: tuple[int, ...] = (), up_tail: tuple[int, ...] = ()
) -> Tensors:
    shapes = {down: [rank, 6, *down_tail], up: [5, rank, *up_tail]}
    return {name: ("U8", shape, bytes(math.prod(shape))) for name, shape in shapes.items()}


@pytest.fixture
def saved(tmp_path: Path, craft: Any) -> Any:
    def save(tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
        path = tmp_path / "emi.safetensors"
        path.write_bytes(craft.file_of(tensors, metadata))
        return path

    return save


def test_keys_rank_alpha_and_widths_are_the_files(saved: Any) -> None:
    tensors = factors(f"{KEY}.lora_down.weight", f"{KEY}.lora_up.weight") | {
        f"{KEY}.alpha": ("F32", [], struct.pack("<f", 2.0))
    }
    lora = read_lora(saved(tensors))
    lora.check_usable()
    (module,) = lora.modules
    assert (module.down, module.up) == (f"{KEY}.lora_down.weight", f"{KEY}.lora_up.weight")
    assert (module.rank, module.alpha, module.scale, module.features) == (4, 2.0, 0.5, (6, 5))


def adapter(**settings: Any) -> dict[str, str]:
    return {"lora_adapter_metadata": json.dumps({f"unet.{key}": value for key, value in settings.items()})}


@pytest.mark.parametrize(
    ("settings", "alphas"),
    [
        ({}, [None, None]),
        ({"lora_alpha": 8}, [8.0, 8.0]),
        ({"lora_alpha": 8, "alpha_pattern": {"mid_block.attentions.0.proj_in": 2}}, [8.0, 2.0]),
        ({"lora_alpha": 8, "alpha_pattern": {"proj_in": 2}}, [8.0, 2.0]),
        ({"lora_alpha": 8, "alpha_pattern": {"^proj_in": 2}}, [8.0, 8.0]),
        ({"lora_alpha": 8, "alpha_pattern": {"(a+)+$": 2}}, [8.0, 8.0]),
        ({"lora_alpha": 8, "use_rslora": True}, [16.0, 16.0]),
        ({"lora_alpha": True}, [None, None]),
        ({"lora_alpha": 10**400}, [None, None]),
        ({"lora_alpha": [8]}, [None, None]),
        ({"lora_alpha": 8, "alpha_pattern": [1]}, [8.0, 8.0]),
    ],
)
def test_diffusers_tells_alphas_in_the_header(saved: Any, settings: dict[str, Any], alphas: list[float | None]) -> None:
    tensors: Tensors = {}
    for name in (PEFT, OTHER):
        tensors |= factors(f"{name}.lora_A.weight", f"{name}.lora_B.weight")
    lora = read_lora(saved(tensors, adapter(**settings)))
    assert [module.alpha for module in lora.modules] == alphas


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "NaN"])
def test_a_broken_configuration_is_told_since_the_strength_hangs_on_it(saved: Any, text: str) -> None:
    tensors = factors(f"{PEFT}.lora_A.weight", f"{PEFT}.lora_B.weight")
    lora = read_lora(saved(tensors, {"lora_adapter_metadata": text}))
    assert "lora_adapter_metadata" in lora.problems[0]
    with pytest.raises(LoraFileError, match="strength"):
        lora.check_usable()


@pytest.mark.parametrize(
    ("down_tail", "up_tail", "fits"),
    [
        ((), (), True),
        ((3, 3), (1, 1), True),
        ((1, 1), (1, 1), True),
        ((1, 1), (), True),
        ((3, 3), (3, 3), False),
        ((3,), (1,), False),
    ],
)
def test_shapes_that_fit_together(saved: Any, down_tail: tuple[int, ...], up_tail: tuple[int, ...], fits: bool) -> None:
    tensors = factors(f"{KEY}.lora_down.weight", f"{KEY}.lora_up.weight", 4, down_tail, up_tail)
    lora = read_lora(saved(tensors))
    assert [module.kernel for module in lora.modules] == ([down_tail] if fits else [])
    assert bool(lora.refusal) is not fits


def test_rank_0_and_ranks_that_differ_are_refused(saved: Any) -> None:
    down, up = f"{KEY}.lora_down.weight", f"{KEY}.lora_up.weight"
    for tensors in (factors(down, up, 0), factors(down, up, 4) | {up: ("U8", [5, 3], bytes(15))}):
        lora = read_lora(saved(tensors))
        assert lora.modules == ()
        with pytest.raises(LoraFileError, match="halves"):
            lora.check_usable()


def test_one_module_named_twice_is_refused(saved: Any) -> None:
    tensors: Tensors = {}
    for key in ("lora_te_encoder_layers_0_mlp_fc1", "lora_te_text_model_encoder_layers_0_mlp_fc1"):
        tensors |= factors(f"{key}.lora_down.weight", f"{key}.lora_up.weight")
    lora = read_lora(saved(tensors))
    assert len(lora.modules) == 1
    with pytest.raises(LoraFileError, match="one and the same"):
        lora.check_usable()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (f"{KEY}.dora_scale", "a DoRA"),
        (f"{KEY}.lora_mid.weight", "CP decomposition"),
        ("lora_unet_mid.hada_w1_a", "LoHa"),
        ("noise_of_another_tool\x1b[2J", "no LoRA"),
        ("lora_te3_x.lora_down.weight", "SD 3"),
    ],
)
def test_a_file_of_which_a_part_would_be_left_out_is_refused_by_name(saved: Any, key: str, said: str) -> None:
    tensors = factors(f"{KEY}.lora_down.weight", f"{KEY}.lora_up.weight") | {key: ("U8", [1], b"a")}
    lora = read_lora(saved(tensors))
    assert len(lora.modules) == 1
    assert lora.problems
    with pytest.raises(LoraFileError, match=said) as caught:
        lora.check_usable()
    assert "\x1b" not in str(caught.value)


def test_bundled_embeddings_do_not_make_a_file_unusable(saved: Any) -> None:
    tensors = factors(f"{KEY}.lora_down.weight", f"{KEY}.lora_up.weight")
    tensors["bundle_emb.emi.string_to_param.*"] = ("U8", [1], b"a")
    lora = read_lora(saved(tensors))
    lora.check_usable()
    assert "textual inversion" in lora.problems[0]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "Flux"),
        ("transformer.transformer_blocks.0.attn.to_q.lora_A.weight", "SD 3 or Flux"),
        ("model.diffusion_model.input_blocks.0.0.weight", "checkpoint"),
        ("down_blocks.0.resnets.0.conv1.weight", "whole UNet"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", "whole text encoder"),
        ("emb_params", "embedding"),
        ("something", "other names"),
    ],
)
def test_a_file_without_a_lora_is_refused_by_what_it_is(saved: Any, key: str, said: str) -> None:
    with pytest.raises(LoraFileError, match=said):
        read_lora(saved({key: ("U8", [1], b"a")}))
