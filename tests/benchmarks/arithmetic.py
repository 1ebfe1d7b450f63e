"""The arithmetic that a training step cannot do without, counted on tensors without values, and the rate to hold it to.

A step is the UNet's forward pass and the backward pass for activations and LoRA factors; the frozen weights get no
gradients. Counted are the multiplications and additions of matrix products, convolutions and attention.
"""

import time
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from loratui.diffusion.loading_checkpoint import shipped_configs
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.lora_file.naming import Component
from loratui.profile.schema import Network
from tests.benchmarks.random_base import FAMILIES

_MATRIX = {"cpu": 2048, "cuda": 8192}
_SECONDS = 2.0


@dataclass(frozen=True)
class Arithmetic:
    """One step in floating-point operations: of the bare UNet's forward pass, and of all of it."""

    forward: int
    step: int


def count_step(arch: str, resolution: int, batch: int, rank: int) -> Arithmetic:
    """Count a step of a LoRA on the UNet of "sd15", "sd21" or "sdxl"; no memory is taken."""
    family = FAMILIES[arch]
    config = UNet2DConditionModel.load_config(shipped_configs(family) / "unet")
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config).requires_grad_(False).eval()
    assert isinstance(unet, nn.Module)
    components: dict[Component, nn.Module] = {"unet": unet}
    side = resolution // 8
    shapes = {"sample": (batch, 4, side, side), "encoder_hidden_states": (batch, 77, unet.config.cross_attention_dim)}
    inputs: dict[str, object] = {name: torch.zeros(shape, device="meta") for name, shape in shapes.items()}
    inputs["timestep"] = torch.zeros(batch, device="meta")
    if family == "sdxl":
        told = {
            "text_embeds": torch.zeros(batch, 1280, device="meta"),
            "time_ids": torch.zeros(batch, 6, device="meta"),
        }
        inputs["added_cond_kwargs"] = told
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        unet(**inputs)
    layers = trained_layers(components, Network(rank=rank, alpha=rank / 2), family)
    LoraNetwork(components, layers, seed=0, device=torch.device("meta"), dtype=torch.float32)
    with FlopCounterMode(display=False) as step:
        unet(**inputs).sample.sum().backward()
    return Arithmetic(forward.get_total_flops(), step.get_total_flops())


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Measure the device's rate at products of large square matrices, in floating-point operations a second."""
    size = _MATRIX[device]
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        left @ right
    wait()
    began, products = time.monotonic(), 0
    while time.monotonic() - began < _SECONDS:
        for _ in range(5):
            left @ right
        wait()
        products += 5
    return products * 2 * size**3 / (time.monotonic() - began)
