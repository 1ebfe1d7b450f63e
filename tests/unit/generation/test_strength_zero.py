"""What one batch of strengths promises bit for bit: 0 is the bare base, and each is as if it were drawn alone."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_loading import attach_lora
from loratui.generation.cells import Applied, draw_batch
from loratui.profile.schema import Comparison

WriteLora = Callable[..., Path]
SETTINGS = Comparison(prompts=["Emi, smile"], negative_prompt="bad", strengths=[0.4, 0.8], seeds=[7], steps=3)
SIZE = (16, 16)


def applied(base: BaseModel, path: Path, strengths: list[float]) -> Applied:
    tensor = torch.tensor(strengths)
    return Applied(attach_lora(base, path), tensor, tensor)


@pytest.mark.parametrize("guidance", [7.0, 1.0])
def test_strength_zero_is_the_bare_base_bit_for_bit(base: BaseModel, write_lora: WriteLora, guidance: float) -> None:
    settings = SETTINGS.model_copy(update={"guidance": guidance})
    seeds = [7, 7, 7]
    bare = draw_batch(base, "Emi", settings, [], seeds=seeds, size=SIZE)
    own = applied(base, write_lora("emi.safetensors"), [0.0, 0.5, 1.0])
    with own.lora:
        assert own.lora.layers > 20
        drawn = draw_batch(base, "Emi", settings, [own], seeds=seeds, size=SIZE)
    assert torch.equal(drawn[0], bare[0])
    assert (drawn[2].int() - bare[2].int()).abs().max() > 10


def test_strength_zero_is_the_bare_base_in_half_precision_too(base: BaseModel, write_lora: WriteLora) -> None:
    unet, text_encoder = (copy.deepcopy(part).to(torch.bfloat16) for part in (base.unet, base.text_encoder))
    half = replace(base, unet=unet, text_encoder=text_encoder, dtype=torch.bfloat16)
    bare = draw_batch(half, "Emi", SETTINGS, [], seeds=[7, 7], size=SIZE)
    own = applied(half, write_lora("emi.safetensors"), [0.0, 1.0])
    with own.lora:
        drawn = draw_batch(half, "Emi", SETTINGS, [own], seeds=[7, 7], size=SIZE)
    assert torch.equal(drawn[0], bare[0])
    assert not torch.equal(drawn[1], bare[1])


def test_strength_zero_changes_no_bit_of_what_the_unet_predicts(base: BaseModel, write_lora: WriteLora) -> None:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(3, 4, 8, 8, generator=generator)
    states = torch.randn(3, 77, 32, generator=generator)
    bare = base.unet(latents, 500, encoder_hidden_states=states).sample
    with attach_lora(base, write_lora("emi.safetensors")) as lora:
        lora.set_strength(torch.tensor([0.0, 1.0, 0.0]))
        drawn = base.unet(latents, 500, encoder_hidden_states=states).sample
    assert torch.equal(drawn[0], bare[0])
    assert torch.equal(drawn[2], bare[2])
    assert not torch.allclose(drawn[1], bare[1], atol=1e-3)


def test_strengths_of_one_batch_equal_those_drawn_alone(base: BaseModel, write_lora: WriteLora) -> None:
    path = write_lora("emi.safetensors")
    strengths = [0.0, 0.4, 0.8, 1.2]
    together = applied(base, path, strengths)
    with together.lora:
        batch = draw_batch(base, "Emi", SETTINGS, [together], seeds=[7] * 4, size=SIZE).int()
    for row, strength in enumerate(strengths):
        single = applied(base, path, [strength])
        with single.lora:
            alone = draw_batch(base, "Emi", SETTINGS, [single], seeds=[7], size=SIZE).int()
        # Floating point adds up in another order in another batch: one step of 255 at most.
        assert (batch[row] - alone[0]).abs().max() <= 1


def test_every_strength_starts_from_and_meets_the_same_noise(base: BaseModel, write_lora: WriteLora) -> None:
    same = applied(base, write_lora("emi.safetensors"), [0.8, 0.8, 0.8])
    with same.lora:
        drawn = draw_batch(base, "Emi", SETTINGS, [same], seeds=[7] * 3, size=SIZE)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])
