"""Masters, shadows and their gradients."""

import weakref

import pytest
import torch
from torch.nn import functional

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_layers import JointDown, LoraConv2d, LoraLinear
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.lora_file.naming import Component
from loratui.profile.schema import Network

CPU = torch.device("cpu")


def network_on(
    base: BaseModel, *, conv: bool = False, text: bool = True, dtype: torch.dtype = torch.float32
) -> LoraNetwork:
    components: dict[Component, torch.nn.Module] = {"unet": base.unet}
    if text:
        components["text_encoder"] = base.text_encoder
    settings = Network(rank=4, alpha=2.0, conv_rank=2 if conv else 0, conv_alpha=1.0)
    return LoraNetwork(components, trained_layers(components, settings), seed=1, device=CPU, dtype=dtype)


def run_unet(base: BaseModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 4, 16, 16, generator=generator)
    context = torch.randn(2, 77, 32, generator=generator)
    return base.unet(x, torch.tensor([10, 700]), context).sample


def fill_ups(network: LoraNetwork) -> None:
    generator = torch.Generator().manual_seed(5)
    for target in network.targets:
        _, up = network.factors(target.key)
        up.copy_(torch.randn(up.shape, generator=generator) * 0.05)
    network.refresh_shadows()


def test_a_fresh_network_changes_nothing(base: BaseModel) -> None:
    before = run_unet(base)
    network_on(base)
    assert torch.equal(run_unet(base), before)


def test_down_starts_uniform_within_one_over_the_root_of_fan_in(base: BaseModel) -> None:
    network = network_on(base, conv=True)
    for target in network.targets:
        down, up = network.factors(target.key)
        bound = down[0].numel() ** -0.5
        assert not up.any()
        assert down.abs().max() <= bound
        assert down.abs().max() > 0.5 * bound


def test_start_depends_on_the_seed_alone(base: BaseModel) -> None:
    first = network_on(base)
    start = first.state_dict()
    first.detach()
    second = network_on(base).state_dict()
    assert all(torch.equal(start[name], second[name]) for name in start)


@pytest.mark.parametrize("conv", [False, True])
def test_gradients_of_masters_are_those_of_the_formula(base: BaseModel, conv: bool) -> None:
    """The detour through shadows gives d loss ÷ d(A, B) of W + (alpha ÷ rank)·B·A, as autograd finds it directly."""
    network = network_on(base, conv=conv, text=False)
    fill_ups(network)
    run_unet(base).square().mean().backward()
    network.collect_gradients()
    collected = {target.key: [part.clone() for part in _gradients(network, target.key)] for target in network.targets}

    leaves = {}
    for target in network.targets:
        down, up = (part.detach().clone().requires_grad_() for part in network.factors(target.key))
        leaves[target.key] = (down, up)
        adapter = network.adapter(target.key)
        adapter.down, adapter.up, adapter.joint = down, up * (target.alpha / target.rank), None
    run_unet(base).square().mean().backward()

    for key, (down, up) in leaves.items():
        torch.testing.assert_close(collected[key][0], down.grad, rtol=1e-4, atol=1e-9)
        torch.testing.assert_close(collected[key][1], up.grad, rtol=1e-4, atol=1e-9)


def test_layers_that_read_the_same_input_share_a_product(base: BaseModel) -> None:
    network = network_on(base, text=True)
    joined: dict[int, list[str]] = {}
    for target in network.targets:
        adapter = network.adapter(target.key)
        if adapter.joint is not None:
            down, place = adapter.joint
            assert torch.equal(adapter.down, down.factor[place * target.rank :][: target.rank])
            joined.setdefault(id(down), []).append(target.path)
    kinds = {tuple(path.rpartition(".")[2] for path in paths) for paths in joined.values()}
    assert kinds == {("to_q", "to_k", "to_v"), ("to_k", "to_v"), ("k_proj", "v_proj", "q_proj")}
    assert all(len({path.rpartition(".")[0] for path in paths}) == 1 for paths in joined.values())


