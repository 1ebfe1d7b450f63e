"""While it is trained, a LoRA does in every layer of every family what its numbers say: W + (alpha ÷ rank)·B·A."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_layers import JointDown
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.profile.schema import Network
from tests.unit.diffusion.foreign_files import Trained, assert_same, by_hand, in_diffusers, of_layers

# Neither scale is a power of two, so that a factor put in the wrong place shows in the last digit.
SETTINGS = Network(rank=5, alpha=3.0, conv_rank=3, conv_alpha=1.0)


def attached(base: BaseModel) -> tuple[LoraNetwork, list[Trained]]:
    """A LoRA of all layers in training, after some of it, and what it consists of."""
    targets = trained_layers(base.components, SETTINGS, base.family)
    network = LoraNetwork(base.components, targets, seed=2, device=base.device, dtype=base.dtype)
    generator = torch.Generator().manual_seed(9)
    for target in targets:
        _, up = network.factors(target.key)
        up.copy_(torch.randn(up.shape, generator=generator) * 0.3)
    network.refresh_shadows()
    return network, [Trained(t.component, t.path, t.key, *network.factors(t.key), t.alpha) for t in targets]


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_every_layer_in_training_is_the_formula_and_what_diffusers_makes_of_the_file(
    bases: dict[str, BaseModel], tmp_path: Path, family: str
) -> None:
    base = bases[family]
    network, loras = attached(base)
    assert {lora.component for lora in loras} == set(base.components)
    assert {lora.down.dim() for lora in loras} == {2, 4}
    places = [(lora.component, lora.path) for lora in loras]
    live = of_layers(base, places)
    file = tmp_path / "trained.safetensors"
    save_file(network.state_dict(), file)
    network.detach()

    assert_same(live, by_hand(base, loras, 1.0))
    assert_same(in_diffusers(base, file, 1.0, places), live)
    bare = of_layers(base, places)
    assert not any(torch.allclose(bare[place], live[place]) for place in places)


def _part_of_joint_gradient(down: JointDown, place: int, lora: Trained) -> torch.Tensor:
    rank = lora.down.shape[0]
    assert down.factor.grad is not None
    return down.factor.grad[place * rank :][:rank]


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_gradients_reach_every_factor_and_are_those_of_the_formula(bases: dict[str, BaseModel], family: str) -> None:
    """d(loss) ÷ d(A) and d(B) of each layer alone, against autograd on the same formula written out."""
    base = bases[family]
    network, loras = attached(base)
    generator = torch.Generator().manual_seed(4)
    for lora in loras:
        adapter = network.adapter(lora.kohya)
        x = torch.randn(2, *lora.down.shape[1:], generator=generator)
        base.components[lora.component].get_submodule(lora.path)(x).square().mean().backward()
        leaves = [factor.detach().clone().requires_grad_() for factor in (lora.down, lora.up)]
        bare = base.components[lora.component].get_submodule(lora.path).base
        scale = lora.alpha / lora.down.shape[0]
        delta = (leaves[1].flatten(1) @ leaves[0].flatten(1)).view(bare.weight.shape)
        answer = torch.func.functional_call(bare, {"weight": bare.weight + scale * delta}, x)
        wanted = torch.autograd.grad(answer.square().mean(), leaves)
        down_gradient = adapter.down.grad if adapter.joint is None else _part_of_joint_gradient(*adapter.joint, lora)
        torch.testing.assert_close(down_gradient, wanted[0], rtol=1e-4, atol=1e-6, msg=lora.kohya)
        # The shadow of `up` has the scale in it; the masters get theirs in `collect_gradients`.
        torch.testing.assert_close(adapter.up.grad * scale, wanted[1], rtol=1e-4, atol=1e-6, msg=lora.kohya)
    network.collect_gradients()
    assert all(group.gradient.count_nonzero() > 0.99 * group.gradient.numel() for group in network.groups)
    network.detach()
