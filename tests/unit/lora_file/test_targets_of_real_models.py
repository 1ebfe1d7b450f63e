"""The modules of true Stable Diffusion 1.x, 2.x and XL shapes, built without weights, against the lists kohya makes."""

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from loratui.lora_file.layouts import read_layout, spelled_paths
from loratui.lora_file.naming import BaseFamily, Component, Module, Target, lora_targets

GOLDEN = Path(__file__).with_name("sd15_modules.txt")
SD1_TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
SD2_TEXT = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
SD1_UNET = {"cross_attention_dim": 768, "attention_head_dim": 8}
SD2_UNET = {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True}
SDXL_UNET = {
    "cross_attention_dim": 2048,
    "attention_head_dim": (5, 10, 20),
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SDXL_TEXT_2 = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}


def unet(settings: dict[str, object]) -> torch.nn.Module:
    with torch.device("meta"):
        return UNet2DConditionModel(sample_size=64, **settings)


def text_encoder(settings: dict[str, int]) -> torch.nn.Module:
    with torch.device("meta"):
        return CLIPTextModel(CLIPTextConfig(vocab_size=49408, projection_dim=768, **settings))


def text_encoder_2() -> torch.nn.Module:
    with torch.device("meta"):
        return CLIPTextModelWithProjection(CLIPTextConfig(vocab_size=49408, projection_dim=1280, **SDXL_TEXT_2))


def targets(
    component: Component, model: torch.nn.Module, *, conv: bool = False, family: BaseFamily = "sd1"
) -> tuple[Target, ...]:
    modules = (
        Module(path, type(module).__name__, getattr(module, "kernel_size", None))
        for path, module in model.named_modules()
    )
    return lora_targets(component, modules, conv=conv, family=family)


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


def golden_of(family: str, *, conv: bool) -> list[str]:
    """The lines of a shortened list: `*` stands for a range of numbers."""
    lines = []
    for line in GOLDEN.with_name(f"{family}_modules.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or (line.endswith(" conv") and not conv):
            continue
        key, down, up, *rest = line.removesuffix(" conv").split()
        first, _, last = rest[0].partition("-") if rest else ("0", "", "0")
        lines += [f"{key.replace('*', str(number))} {down} {up}" for number in range(int(first), int(last) + 1)]
    return lines


def models_of(family: BaseFamily) -> dict[Component, torch.nn.Module]:
    if family == "sd2":
        return {"unet": unet(SD2_UNET), "text_encoder": text_encoder(SD2_TEXT)}
    return {"unet": unet(SDXL_UNET), "text_encoder": text_encoder(SD1_TEXT), "text_encoder_2": text_encoder_2()}


@pytest.mark.parametrize(
    ("family", "conv", "expected"),
    [("sd2", False, 192 + 138), ("sd2", True, 278 + 138), ("sdxl", False, 722 + 264), ("sdxl", True, 788 + 264)],
)
def test_sd2_and_sdxl_have_exactly_the_keys_and_shapes_that_kohya_writes(
    family: BaseFamily, conv: bool, expected: int
) -> None:
    models = models_of(family)
    found = [
        described(model, target)
        for component, model in models.items()
        for target in targets(component, model, conv=conv, family=family)
    ]
    assert len(found) == expected
    assert sorted(found) == sorted(golden_of(family, conv=conv))


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_every_key_is_read_back_to_the_module_it_came_from(family: BaseFamily) -> None:
    models = models_of(family)
    places = spelled_paths({name: [path for path, _ in model.named_modules()] for name, model in models.items()})
    for component, model in models.items():
        chosen = targets(component, model, conv=True, family=family)
        names = [f"{target.key}.lora_{part}.weight" for target in chosen for part in ("down", "up")]
        modules = read_layout(names).modules
        assert [places[module.component, module.spelling] for module in modules] == [target.path for target in chosen]
