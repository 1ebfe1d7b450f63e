"""The written file is proven by loading it with diffusers; a file that lies is found out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.errors import TrainingError
from loratui.lora_file.naming import Component
from loratui.profile.schema import Network
from loratui.training.export import write_lora
from loratui.training.verification import BOUND, verify_file


def trained(base: BaseModel, *, text: bool, conv: bool = False, alpha: float = 2.0, size: float = 0.05) -> LoraNetwork:
    components: dict[Component, torch.nn.Module] = {"unet": base.unet}
    if text:
        components["text_encoder"] = base.text_encoder
    settings = Network(rank=4, alpha=alpha, conv_rank=2 if conv else 0)
    network = LoraNetwork(
        components, trained_layers(components, settings), seed=1, device=base.device, dtype=base.dtype
    )
    generator = torch.Generator().manual_seed(5)
    for target in network.targets:
        _, up = network.factors(target.key)
        up.copy_(torch.randn(up.shape, generator=generator) * size)
    network.refresh_shadows()
    return network


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize(("text", "conv"), [(False, False), (True, False), (True, True)])
def test_a_true_file_passes_within_its_precision(
    base: BaseModel, tmp_path: Path, precision: str, text: bool, conv: bool
) -> None:
    network = trained(base, text=text, conv=conv)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, precision).path
    result = verify_file(base, network, file, precision=precision, caption="Emi")
    assert 0 <= result.error < BOUND / 10
    assert result.layers == len(network.targets)


@pytest.mark.parametrize("size", [1e-2, 1e-4, 1e-6])
def test_small_deltas_at_an_odd_scale_pass_too(base: BaseModel, tmp_path: Path, size: float) -> None:
    network = trained(base, text=True, alpha=1.25, size=size)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "fp16").path
    result = verify_file(base, network, file, precision="fp16", caption="Emi")
    assert result.error <= result.bound


def test_the_base_is_bare_and_in_its_own_precision_afterwards(base: BaseModel, tmp_path: Path) -> None:
    base.unet.to(torch.bfloat16)
    base.text_encoder.to(torch.bfloat16)
    base.dtype = torch.bfloat16
    before = {name: tensor.clone() for name, tensor in base.unet.state_dict().items()}
    network = trained(base, text=True)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "fp16").path
    verify_file(base, network, file, precision="fp16", caption="Emi")
    after = base.unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert next(base.text_encoder.parameters()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda name, t: t * 1.1 if name.endswith("attn1_to_q.lora_up.weight") else t, "differs by"),
        (lambda name, t: t * 2 if name.endswith(".alpha") else t, "differs by"),
        (lambda name, t: t * 0 if "lora_te" in name and "lora_up" in name else t, "differs by"),
    ],
    ids=["one layer off", "alpha doubled", "text encoder lost"],
)
def test_a_file_that_differs_from_the_training_fails_with_its_number(
    base: BaseModel, tmp_path: Path, damage: object, what: str
) -> None:
    network = trained(base, text=True)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "fp32").path
    save_file({name: damage(name, t) for name, t in load_file(file).items()}, file)  # type: ignore[operator]
    with pytest.raises(TrainingError, match=what):
        verify_file(base, network, file, precision="fp32", caption="Emi")
    assert file.is_file()


def test_a_lost_module_is_named(base: BaseModel, tmp_path: Path) -> None:
    network = trained(base, text=False)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "fp32").path
    save_file({name: t for name, t in load_file(file).items() if "mid_block_attentions_0_proj_in" not in name}, file)
    with pytest.raises(TrainingError, match=r"mid_block\.attentions\.0\.proj_in"):
        verify_file(base, network, file, precision="fp32", caption="Emi")


def test_a_lora_that_learnt_nothing_fails(base: BaseModel, tmp_path: Path) -> None:
    components: dict[Component, torch.nn.Module] = {"unet": base.unet}
    network = LoraNetwork(
        components, trained_layers(components, Network(rank=2)), seed=1, device=base.device, dtype=base.dtype
    )
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "fp16").path
    with pytest.raises(TrainingError, match="changes nothing"):
        verify_file(base, network, file, precision="fp16", caption="Emi")
