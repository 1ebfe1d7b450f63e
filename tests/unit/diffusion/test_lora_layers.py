"""The LoRA layers against numbers worked out by hand and against the merged weight."""

import pytest
import torch
from torch import nn

from loratui.diffusion.lora_layers import Adapter, LoraLinear, remove, unwrapped_modules, wrap


def test_adapted_weight_is_the_one_worked_out_by_hand() -> None:
    # W = [[1, 2], [3, 4]], A = [[1, 0]], B = [[2], [1]], alpha 4, rank 1, strength 0.5:
    # strength · (alpha ÷ rank) · B·A = 0.5 · 4 · [[2, 0], [1, 0]] = [[4, 0], [2, 0]], so W' = [[5, 2], [5, 4]].
    base = nn.Linear(2, 2, bias=False)
    base.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = LoraLinear(base)
    alpha, rank, strength = 4.0, 1, 0.5
    scaled_up = (alpha / rank) * torch.tensor([[2.0], [1.0]])
    layer.adapters.append(Adapter(torch.tensor([[1.0, 0.0]]), scaled_up, torch.tensor(strength)))

    outputs = layer(torch.eye(2)).T  # row i of the input picks column i of W'

    assert torch.equal(outputs, torch.tensor([[5.0, 2.0], [5.0, 4.0]]))


@pytest.mark.parametrize(
    "base",
    [
        nn.Linear(6, 5),
        nn.Conv2d(6, 5, 1),
        nn.Conv2d(6, 5, 3, padding=1),
        nn.Conv2d(6, 5, 3, stride=2, padding=1),
    ],
    ids=["linear", "conv 1x1", "conv 3x3", "conv 3x3 with stride"],
)
def test_forward_equals_the_merged_weight(base: nn.Module) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(base)
    rank, strength = 2, 0.7
    kernel = base.weight.shape[2:]
    down = torch.randn(rank, 6, *kernel)
    up = torch.randn(5, rank, *[1] * len(kernel))
    x = torch.randn(3, 6, 8, 8) if kernel else torch.randn(3, 4, 6)
    wrap(model, "0").adapters.append(Adapter(down, up, torch.tensor(strength)))
    with_lora = model(x)

    merged = base.weight + strength * (up.flatten(1) @ down.flatten(1)).view_as(base.weight)
    base.weight.data = merged.detach()
    model[0].adapters.clear()

    torch.testing.assert_close(with_lora, model(x), rtol=1e-5, atol=1e-5)


def test_each_sample_has_its_own_strength() -> None:
    torch.manual_seed(0)
    layer = LoraLinear(nn.Linear(4, 4))
    adapter = Adapter(torch.randn(2, 4), torch.randn(4, 2), torch.tensor([0.0, 0.5, 1.0]))
    layer.adapters.append(adapter)
    x = torch.randn(1, 7, 4).expand(3, 7, 4)

    rows = layer(x)

    assert torch.equal(rows[0], layer.base(x)[0])
    torch.testing.assert_close(rows[1], (rows[0] + rows[2]) / 2)
    assert not torch.equal(rows[0], rows[2])


def test_several_adapters_add_up() -> None:
    torch.manual_seed(0)
    layer = LoraLinear(nn.Linear(4, 4))
    first, second = (Adapter(torch.randn(2, 4), torch.randn(4, 2)) for _ in range(2))
    x = torch.randn(3, 4)
    bare = layer(x)
    deltas = []
    for adapter in (first, second):
        layer.adapters = [adapter]
        deltas.append(layer(x) - bare)
    layer.adapters = [first, second]
    torch.testing.assert_close(layer(x), bare + deltas[0] + deltas[1])


def test_the_base_layer_returns_with_the_last_adapter() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    original = model[0]
    adapters = [Adapter(torch.zeros(1, 2), torch.zeros(2, 1)) for _ in range(2)]
    for adapter in adapters:
        wrap(model, "0").adapters.append(adapter)
    remove(model, "0", adapters[0])
    assert isinstance(model[0], LoraLinear)
    remove(model, "0", adapters[1])
    assert model[0] is original


def test_wrapped_layers_keep_their_paths() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    before = [(path, module) for path, module in model.named_modules()]
    wrap(model, "1.0").adapters.append(Adapter(torch.zeros(1, 2), torch.zeros(2, 1)))
    assert list(unwrapped_modules(model)) == before


def test_only_linear_and_convolution_can_be_wrapped() -> None:
    with pytest.raises(TypeError, match="ReLU"):
        wrap(nn.Sequential(nn.ReLU()), "0")
