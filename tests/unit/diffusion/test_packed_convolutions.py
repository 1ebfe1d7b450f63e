"""Packed convolutions compute what plain ones do, forward and backward, and give their weights back unchanged."""

import copy

import pytest
import torch
from torch import nn

from loratui.diffusion.lora_layers import Adapter, LoraConv2d, wrap
from loratui.diffusion.packed_convolutions import PackedConv2d, _can_pack, pack, unpack

pytestmark = pytest.mark.skipif(not _can_pack(), reason="no bf16 in oneDNN here")

SHAPES = [(3, 1, 8, 12), (1, 0, 8, 12), (3, 1, 32, 8), (5, 2, 4, 4)]


def convolutions() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(cin, cout, size, padding=padding) for size, padding, cin, cout in SHAPES[:2]]
    return nn.Sequential(layers[0], nn.Conv2d(12, 8, 1, bias=False), layers[1]).bfloat16().requires_grad_(False)


@pytest.mark.parametrize(("size", "padding", "channels", "out"), SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_forward_and_backward_are_those_of_the_plain_one(
    size: int, padding: int, channels: int, out: int, with_bias: bool
) -> None:
    torch.manual_seed(0)
    plain = (
        nn.Sequential(nn.Conv2d(channels, out, size, padding=padding, bias=with_bias)).bfloat16().requires_grad_(False)
    )
    packed = copy.deepcopy(plain)
    pack(packed)
    assert isinstance(packed[0], PackedConv2d)
    results = []
    for model in (plain, packed):
        x = torch.randn(2, channels, 7, 9, generator=torch.Generator().manual_seed(1)).bfloat16().requires_grad_()
        y = model(x)
        y.square().sum().backward()
        results.append((y.detach(), x.grad))
    for ours, theirs in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=2e-2)


def test_unpacked_weights_are_the_same_to_the_bit() -> None:
    plain = convolutions()
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    pack(plain)
    assert all(isinstance(layer, PackedConv2d) for layer in plain)
    assert not [name for name in plain.state_dict() if "weight" in name]
    unpack(plain)
    assert all(type(layer) is nn.Conv2d for layer in plain)
    assert list(plain.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in plain.state_dict().items())


def test_what_cannot_be_packed_stays_as_it_is() -> None:
    model = nn.Sequential(
        nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.Conv2d(8, 8, 3, dilation=2),
        nn.Conv2d(8, 8, 3, groups=2),
        nn.Conv2d(8, 8, 3, padding="same"),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(8, 8, 3),
    ).requires_grad_(False)
    model[:-1].bfloat16()
    learning = nn.Sequential(nn.Conv2d(8, 8, 3)).bfloat16()
    for root in (model, learning):
        pack(root)
        assert all(type(layer) is nn.Conv2d for layer in root)


def test_a_lora_learns_around_a_packed_convolution() -> None:
    gradients = []
    for is_packed in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.Conv2d(12, 8, 3, padding=1)).bfloat16()
        model.requires_grad_(False)
        down, up = (torch.randn(shape).bfloat16().requires_grad_() for shape in ((4, 8, 3, 3), (12, 4, 1, 1)))
        wrap(model, "0").adapters.append(Adapter(down, up))
        if is_packed:
            pack(model)
            assert isinstance(model[0], LoraConv2d)
            assert isinstance(model[0].base, PackedConv2d)
        model(torch.randn(2, 8, 6, 6).bfloat16()).float().square().sum().backward()
        gradients.append((down.grad, up.grad))
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=5e-2, atol=0.5)


def test_no_weight_is_kept_twice() -> None:
    model = convolutions()
    plain = [module for module in model]
    pack(model)
    assert all(layer.weight.numel() == 0 for layer in plain)
