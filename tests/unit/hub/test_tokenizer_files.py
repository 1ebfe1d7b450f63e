"""The tokenizer that training will use is found without network, or said not to be here."""

from pathlib import Path

import pytest

from loratui.errors import BaseModelError
from loratui.hub.tokenizer_files import TOKENIZER_REPOSITORIES, padding_of, single_file_tokenizer, tokenizer_folder
from loratui.profile.schema import Model
from tests.unit.hub.in_process import use_endpoint, use_stub
from tests.unit.hub.stub_hub import StubHub


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


def test_a_single_file_says_where_its_tokenizer_is_from(tmp_path: Path, cache: Path) -> None:
    xl, subfolder = TOKENIZER_REPOSITORIES[-1]
    snapshot = put_into_cache(cache, xl, f"{subfolder}/vocab.json", f"{subfolder}/merges.txt")
    found = single_file_tokenizer("")
    assert (found.folder, found.source, found.name) == (snapshot / subfolder, "the cache", xl)
    assert found.told == f"The tokenizer is that of {xl} (the cache)."
    (tmp_path / "configs" / "tokenizer").mkdir(parents=True)
    (tmp_path / "configs" / "tokenizer" / "tokenizer.json").write_text("{}")
    assert single_file_tokenizer(str(tmp_path / "configs")).source == "model.config"


def test_a_tokenizer_that_is_nowhere_is_brought_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, subfolder = TOKENIZER_REPOSITORIES[1]
    files = {"vocab.json": b"{}", "merges.txt": b"#version", "model.safetensors": b"not wanted"}
    hub_files = {f"{subfolder}/{name}": content for name, content in files.items()}
    with StubHub({repository: hub_files}) as hub:  # the first repository is not there
        use_stub(hub, tmp_path / "hf", monkeypatch)
        found = single_file_tokenizer("")
        assert (found.source, found.name) == ("the hub", repository)
        assert {path.name for path in found.folder.iterdir()} == {"vocab.json", "merges.txt"}
        assert single_file_tokenizer("").source == "the cache"


def test_a_tokenizer_that_is_nowhere_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(BaseModelError, match="holds no tokenizer") as caught:
        single_file_tokenizer(str(tmp_path))
    assert "model.config" in caught.value.todo


def test_open_clip_fills_up_with_the_first_of_the_vocabulary() -> None:
    assert padding_of("sd1", "text_encoder") == padding_of("sdxl", "text_encoder") == "<|endoftext|>"
    assert padding_of("sd2", "text_encoder") == padding_of("sdxl", "text_encoder_2") == "!"


def test_a_base_that_is_nothing_has_none() -> None:
    assert tokenizer_folder(Model(base="/nowhere/at/all.safetensors")) is None
