"""Which files of a repository make a base."""

import json
from pathlib import Path

import pytest

from loratui.errors import BaseModelError
from loratui.hub.repository import is_complete, wanted_files

SMALL = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "text_encoder/config.json",
    "unet/config.json",
    "vae/config.json",
]


def listing(ending: str) -> list[str]:
    stems = ("text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model")
    return [*SMALL, *(stem + ending for stem in stems)]


def test_plain_weights_are_preferred_to_half_precision_and_pickles() -> None:
    everything = {*listing(".safetensors"), *listing(".fp16.safetensors"), *listing(".bin"), "README.md", "x.ckpt"}
    everything.add("unet/diffusion_pytorch_model.non_ema.safetensors")
    assert sorted(wanted_files(everything, "o/r")) == sorted(listing(".safetensors"))


def test_half_precision_weights_are_taken_where_there_are_no_others() -> None:
    assert sorted(wanted_files(listing(".fp16.safetensors"), "o/r")) == sorted(listing(".fp16.safetensors"))


def test_components_do_not_mix_precisions() -> None:
    mixed = [*listing(".fp16.safetensors"), "unet/diffusion_pytorch_model.safetensors"]
    assert "unet/diffusion_pytorch_model.safetensors" not in wanted_files(mixed, "o/r")


def test_pickles_alone_are_refused() -> None:
    with pytest.raises(BaseModelError, match="only as pickled files"):
        wanted_files(listing(".bin"), "o/r")


def test_another_architecture_is_refused_by_what_it_lacks() -> None:
    with pytest.raises(BaseModelError, match="no weights for unet"):
        wanted_files([name for name in listing(".safetensors") if not name.startswith("unet/diff")], "o/r")


@pytest.mark.parametrize("lost", listing(".safetensors"))
def test_a_folder_that_lacks_any_file_is_incomplete(tmp_path: Path, lost: str) -> None:
    for name in listing(".safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert is_complete(tmp_path)
    (tmp_path / lost).unlink()
    assert not is_complete(tmp_path)


def test_shards_come_with_their_index_and_are_counted(tmp_path: Path) -> None:
    stem = "diffusion_pytorch_model"
    shards = [f"unet/{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    names = [n for n in listing(".safetensors") if n != f"unet/{stem}.safetensors"]
    names += [f"unet/{stem}.safetensors.index.json", *shards]
    assert sorted(wanted_files(names, "o/r")) == sorted(names)
    weight_map = {"a": Path(shards[0]).name, "b": Path(shards[1]).name}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"weight_map": weight_map}))
    assert is_complete(tmp_path)
    (tmp_path / shards[1]).unlink()
    assert not is_complete(tmp_path)
