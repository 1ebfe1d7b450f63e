"""What a checkpoint must hold: all of the published architectures, and what of them a file may lack is said."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

from loratui.diffusion.loading_checkpoint import shipped_configs
from loratui.errors import BaseModelError
from loratui.hub.checkpoint import check_whole
from loratui.hub.kinds import FamilyName
from loratui.hub.whole_checkpoint import missing_tensors
from tests.original_layout import original_vae
from tests.unit.hub import original_shapes as original
from tests.unit.hub.checkpoints import write_checkpoint
from tests.unit.hub.original_shapes import Shapes

FAMILIES = [("SD 1.x", original.SD1), ("SD 2.x", original.SD2), ("SDXL", original.SDXL)]
# What a file may spell otherwise or leave out.
OPTIONAL = (".attn_1.", ".text_projection", ".resblocks.23.")


@pytest.fixture(scope="module")
def vae() -> Shapes:
    """The tensors of the VAE that all families have, as its class makes them."""
    with torch.device("meta"):
        model = AutoencoderKL.from_config(AutoencoderKL.load_config(shipped_configs("sd1") / "vae"))
    return {f"first_stage_model.{name}": tuple(tensor.shape) for name, tensor in original_vae(model).items()}


@pytest.mark.parametrize(("name", "shapes"), FAMILIES)
def test_nothing_is_missing_of_a_whole_checkpoint(name: FamilyName, shapes: Shapes, vae: Shapes) -> None:
    whole = shapes | vae
    assert missing_tensors(whole, name)[0] == []
    missing, needed = missing_tensors([], name)
    assert len(missing) == needed == len(set(missing))
    left = set(whole) - set(missing)
    assert all(any(part in key for part in OPTIONAL) for key in left)


def test_a_text_encoder_of_the_first_mixes_is_whole(vae: Shapes) -> None:
    old = {key.replace(".transformer.text_model.", ".transformer."): shape for key, shape in original.SD1.items()}
    assert missing_tensors(old | vae, "SD 1.x")[0] == []


def test_what_a_checkpoint_lacks_is_counted_and_named(tmp_path: Path, vae: Shapes) -> None:
    whole = original.SD1 | vae
    cut = {key: shape for key, shape in whole.items() if ".output_blocks." not in key}
    file = write_checkpoint(tmp_path / "cut.safetensors", cut)
    with pytest.raises(BaseModelError) as caught:
        check_whole(file, with_vae=True)
    assert caught.value.what == (
        "cut.safetensors is no whole SD 1.x model: of its 1,110 tensors 384 are missing: "
        "model.diffusion_model.output_blocks.0.0.in_layers.0.weight, "
        "model.diffusion_model.output_blocks.0.0.in_layers.0.bias, "
        "model.diffusion_model.output_blocks.0.0.in_layers.2.weight and 381 more."
    )
    check_whole(write_checkpoint(tmp_path / "whole.safetensors", whole), with_vae=True)


def test_a_vae_of_its_own_is_asked_for_where_it_is_used(tmp_path: Path) -> None:
    file = write_checkpoint(tmp_path / "mix.safetensors", original.SD1)
    check_whole(file, with_vae=False)
    with pytest.raises(BaseModelError, match="first_stage_model"):
        check_whole(file, with_vae=True)


def test_another_shape_is_left_to_its_own_configuration(tmp_path: Path) -> None:
    readers = {key for key in original.SD1 if key.endswith(".attn2.to_k.weight")}
    tiny = {key: (8, 32) if key in readers else (8,) * len(shape) for key, shape in original.SD1.items()}
    del tiny["model.diffusion_model.middle_block.0.in_layers.0.weight"]
    check_whole(write_checkpoint(tmp_path / "tiny.safetensors", tiny), with_vae=True)
