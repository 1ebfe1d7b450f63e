"""The exported file of each family is proven by diffusers, text encoders and convolutions included."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.errors import TrainingError
from loratui.profile.schema import Model, Network
from loratui.training.export import write_lora
from loratui.training.verification import BOUND, verify_file
from tests.tiny_base import write_tiny_sd2, write_tiny_xl


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny SD 2.x and a tiny SDXL on the disk."""
    writers: dict[str, Callable[[Path], Path]] = {"sd2": write_tiny_sd2, "sdxl": write_tiny_xl}
    return {family: write(tmp_path_factory.mktemp(family) / family) for family, write in writers.items()}


@pytest.fixture(params=["sd2", "sdxl"])
def base(request: pytest.FixtureRequest, directories: dict[str, Path]) -> BaseModel:
    """Each of them in fp32."""
    directory = directories[request.param]
    return load_base(Model(base=str(directory)), device=torch.device("cpu"), dtype=torch.float32)


def trained(base: BaseModel, *, text: bool, conv: bool) -> LoraNetwork:
    """A LoRA that has learnt something."""
    components = {name: model for name, model in base.components.items() if text or name == "unet"}
    settings = Network(rank=4, alpha=3.0, conv_rank=3 if conv else 0, conv_alpha=1.0)
    targets = trained_layers(components, settings, base.family)
    network = LoraNetwork(components, targets, seed=1, device=base.device, dtype=base.dtype)
    generator = torch.Generator().manual_seed(5)
    for target in targets:
        _, up = network.factors(target.key)
        up.copy_(torch.randn(up.shape, generator=generator) * 0.05)
    network.refresh_shadows()
    return network


@pytest.mark.parametrize(
    ("text", "conv", "precision"),
    [(False, False, "fp16"), (True, False, "fp16"), (True, True, "fp32"), (True, True, "fp16"), (True, True, "bf16")],
)
def test_a_true_file_passes_within_its_precision(
    base: BaseModel, tmp_path: Path, text: bool, conv: bool, precision: str
) -> None:
    network = trained(base, text=text, conv=conv)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, precision).path
    result = verify_file(base, network, file, precision=precision, caption="Emi, red hat")
    assert 0 <= result.error < BOUND / 10
    assert result.layers == len(network.targets)


def test_each_text_encoder_counts(base: BaseModel, tmp_path: Path) -> None:
    for text in base.texts:
        network = trained(base, text=True, conv=False)
        file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "fp32").path
        first = next(target.key for target in network.targets if target.component == text.component)
        tensors = load_file(file)
        tensors[f"{first}.lora_up.weight"] *= 0
        save_file(tensors, file)
        with pytest.raises(TrainingError, match="differs by"):
            verify_file(base, network, file, precision="fp32", caption="Emi, red hat")


def test_a_lost_module_is_named(base: BaseModel, tmp_path: Path) -> None:
    network = trained(base, text=True, conv=True)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "fp32").path
    lost = next(target for target in network.targets if target.path.endswith("mid_block.attentions.0.proj_in"))
    save_file({name: tensor for name, tensor in load_file(file).items() if not name.startswith(lost.key)}, file)
    with pytest.raises(TrainingError, match=lost.path.replace(".", r"\.")):
        verify_file(base, network, file, precision="fp32", caption="Emi, red hat")


def test_the_base_is_bare_and_in_its_own_precision_afterwards(base: BaseModel, tmp_path: Path) -> None:
    base.dtype = torch.bfloat16
    for model in base.components.values():
        model.to(torch.bfloat16)
    before = {
        (name, key): value.clone()
        for name, model in base.components.items()
        for key, value in model.state_dict().items()
    }
    network = trained(base, text=True, conv=True)
    file = write_lora(tmp_path / "emi.safetensors", network.state_dict(), {}, "bf16").path
    verify_file(base, network, file, precision="bf16", caption="Emi, red hat")
    after = {(name, key): value for name, model in base.components.items() for key, value in model.state_dict().items()}
    assert before.keys() == after.keys()
    assert all(torch.equal(after[place], value) for place, value in before.items())
