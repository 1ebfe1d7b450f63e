"""The modules of true Stable Diffusion 1.x and 2.x shapes, built without weights, against the golden list of keys."""

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from loratui.lora_file.naming import Component, Module, Target, lora_targets

GOLDEN = Path(__file__).with_name("sd15_modules.txt")
SD1_TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
SD2_TEXT = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
SD1_UNET = {"cross_attention_dim": 768, "attention_head_dim": 8}
SD2_UNET = {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True}


def unet(settings: dict[str, object]) -> torch.nn.Module:
    with torch.device("meta"):
        return UNet2DConditionModel(sample_size=64, **settings)


def text_encoder(settings: dict[str, int]) -> torch.nn.Module:
    with torch.device("meta"):
        return CLIPTextModel(CLIPTextConfig(vocab_size=49408, projection_dim=768, **settings))


def targets(component: Component, model: torch.nn.Module, *, conv: bool = False) -> tuple[Target, ...]:
    modules = (
        Module(path, type(module).__name__, getattr(module, "kernel_size", None))
        for path, module in model.named_modules()
    )
    return lora_targets(component, modules, conv=conv)


def described(model: torch.nn.Module, target: Target) -> str:
    weight = model.get_submodule(target.path).weight
    rank = "c" if target.uses_conv_rank else "r"
    down = [rank, *weight.shape[1:]]
    up = [weight.shape[0], rank, *[1] * (weight.dim() - 2)]
    return f"{target.key} {','.join(map(str, down))} {','.join(map(str, up))}"


def golden(*, conv: bool) -> set[str]:
    lines = {line for line in GOLDEN.read_text(encoding="utf-8").splitlines() if not line.startswith("#")}
    blocks = ("_resnets_", "_downsamplers_", "_upsamplers_")
    return {line for line in lines if conv or not any(block in line for block in blocks)}


@pytest.mark.parametrize(("conv", "expected"), [(False, 192), (True, 192 + 86)])
def test_sd1_has_exactly_the_keys_and_shapes_that_kohya_writes(conv: bool, expected: int) -> None:
    model, text = unet(SD1_UNET), text_encoder(SD1_TEXT)
    unet_targets, text_targets = targets("unet", model, conv=conv), targets("text_encoder", text, conv=conv)

    assert (len(unet_targets), len(text_targets)) == (expected, 72)
    found = {described(model, target) for target in unet_targets} | {described(text, target) for target in text_targets}
    assert found == golden(conv=conv)


def test_only_large_kernels_take_the_conv_rank() -> None:
    by_rank: dict[bool, list[str]] = {False: [], True: []}
    for target in targets("unet", unet(SD1_UNET), conv=True):
        by_rank[target.uses_conv_rank].append(target.path)

    assert len(by_rank[True]) == 2 * 22 + 6
    assert all(path.endswith((".conv1", ".conv2", ".conv")) for path in by_rank[True])
    assert sum(path.endswith((".conv_shortcut", ".time_emb_proj")) for path in by_rank[False]) == 14 + 22


def test_sd2_is_trained_in_the_same_places() -> None:
    assert len(targets("unet", unet(SD2_UNET))) == 192
    assert len(targets("unet", unet(SD2_UNET), conv=True)) == 192 + 86
    assert len(targets("text_encoder", text_encoder(SD2_TEXT))) == 23 * 6
