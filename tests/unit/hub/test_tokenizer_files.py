"""The tokenizer that training will use is found without network, or said not to be here."""

from pathlib import Path

import pytest

from loratui.hub.tokenizer_files import TOKENIZER_REPOSITORIES, tokenizer_folder
from loratui.profile.schema import Model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put_into_cache(cache: Path, repository: str, *names: str) -> Path:
    place = cache / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / "abc"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc")
    for name in names:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_text("{}")
    return snapshot


def checkpoint(folder: Path) -> Path:
    path = folder / "anime.safetensors"
    path.write_bytes((8).to_bytes(8, "little") + b"{}      ")
    return path


def test_the_demo_has_one() -> None:
    folder = tokenizer_folder(Model(base="demo"))
    assert folder is not None
    assert (folder / "tokenizer.json").is_file()


def test_a_directory_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "base" / "tokenizer").mkdir(parents=True)
    (tmp_path / "base" / "model_index.json").write_text("{}")
    base = Model(base=str(tmp_path / "base"))
    assert tokenizer_folder(base) is None
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / "base" / "tokenizer" / name).write_text("")
    assert tokenizer_folder(base) == tmp_path / "base" / "tokenizer"


def test_a_hub_base_has_one_once_it_is_here(cache: Path) -> None:
    base = Model(base="owner/name")
    assert tokenizer_folder(base) is None
    snapshot = put_into_cache(cache, "owner/name", "tokenizer/vocab.json", "tokenizer/merges.txt")
    assert tokenizer_folder(base) == snapshot / "tokenizer"


def test_a_single_file_uses_clips_or_the_configured_one(tmp_path: Path, cache: Path) -> None:
    base = Model(base=str(checkpoint(tmp_path)))
    assert tokenizer_folder(base) is None
    repository, subfolder = TOKENIZER_REPOSITORIES[0]
    snapshot = put_into_cache(cache, repository, "tokenizer.json")
    assert tokenizer_folder(base) == snapshot / subfolder
    (tmp_path / "configs" / "tokenizer").mkdir(parents=True)
    (tmp_path / "configs" / "tokenizer" / "tokenizer.json").write_text("{}")
    base.config = str(tmp_path / "configs")
    assert tokenizer_folder(base) == tmp_path / "configs" / "tokenizer"


def test_a_base_that_is_nothing_has_none() -> None:
    assert tokenizer_folder(Model(base="/nowhere/at/all.safetensors")) is None
