"""LoRA dropout: a share of values, the same for a sample wherever its batch is cut."""

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.profile.schema import Network
from loratui.training.dropout import LoraDropout


@pytest.fixture
def network(base: BaseModel) -> LoraNetwork:
    components = {"unet": base.unet}
    return LoraNetwork(
        components, trained_layers(components, Network(rank=8)), seed=1, device=base.device, dtype=base.dtype
    )


def test_the_rate_is_kept_and_the_mean_unchanged(network: LoraNetwork) -> None:
    dropout = LoraDropout(network, 0.25, seed=1)
    dropout.switch_on(step=0, position=0)
    dropped = network.adapter(network.targets[0].key).drop(torch.ones(4, 256, 8))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)


def test_masks_belong_to_step_sample_and_layer(network: LoraNetwork) -> None:
    dropout = LoraDropout(network, 0.5, seed=1)
    adapters = [network.adapter(target.key) for target in network.targets]
    ones = torch.ones(4, 16, 8)
    dropout.switch_on(step=3, position=0)
    whole = adapters[0].drop(ones)
    other_layer = adapters[1].drop(ones)
    dropout.switch_on(step=3, position=2)
    tail = adapters[0].drop(ones[:2])
    dropout.switch_on(step=4, position=0)
    next_step = adapters[0].drop(ones)
    assert torch.equal(whole[2:], tail)
    assert not torch.equal(whole[0], whole[1])
    assert not torch.equal(whole, other_layer)
    assert not torch.equal(whole, next_step)


def test_switched_off_everything_passes(network: LoraNetwork) -> None:
    dropout = LoraDropout(network, 0.5, seed=1)
    dropout.switch_on(step=0, position=0)
    dropout.switch_off()
    ones = torch.ones(2, 4, 8)
    assert network.adapter(network.targets[0].key).drop(ones) is ones
