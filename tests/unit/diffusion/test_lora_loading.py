"""LoRA files put onto a base: ours, hand-made ones with mixed alphas, and ones that do not fit."""

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_loading import attach_lora
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.errors import LoraFileError
from loratui.lora_file.naming import Component
from loratui.profile.schema import Network


def lora_tensors(base: BaseModel, *, conv: bool = False, alpha: float = 2.0) -> dict[str, torch.Tensor]:
    """Tensors of a LoRA of UNet and text encoder with random factors."""
    components: dict[Component, torch.nn.Module] = {"unet": base.unet, "text_encoder": base.text_encoder}
    settings = Network(rank=4, alpha=alpha, conv_rank=2 if conv else 0)
    network = LoraNetwork(
        components, trained_layers(components, settings), seed=1, device=torch.device("cpu"), dtype=torch.float32
    )
    tensors = network.state_dict()
    network.detach()
    generator = torch.Generator().manual_seed(2)
    return {
        name: torch.randn(value.shape, generator=generator) * 0.1 if "lora_up" in name else value
        for name, value in tensors.items()
    }


def outputs(base: BaseModel, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([[512, *range(30), 513, *[513] * 45]]).expand(batch, -1)
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1)).expand(batch, -1, -1, -1)
    with torch.no_grad():
        embeddings = base.text_encoder(ids).last_hidden_state
        return embeddings, base.unet(latents, 300, embeddings).sample


def independent_outputs(base: BaseModel, file: Path, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The same through diffusers' and peft's own loader."""
    pipeline = StableDiffusionPipeline(
        base.vae,
        base.text_encoder,
        base.tokenizer,
        base.unet,
        DDIMScheduler(),
        None,
        None,
        requires_safety_checker=False,
    )
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="other")
    pipeline.set_adapters("other", strength)
    result = outputs(base)
    pipeline.unload_lora_weights()
    return result


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("strength", [0.7, -0.4, 1.2])
def test_a_file_does_what_diffusers_makes_of_it(base: BaseModel, tmp_path: Path, conv: bool, strength: float) -> None:
    file = tmp_path / "some.safetensors"
    save_file(lora_tensors(base, conv=conv), file)
    expected = independent_outputs(base, file, strength)
    with attach_lora(base, file) as lora:
        lora.set_strength(strength)
        found = outputs(base)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_strength_zero_is_the_bare_base_bit_for_bit(base: BaseModel, tmp_path: Path) -> None:
    file = tmp_path / "some.safetensors"
    save_file(lora_tensors(base), file)
    bare = outputs(base, batch=3)
    with attach_lora(base, file) as lora:
        lora.set_strength(torch.tensor([0.0, 0.7, 1.2]))
        mixed = outputs(base, batch=3)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(bare, mixed, strict=True))
    assert not any(torch.equal(a[1], b[1]) for a, b in zip(bare, mixed, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(bare, outputs(base, batch=3), strict=True))


def test_every_layers_own_alpha_counts_and_a_missing_one_means_scale_one(base: BaseModel, tmp_path: Path) -> None:
    tensors = lora_tensors(base, alpha=4.0)  # rank 4: scale 1
    plain, varied = tmp_path / "plain.safetensors", tmp_path / "varied.safetensors"
    save_file(tensors, plain)
    changed = dict(tensors)
    for number, name in enumerate(sorted(name for name in tensors if name.endswith(".alpha"))):
        if number % 2:
            del changed[name]
        else:  # half the alpha and twice the factor are the same delta
            changed[name] = tensors[name] / 2
            up = name.replace(".alpha", ".lora_up.weight")
            changed[up] = tensors[up] * 2
    save_file(changed, varied)
    results = []
    for file in (plain, varied):
        with attach_lora(base, file):
            results.append(outputs(base))
    for first, second in zip(*results, strict=True):
        torch.testing.assert_close(first, second)


def test_only_one_half_of_the_model_may_be_in_the_file(base: BaseModel, tmp_path: Path) -> None:
    tensors = lora_tensors(base)
    bare = outputs(base)
    for prefix, index in (("lora_te_", 0), ("lora_unet_", 1)):
        file = tmp_path / f"{prefix}.safetensors"
        save_file({name: value for name, value in tensors.items() if name.startswith(prefix)}, file)
        with attach_lora(base, file):
            assert not torch.equal(outputs(base)[index], bare[index])
            if prefix == "lora_unet_":
                assert torch.equal(outputs(base)[0], bare[0])


def test_two_files_add_up_and_leave_separately(base: BaseModel, tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    tensors = lora_tensors(base)
    save_file(tensors, first)
    save_file({name: value.flip(0) if "lora_up" in name else value for name, value in tensors.items()}, second)
    with attach_lora(base, first):
        alone = outputs(base)
        with attach_lora(base, second):
            assert not torch.equal(outputs(base)[1], alone[1])
        assert all(torch.equal(a, b) for a, b in zip(outputs(base), alone, strict=True))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda t: {f"{k}x": v for k, v in t.items()}, "holds no LoRA for Stable Diffusion"),
        (lambda t: {**t, "extra": torch.zeros(1)}, "extra"),
        (lambda t: {k.replace("attentions_0", "attentions_9"): v for k, v in t.items()}, "has no layer for"),
        (lambda t: {k: v for k, v in t.items() if "attn1_to_q.lora_up" not in k}, "lacks a half"),
        (lambda t: {k: v[:, :3] if "to_q.lora_down" in k else v for k, v in t.items()}, "another size"),
    ],
    ids=["other keys", "extra tensor", "other layers", "half a module", "other size"],
)
def test_a_file_that_does_not_fit_is_refused_and_the_base_left_alone(
    base: BaseModel, tmp_path: Path, change: object, what: str
) -> None:
    bare = outputs(base)
    file = tmp_path / "bad.safetensors"
    tensors = change(lora_tensors(base))  # type: ignore[operator]
    save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    with pytest.raises(LoraFileError, match=what):
        attach_lora(base, file)
    assert all(torch.equal(a, b) for a, b in zip(bare, outputs(base), strict=True))