def test_a_joint_product_serves_each_layer_once_and_keeps_no_input() -> None:
    factor = torch.randn(6, 4)
    down = JointDown(factor, 3)
    first, second = torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    # Layers of another input in between, one that is asked twice, and a pass that was broken off.
    for x, place in [(first, 0), (second, 1), (first, 2), (first, 2), (first, 0), (first, 1), (first, 2)]:
        torch.testing.assert_close(down.low(x, place), functional.linear(x, factor[2 * place : 2 * place + 2]))
    gone = [weakref.ref(x) for x in (first, second)]
    down.forget()
    del x, first, second
    assert [reference() for reference in gone] == [None, None]


def test_a_joint_product_lets_go_of_its_input_after_the_last_layer() -> None:
    down = JointDown(torch.randn(4, 4), 2)
    x = torch.randn(1, 4)
    gone = weakref.ref(x)
    for place in (0, 1):
        down.low(x, place)
    del x
    assert gone() is None


def _gradients(network: LoraNetwork, key: str) -> list[torch.Tensor]:
    """Find a target's part of the flat gradient by where its masters lie."""
    parts = []
    for factor in network.factors(key):
        group = next(
            g
            for g in network.groups
            if g.master.data_ptr() <= factor.data_ptr() < g.master.data_ptr() + g.master.nbytes
        )
        start = (factor.data_ptr() - group.master.data_ptr()) // 4
        parts.append(group.gradient[start : start + factor.numel()].view(factor.shape))
    return parts


def test_half_precision_shadows_follow_the_fp32_masters(base: BaseModel) -> None:
    base.unet.to(torch.bfloat16)
    network = network_on(base, text=False, dtype=torch.bfloat16)
    target = network.targets[0]
    down, up = network.factors(target.key)
    up += 1e-3  # far below what bf16 resolves beside 1, exact in the master
    network.refresh_shadows()
    adapter = network.adapter(target.key)
    assert adapter.up.dtype == torch.bfloat16
    assert torch.equal(adapter.up, (up * target.scale).bfloat16())
    assert torch.equal(adapter.down, down.bfloat16())


def test_gradients_add_up_over_micro_batches_until_cleared(base: BaseModel) -> None:
    network = network_on(base, text=False)
    fill_ups(network)
    run_unet(base).mean().backward()
    network.collect_gradients()
    once = network.groups[0].gradient.clone()
    run_unet(base).mean().backward()
    network.collect_gradients()
    torch.testing.assert_close(network.groups[0].gradient, 2 * once)
    network.clear_gradients()
    assert not network.groups[0].gradient.any()


def test_the_base_gets_no_gradient_and_keeps_its_weights(base: BaseModel) -> None:
    before = {name: parameter.clone() for name, parameter in base.unet.named_parameters()}
    network = network_on(base)
    fill_ups(network)
    run_unet(base).square().mean().backward()
    assert all(parameter.grad is None for parameter in base.unet.parameters())
    network.detach()
    after = dict(base.unet.named_parameters())
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(isinstance(module, LoraLinear | LoraConv2d) for module in base.unet.modules())


def test_text_encoder_is_left_alone_unless_it_learns(base: BaseModel) -> None:
    network = network_on(base, text=False)
    assert {target.component for target in network.targets} == {"unet"}
    assert not any(isinstance(module, LoraLinear) for module in base.text_encoder.modules())


def test_convolution_layers_have_their_own_rank_and_alpha(base: BaseModel) -> None:
    network = network_on(base, conv=True)
    by_kernel = {
        len(network.factors(t.key)[0].shape) == 4 and network.factors(t.key)[0].shape[-1] == 3: t
        for t in network.targets
    }
    assert (by_kernel[True].rank, by_kernel[True].alpha) == (2, 1.0)
    assert (by_kernel[False].rank, by_kernel[False].alpha) == (4, 2.0)
