"""What is said of a LoRA before it is trained, against LoRAs of the same bases; and where only the family is known."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.hub.models import locate
from loratui.hub.presence import presence
from loratui.profile.groups import changed
from loratui.profile.schema import Model, Network, Profile
from loratui.runs.base_parameters import parameters_of
from loratui.runs.lora_size import lora_bytes, lora_parameters
from loratui.training.export import DTYPES, write_lora
from tests.original_layout import write_single_file
from tests.tiny_base import write_tiny_base, write_tiny_sd2, write_tiny_xl
from tests.unit.hub import original_shapes as original
from tests.unit.hub.checkpoints import write_checkpoint
from tests.unit.hub.original_shapes import Shapes

NETWORKS = {
    "unet": Network(rank=5),
    "unet and text": Network(rank=12, train_text_encoder=True),
    "convolutions": Network(rank=4, conv_rank=2),
    "everything": Network(rank=100, conv_rank=3, train_text_encoder=True),
}
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Size:
    parameters: int
    bytes: int


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("bases")
    shutil.copytree(locate("demo").path, folder / "copy")
    written = {
        "sd1": write_tiny_base(folder / "sd1"),
        "sd2": write_tiny_sd2(folder / "sd2"),
        "sdxl": write_tiny_xl(folder / "sdxl"),
        "copy": folder / "copy",
    }
    return {"demo": "demo", **{name: str(path) for name, path in written.items()}}


def said(profile: Profile) -> Size:
    base = presence(profile.model.base)
    parameters = parameters_of(base)
    return Size(lora_parameters(profile, base, parameters), lora_bytes(profile, base, parameters))


def written(profile: Profile) -> tuple[Size, dict[str, torch.Tensor]]:
    """The size of a LoRA as training attaches it, and its tensors."""
    base = load_base(profile.model, device=CPU, dtype=torch.float32)
    learns_text = profile.network.train_text_encoder
    components = {name: model for name, model in base.components.items() if learns_text or name == "unet"}
    layers = trained_layers(components, profile.network, base.family)
    network = LoraNetwork(components, layers, seed=1, device=CPU, dtype=torch.float32)
    tensors = {name: tensor.to(DTYPES[profile.output.precision]) for name, tensor in network.state_dict().items()}
    return Size(network.parameter_count, len(save(tensors))), tensors


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", ["demo", "copy", "sd1", "sd2", "sdxl"])
def test_it_is_that_of_the_lora_that_training_writes(bases: dict[str, str], name: str, network: str) -> None:
    profile = Profile(model=Model(base=bases[name]), network=NETWORKS[network])
    assert said(profile) == written(profile)[0]


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_it_is_that_of_every_precision(bases: dict[str, str], precision: str) -> None:
    profile = changed(Profile(model=Model(base=bases["sd1"])), {"output.precision": precision})
    assert said(profile) == written(profile)[0]


def test_metadata_is_all_that_a_file_has_more(bases: dict[str, str], tmp_path: Path) -> None:
    profile = Profile(model=Model(base=bases["demo"]), network=Network(rank=16))
    lora = write_lora(tmp_path / "emi.safetensors", written(profile)[1], {"ss_network_dim": "16"}, "fp16")
    assert said(profile).parameters == 421_888
    assert 0 < lora.bytes - said(profile).bytes < 250


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", ["sd1", "sd2", "sdxl"])
def test_a_single_file_has_the_layers_of_its_directory(
    bases: dict[str, str], tmp_path: Path, name: str, network: str
) -> None:
    file = write_single_file(Path(bases[name]), tmp_path / "mix.safetensors")
    in_file = said(Profile(model=Model(base=str(file)), network=NETWORKS[network]))
    in_directory = said(Profile(model=Model(base=bases[name]), network=NETWORKS[network]))
    assert in_file.parameters == in_directory.parameters
    # Names of downsamplers depend on how the blocks are divided, which is as usual in all files but such tiny ones.
    assert in_file.bytes == pytest.approx(in_directory.bytes, abs=100)


def test_shards_and_second_copies_are_counted_once(bases: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(bases["sd1"], tmp_path / "base")
    [weights] = (tmp_path / "base" / "unet").glob("*.safetensors")
    for copy in ("diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.non_ema.safetensors"):
        shutil.copy(weights, weights.with_name(copy))
    whole, twice = (parameters_of(presence(base)) for base in (bases["sd1"], str(tmp_path / "base")))
    assert whole == twice


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shapes", [original.SD1, original.SD2, original.SDXL], ids=["sd1", "sd2", "sdxl"])
def test_a_base_that_is_not_here_counts_as_its_family(tmp_path: Path, shapes: Shapes, network: str) -> None:
    profile = Profile(network=NETWORKS[network])
    here = presence(str(write_checkpoint(tmp_path / "mix.safetensors", shapes)))
    elsewhere = replace(here, path=None, here=False)
    by_family = lora_parameters(profile, elsewhere, parameters_of(elsewhere))
    assert by_family == lora_parameters(profile, here, parameters_of(here))
    # All that is left out is the table of contents.
    whole = lora_bytes(profile, here, parameters_of(here))
    assert 0.97 * whole < lora_bytes(profile, elsewhere, None) < whole


def test_a_base_of_which_only_configurations_are_here_counts_as_its_family(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionXLPipeline"}))
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"cross_attention_dim": 2048}))
    assert said(Profile(model=Model(base=str(tmp_path)))).parameters == 16 * 2_659_840
