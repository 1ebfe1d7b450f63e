"""Makes LoRA files as other tools write them, and answers of single layers to hold loratui's against.

Every expectation is W + strength · (alpha ÷ rank) · B·A, put together here from the numbers of the file, in fp64.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from torch import nn
from torch.nn import functional

from loratui.diffusion.base_model import BaseModel
from loratui.lora_file.naming import Component, Module, lora_targets
from loratui.lora_file.original_layout import blocks_of, original_path

Tensors = dict[str, torch.Tensor]
Answers = dict[tuple[Component, str], torch.Tensor]


@dataclass(frozen=True)
class Trained:
    """A layer's LoRA: where it is, its factors, and its alpha (None: not in the file)."""

    component: Component
    path: str
    kohya: str
    down: torch.Tensor
    up: torch.Tensor
    alpha: float | None

    @property
    def delta(self) -> torch.Tensor:
        """What strength 1 adds to the weight, as a matrix [out, in · kernel], fp64."""
        rank = self.down.shape[0]
        scale = 1.0 if self.alpha is None else self.alpha / rank
        return scale * (self.up.double().flatten(1) @ self.down.double().flatten(1))


def layers_of(base: BaseModel) -> dict[tuple[Component, str], nn.Module]:
    """All Linear and Conv2d layers by component and path."""
    return {
        (component, path): module
        for component, root in base.components.items()
        for path, module in root.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }


def random_lora(base: BaseModel, *, conv: bool = False, mixed: bool = False) -> list[Trained]:
    """A LoRA of rank 4 and alpha 2 for all that kohya trains; `mixed` gives layers ranks and alphas of their own."""
    generator = torch.Generator().manual_seed(11)
    layers = layers_of(base)
    chosen = []
    for component, root in base.components.items():
        modules = [
            Module(path, type(module).__name__, getattr(module, "kernel_size", None))
            for path, module in root.named_modules()
        ]
        for target in lora_targets(component, modules, conv=conv, family=base.family):
            number = len(chosen)
            rank, alpha = (1 + number % 5, (None, 0.5, 3.0, 8.0)[number % 4]) if mixed else (4, 2.0)
            shape = layers[component, target.path].weight.shape
            down = torch.randn(rank, *shape[1:], generator=generator) / math.sqrt(math.prod(shape[1:]))
            up = torch.randn(shape[0], rank, *[1] * (len(shape) - 2), generator=generator) * 0.3
            chosen.append(Trained(component, target.path, target.key, down, up, alpha))
    return chosen


def in_kohyas_names(loras: Iterable[Trained]) -> Tensors:
    """The tensors as kohya writes them."""
    tensors = {}
    for lora in loras:
        tensors[f"{lora.kohya}.lora_down.weight"] = lora.down
        tensors[f"{lora.kohya}.lora_up.weight"] = lora.up
        if lora.alpha is not None:
            tensors[f"{lora.kohya}.alpha"] = torch.tensor(lora.alpha)
    return tensors


def without_alphas(loras: Iterable[Trained]) -> list[Trained]:
    """The same factors, and no alpha."""
    return [replace(lora, alpha=None) for lora in loras]


def by_hand(base: BaseModel, loras: Iterable[Trained], strength: float) -> Answers:
    """What each layer answers whose weight has the LoRA added, computed in fp64."""
    layers = layers_of(base)
    answers = {}
    for lora in loras:
        layer = layers[lora.component, lora.path]
        weight = layer.weight.detach().double()
        weight = weight + strength * lora.delta.view(weight.shape)
        bias = None if layer.bias is None else layer.bias.detach().double()
        x = asked(layer).double()
        if isinstance(layer, nn.Conv2d):
            answer = functional.conv2d(x, weight, bias, layer.stride, layer.padding)
        else:
            answer = functional.linear(x, weight, bias)
        answers[lora.component, lora.path] = answer.float()
    return answers


def of_layers(base: BaseModel, places: Iterable[tuple[Component, str]]) -> Answers:
    """What the layers at `places` answer as they are in the base now, whatever sits around them."""
    answers = {}
    with torch.no_grad():
        for component, path in places:
            layer = base.components[component].get_submodule(path)
            bare = getattr(layer, "base", getattr(layer, "base_layer", layer))
            answers[component, path] = layer(asked(bare))
    return answers


def asked(layer: nn.Module) -> torch.Tensor:
    """What a layer is asked: always the same numbers."""
    generator = torch.Generator().manual_seed(7)
    if isinstance(layer, nn.Conv2d):
        return torch.randn(2, layer.in_channels, 6, 6, generator=generator)
    return torch.randn(2, 3, layer.in_features, generator=generator)


def assert_same(found: Answers, expected: Answers) -> None:
    """Equal but for the rounding of fp32, layer by layer."""
    assert found.keys() == expected.keys()
    for place, answer in found.items():
        torch.testing.assert_close(
            answer, expected[place], rtol=2e-5, atol=2e-6, msg=lambda why, place=place: f"{place}: {why}"
        )


