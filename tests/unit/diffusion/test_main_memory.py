"""Parts of a base that have done their work take no memory, and come back as they were."""

import shutil
from pathlib import Path

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.diffusion.main_memory import is_empty
from loratui.diffusion.text import encode_captions
from loratui.errors import BaseModelError
from loratui.generation.sampler import decode
from loratui.profile.schema import Model
from tests.original_layout import write_single_file

CPU = torch.device("cpu")


@pytest.fixture(params=["directory", "file"])
def source(request: pytest.FixtureRequest, tiny_base_directory: Path, tmp_path: Path) -> Model:
    """A base as a folder, and as one file with a configuration beside it."""
    if request.param == "directory":
        return Model(base=str(shutil.copytree(tiny_base_directory, tmp_path / "tiny")))
    file = write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors")
    return Model(base=str(file), config=str(tiny_base_directory))


def loaded(source: Model) -> BaseModel:
    return load_base(source, device=CPU, dtype=torch.bfloat16)


def test_what_was_set_aside_is_read_again_when_it_is_needed(source: Model) -> None:
    base = loaded(source)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    text = encode_captions(base, ["a red disc"], max_token_length=75).states
    picture = decode(base, latents)

    base.set_texts_aside()
    base.set_vae_aside()
    assert is_empty(base.text_encoder)
    assert is_empty(base.vae)

    assert torch.equal(encode_captions(base, ["a red disc"], max_token_length=75).states, text)
    assert is_empty(base.text_encoder), "it goes back after the reading"
    assert torch.equal(decode(base, latents), picture)
    assert not is_empty(base.vae)


def test_all_parts_come_back_at_once(source: Model) -> None:
    base = loaded(source)
    before = {name: tensor.clone() for name, tensor in base.text_encoder.state_dict().items()}
    base.set_texts_aside()
    base.set_vae_aside()
    base.bring_back()
    assert not is_empty(base.vae)
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.text_encoder.state_dict().items())
    assert not any(parameter.requires_grad for parameter in base.text_encoder.parameters())


def test_files_that_went_away_meanwhile_are_told(source: Model) -> None:
    base = loaded(source)
    base.set_texts_aside()
    path = Path(source.base)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(BaseModelError, match=r"text_encoder of .* cannot be read again"), base.reading():
        pass
