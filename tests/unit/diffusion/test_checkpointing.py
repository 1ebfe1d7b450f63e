"""Checkpointing by levels: the same gradients from fewer activations, and off again."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from diffusers import UNet2DConditionModel

from loratui.diffusion.checkpointing import checkpoint_levels, levels_of
from loratui.diffusion.loading_checkpoint import shipped_configs
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.lora_file.naming import BaseFamily, Component
from loratui.profile.schema import Network
from tests.tiny_base import CROSS_ATTENTION_DIM, tiny_unet

LEVELS = 3


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return tiny_unet(
        block_out_channels=(16, 32, 32),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ).requires_grad_(False)


@pytest.fixture(scope="module")
def network(unet: UNet2DConditionModel) -> LoraNetwork:
    components: dict[Component, torch.nn.Module] = {"unet": unet}
    layers = trained_layers(components, Network(rank=4, alpha=4.0, conv_rank=2, conv_alpha=2.0))
    network = LoraNetwork(components, layers, seed=1, device=torch.device("cpu"), dtype=torch.float32)
    torch.manual_seed(2)
    for target in network.targets:
        network.factors(target.key)[1].normal_(std=0.05)  # a fresh LoRA's gradients are half zeros
    network.refresh_shadows()
    return network


@pytest.fixture(autouse=True)
def switched_off_again(unet: UNet2DConditionModel) -> Iterator[None]:
    yield
    unet.disable_gradient_checkpointing()


def loss_of(unet: UNet2DConditionModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    noisy = torch.randn(2, 4, 16, 16, generator=generator)
    text = torch.randn(2, 77, CROSS_ATTENTION_DIM, generator=generator)
    return unet(noisy, torch.tensor([10, 700]), text).sample.square().mean()


def gradient_of(unet: UNet2DConditionModel, network: LoraNetwork) -> torch.Tensor:
    network.clear_gradients()
    loss_of(unet).backward()
    network.collect_gradients()
    return network.groups[0].gradient.clone()


def kept_bytes(unet: UNet2DConditionModel, network: LoraNetwork) -> int:
    """Bytes that a forward pass keeps for the backward pass, each storage once, weights aside."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in (*unet.parameters(), *shadows(network))}
    kept: dict[int, torch.Tensor] = {}  # holds them, so that no address is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(unet)
    return sum(tensor.untyped_storage().nbytes() for address, tensor in kept.items() if address not in weights)


def shadows(network: LoraNetwork) -> Iterator[torch.Tensor]:
    for target in network.targets:
        adapter = network.adapter(target.key)
        yield from (adapter.down, adapter.up)


def test_no_gradient_depends_on_the_levels(unet: UNet2DConditionModel, network: LoraNetwork) -> None:
    plain = gradient_of(unet, network)
    assert plain.count_nonzero() > 0.9 * plain.numel()
    for count in range(1, LEVELS + 1):
        checkpoint_levels(unet, count)
        torch.testing.assert_close(gradient_of(unet, network), plain, rtol=1e-6, atol=1e-9)


def test_every_level_keeps_fewer_activations(unet: UNet2DConditionModel, network: LoraNetwork) -> None:
    assert levels_of(unet) == LEVELS
    kept = []
    for count in range(LEVELS + 1):
        checkpoint_levels(unet, count)
        kept.append(kept_bytes(unet, network))
    saved = [before - after for before, after in pairwise(kept)]
    assert all(bytes > 0 for bytes in saved)
    assert saved[0] == max(saved)


def test_all_levels_are_all_that_diffusers_checkpoints(unet: UNet2DConditionModel) -> None:
    def checkpointed() -> set[str]:
        return {name for name, module in unet.named_modules() if getattr(module, "gradient_checkpointing", False)}

    unet.enable_gradient_checkpointing()
    everything = checkpointed()
    checkpoint_levels(unet, LEVELS)
    assert checkpointed() == everything
    checkpoint_levels(unet, 1)
    assert {name.rsplit(".attentions")[0] for name in checkpointed()} == {"down_blocks.0", "up_blocks.2"}
    checkpoint_levels(unet, 0)
    assert checkpointed() == set()


@pytest.mark.parametrize(("family", "order"), [("sd1", [0, 1, 2, 3]), ("sd2", [0, 1, 2, 3]), ("sdxl", [2, 1, 0])])
def test_the_level_that_keeps_most_is_the_first(family: BaseFamily, order: list[int]) -> None:
    """As counted on meta tensors (tests/benchmarks/memory.py): the innermost level of SDXL keeps two thirds."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(shipped_configs(family) / "unet"))
    found: list[int] = []
    for count in range(1, len(order) + 1):
        checkpoint_levels(unet, count)
        now = [number for number, block in enumerate(unet.down_blocks) if block.gradient_checkpointing]
        found += [number for number in now if number not in found]
    assert found == order
