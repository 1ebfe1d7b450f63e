"""Convolutions computed as matrix products do what plain ones do, forward and backward, with the same parameters."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from loratui.diffusion.frozen_convolutions import FrozenConv2d, use_products
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_layers import Adapter, LoraConv2d, wrap
from loratui.diffusion.lora_network import trained_layers
from loratui.profile.schema import Model, Network

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


class Calls(TorchFunctionMode):
    """Counts the convolutions that torch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.convolutions += function in {functional.conv2d, torch.conv2d}
        return function(*args, **(kwargs or {}))


@pytest.fixture
def calls() -> Iterator[Calls]:
    with Calls() as counted:
        yield counted


def both(plain: nn.Conv2d, dtype: torch.dtype) -> tuple[nn.Sequential, nn.Sequential]:
    """A frozen convolution as it is, and as it is used on a CPU."""
    model = nn.Sequential(plain).to(dtype).requires_grad_(False)
    ours = copy.deepcopy(model).to(memory_format=torch.channels_last)
    use_products(ours)
    assert type(ours[0]) is FrozenConv2d
    return model, ours


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(
    ("kernel", "height", "width", "is_product"), [(3, 2, 3, 1), (3, 1, 1, 1), (3, 9, 7, 0), (1, 9, 7, 1)]
)
def test_forward_and_backward_are_those_of_the_plain_one(
    kernel: int, height: int, width: int, is_product: int, with_bias: bool, dtype: torch.dtype, calls: Calls
) -> None:
    torch.manual_seed(0)
    plain, ours = both(nn.Conv2d(24, 40, kernel, padding=kernel // 2, bias=with_bias), dtype)
    results, counted = [], []
    for model in (plain, ours):
        x = torch.randn(2, 24, height, width, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
        y = model(x)
        (y * torch.arange(y[0].numel()).view(y[0].shape).remainder(7)).sum().backward()
        assert y.shape == (2, 40, height, width)
        results.append((y.detach().float(), x.grad.float()))
        counted.append(calls.convolutions)
    assert counted == [1, 2 - is_product]
    for mine, theirs in zip(results[1], results[0], strict=True):
        assert (mine - theirs).norm() <= TOLERANCE[dtype] * theirs.norm()


def test_nothing_is_copied() -> None:
    plain = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1)).requires_grad_(False)
    parameters = dict(plain.named_parameters())
    use_products(plain)
    assert all(mine is parameters[name] for name, mine in plain.named_parameters())
    layer = plain[0]
    use_products(plain)
    assert plain[0] is layer


def test_others_stay_as_they_are() -> None:
    model = nn.Sequential(
        nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        nn.Conv2d(8, 8, 3, padding=1, groups=2),
        nn.Conv2d(8, 8, 3, padding="same"),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(8, 8, 3),
    ).requires_grad_(False)
    learning = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1))
    for root in (model, learning):
        use_products(root)
        assert all(type(layer) is nn.Conv2d for layer in root)


def test_a_weight_that_learns_after_all_gets_its_gradient() -> None:
    _, ours = both(nn.Conv2d(24, 24, 3, padding=1), torch.float32)
    ours.requires_grad_(True)
    ours(torch.randn(1, 24, 2, 2)).sum().backward()
    assert ours[0].weight.grad.abs().sum() > 0


def test_a_lora_learns_around_it() -> None:
    gradients = []
    for is_product in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.Conv2d(32, 16, 3, padding=1)).requires_grad_(False)
        down, up = (torch.randn(shape).requires_grad_() for shape in ((4, 16, 3, 3), (32, 4, 1, 1)))
        wrap(model, "0").adapters.append(Adapter(down, up))
        if is_product:
            use_products(model)
            assert isinstance(model[0], LoraConv2d)
            assert type(model[0].base) is FrozenConv2d
        model(torch.randn(2, 16, 2, 2)).square().sum().backward()
        gradients.append((down.grad, up.grad))
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_a_base_that_was_laid_out_has_the_same_layers_to_train(tiny_base_directory: Path) -> None:
    base = load_base(Model(base=str(tiny_base_directory)), device=torch.device("cpu"), dtype=torch.float32)
    network = Network(conv_rank=4, conv_alpha=2)
    before = trained_layers({"unet": base.unet}, network)
    base.lay_out()
    assert any(type(module) is FrozenConv2d for module in base.unet.modules())
    assert trained_layers({"unet": base.unet}, network) == before