def pipeline_of(base: BaseModel) -> Any:
    """diffusers' pipeline around the models of `base`."""
    parts: dict[str, Any] = {"vae": base.vae, "unet": base.unet, "scheduler": DDIMScheduler()}
    parts |= {"text_encoder": base.text_encoder, "tokenizer": base.tokenizer}
    if base.family == "sdxl":
        parts |= {"text_encoder_2": base.text_encoder_2, "tokenizer_2": base.tokenizer_2}
        return StableDiffusionXLPipeline(**parts, add_watermarker=False)
    return StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def in_diffusers(base: BaseModel, file: Any, strength: float, places: Iterable[tuple[Component, str]]) -> Answers:
    """What the layers answer after diffusers' own `load_lora_weights`; the base is bare again afterwards."""
    pipeline = pipeline_of(base)
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="foreign")
    try:
        pipeline.set_adapters("foreign", strength)
        return of_layers(base, places)
    finally:
        pipeline.unload_lora_weights()


def named(loras: Iterable[Trained], names: Mapping[Component, str], down: str, up: str) -> Tensors:
    """Tensors named by dotted paths behind each component's name."""
    tensors = {}
    for lora in loras:
        tensors[f"{names[lora.component]}{lora.path}.{down}.weight"] = lora.down
        tensors[f"{names[lora.component]}{lora.path}.{up}.weight"] = lora.up
    return tensors


COMPONENTS: Mapping[Component, str] = {
    "unet": "unet.",
    "text_encoder": "text_encoder.",
    "text_encoder_2": "text_encoder_2.",
}


def original_names(base: BaseModel, loras: list[Trained]) -> list[Trained]:
    """The UNet's layers under the paths of the original layout."""
    blocks = blocks_of(path for path, _ in base.unet.named_modules())
    return [
        Trained(
            lora.component,
            original_path(lora.path, blocks) if lora.component == "unet" else lora.path,
            lora.kohya,
            lora.down,
            lora.up,
            lora.alpha,
        )
        for lora in loras
    ]


def kohya_with_diffusers_blocks(base: BaseModel, loras: list[Trained]) -> Tensors:
    names = {"unet": "lora_unet_", "text_encoder": "lora_te1_text_model_", "text_encoder_2": "lora_te2_text_model_"}
    return {
        f"{names[lora.component]}{lora.path.removeprefix('text_model.').replace('.', '_')}.{part}.weight": factor
        for lora in loras
        for part, factor in (("lora_down", lora.down), ("lora_up", lora.up))
    }


def without_text_model(base: BaseModel, loras: list[Trained]) -> Tensors:
    return {name.replace("_text_model_", "_"): value for name, value in in_kohyas_names(loras).items()}


def diffusers_new(base: BaseModel, loras: list[Trained]) -> Tensors:
    return named(loras, COMPONENTS, "lora_A", "lora_B")


def diffusers_with_text_model(base: BaseModel, loras: list[Trained]) -> Tensors:
    names = {name: prefix + "text_model." * (name != "unet") for name, prefix in COMPONENTS.items()}
    tensors = named(loras, names, "lora_A", "lora_B")
    return {name.replace("text_model.text_model.", "text_model."): value for name, value in tensors.items()}


def diffusers_old(base: BaseModel, loras: list[Trained]) -> Tensors:
    tensors = named(loras, COMPONENTS, "lora.down", "lora.up")
    return {
        name.replace(".lora.", ".lora_linear_layer.") if name.startswith("text") else name: value
        for name, value in tensors.items()
    }


def diffusers_processors(base: BaseModel, loras: list[Trained]) -> Tensors:
    """Attention only, as diffusers named it when its processors held the LoRA."""
    renamed = {}
    for lora in loras:
        head, _, last = lora.path.removesuffix(".0").rpartition(".")
        if lora.component == "unet" and last.startswith("to_"):
            layer = f"unet.{head}.processor.{last}_lora"
        elif last.endswith("_proj") and "self_attn" in head:
            layer = f"{lora.component}.{head}.to_{last.removesuffix('_proj')}_lora"
        else:
            continue
        renamed |= {f"{layer}.down.weight": lora.down, f"{layer}.up.weight": lora.up}
    return renamed


def peft(base: BaseModel, loras: list[Trained]) -> Tensors:
    return {name.replace(".", ".base_model.model.", 1): value for name, value in diffusers_new(base, loras).items()}


def comfyui(base: BaseModel, loras: list[Trained]) -> Tensors:
    first = "clip_h" if base.family == "sd2" else "clip_l"
    names = {
        "unet": "diffusion_model.",
        "text_encoder": f"text_encoders.{first}.transformer.text_model.",
        "text_encoder_2": "text_encoders.clip_g.transformer.text_model.",
    }
    tensors = named(original_names(base, loras), names, "lora_down", "lora_up")
    return {name.replace("text_model.text_model.", "text_model."): value for name, value in tensors.items()}


def kohya_with_original_blocks(base: BaseModel, loras: list[Trained]) -> Tensors:
    tensors = in_kohyas_names([lora for lora in loras if lora.component != "unet"])
    for lora in original_names(base, [lora for lora in loras if lora.component == "unet"]):
        name = "lora_unet_" + lora.path.replace(".", "_")
        tensors |= {f"{name}.lora_down.weight": lora.down, f"{name}.lora_up.weight": lora.up}
    return tensors
