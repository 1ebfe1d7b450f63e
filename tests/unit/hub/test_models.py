"""What a base model's name means, without any network."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from loratui.errors import BaseModelError
from loratui.hub.location import CONVERSION
from loratui.hub.models import BaseLocation, fetch, locate
from loratui.lora_file.header import read_header
from tests.permissions import bound_by_permissions
from tests.unit.hub.checkpoints import write_checkpoint

EMPTY_SAFETENSORS = b"\x02\0\0\0\0\0\0\0{}"


def refusal(base: str) -> BaseModelError:
    with pytest.raises(BaseModelError) as caught:
        locate(base)
    return caught.value


@pytest.mark.parametrize(
    ("base", "repo_id", "filename", "revision"),
    [
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "stable-diffusion-v1-5/stable-diffusion-v1-5", "", "main"),
        (" owner/name.v2 ", "owner/name.v2", "", "main"),
        ("owner/repo/file.safetensors", "owner/repo", "file.safetensors", "main"),
        ("owner/repo/a/b c/file.safetensors", "owner/repo", "a/b c/file.safetensors", "main"),
        ("https://huggingface.co/owner/repo", "owner/repo", "", "main"),
        ("https://huggingface.co/owner/repo/", "owner/repo", "", "main"),
        ("https://huggingface.co/owner/repo/tree/main", "owner/repo", "", "main"),
        ("https://hf.co/owner/repo/tree/fp16", "owner/repo", "", "fp16"),
        ("https://huggingface.co/o/r/blob/main/x.safetensors", "o/r", "x.safetensors", "main"),
        (
            "https://huggingface.co/o/r/resolve/main/d/x%20y.safetensors?download=true",
            "o/r",
            "d/x y.safetensors",
            "main",
        ),
        ("HTTPS://HuggingFace.co/o/r/blob/0a1b/x.safetensors", "o/r", "x.safetensors", "0a1b"),
    ],
)
def test_hub_forms(base: str, repo_id: str, filename: str, revision: str) -> None:
    location = locate(base)
    assert location.kind == ("hub_file" if filename else "hub")
    assert (location.repo_id, location.filename, location.revision) == (repo_id, filename, revision)
    assert location.path is None


def test_a_url_of_the_configured_endpoint_is_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://hub.example:8080/o/r/blob/main/x.safetensors"
    assert "not Hugging Face" in refusal(url).what
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example:8080")
    assert locate(url).kind == "hub_file"


def test_demo_is_the_packaged_base_even_beside_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    location = locate("demo")
    assert location.kind == "demo"
    assert location.path is not None
    assert location.path.parts[-2:] == ("demo", "base")


def test_a_diffusers_folder_and_a_single_file_are_found_and_returned(tmp_path: Path) -> None:
    folder = tmp_path / "my base"
    folder.mkdir()
    (folder / "model_index.json").write_text("{}")
    file = tmp_path / "mix.safetensors"
    file.write_bytes(EMPTY_SAFETENSORS)
    assert locate(str(folder)) == BaseLocation("directory", "my base", folder)
    assert locate(str(file)) == BaseLocation("file", "mix", file)
    assert fetch(locate(str(folder))) == folder
    assert fetch(locate(str(file))) == file


def test_a_folder_that_looks_like_an_id_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "model_index.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert locate("owner/name").kind == "directory"
    assert locate("owner/other").kind == "hub"


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mix.safetensors").write_bytes(EMPTY_SAFETENSORS)
    assert locate("~/mix.safetensors").path == tmp_path / "mix.safetensors"
    assert "home directory" in refusal("~nobody-of-that-name/x").what


def test_what_is_gone_between_locate_and_fetch_is_said(tmp_path: Path) -> None:
    file = tmp_path / "mix.safetensors"
    file.write_bytes(EMPTY_SAFETENSORS)
    location = locate(str(file))
    file.unlink()
    with pytest.raises(BaseModelError, match="no base model"):
        fetch(location)


@pytest.mark.parametrize(
    "base",
    [
        "",
        "  ",
        "one-word",
        "a/b/c",
        "a/b/c.txt",
        "../x/y.safetensors",
        "a/../b.safetensors",
        "a/b/../c.safetensors",
        "https://civitai.com/models/1",
        "https://huggingface.co/",
        "https://huggingface.co/datasets/o/r",
        "https://huggingface.co/o/r/discussions/1",
        "https://huggingface.co/o/r/blob/main/",
        "https://huggingface.co/o/r/blob/main/../../x.safetensors",
        "https://me:secret@huggingface.co/o/r",
        "https://[/",
        "C:\\models\\x.safetensors",
        "owner/name\x1b[2J",
        "x" * 5000,
        "o/r/x.safetensors\0",
        "hf_aaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_everything_else_is_refused_with_what_to_do(base: str) -> None:
    error = refusal(base)
    assert error.todo
    assert "\x1b" not in str(error)
    assert "secret" not in str(error)


def test_pickled_files_are_refused_with_the_way_to_convert_them(tmp_path: Path) -> None:
    (tmp_path / "sd.ckpt").write_bytes(b"pickle")
    for base in (str(tmp_path / "sd.ckpt"), str(tmp_path / "gone.ckpt"), "o/r/sd.ckpt", "models/sd.ckpt"):
        assert "AUTOMATIC1111" in refusal(base).todo
        assert "weights_only=True" in refusal(base).todo


def test_the_command_that_converts_does_so_and_runs_nothing(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    old, new = tmp_path / "old.ckpt", tmp_path / "new.safetensors"
    one = torch.ones(2, 3)
    torch.save({"state_dict": {"a": one, "same": one, "turned": one.t(), "step": 5}}, old)
    command = CONVERSION.replace("python", sys.executable, 1).replace("OLD.ckpt", str(old))
    command = command.replace("NEW.safetensors", str(new))
    subprocess.run(command, shell=True, check=True)
    assert set(read_header(new).tensors) == {"a", "same", "turned"}
    old.write_bytes(pickle.dumps({"state_dict": Trap(tmp_path / "sprung")}))
    assert subprocess.run(command, shell=True, check=False, capture_output=True).returncode != 0
    assert not (tmp_path / "sprung").exists()


class Trap:
    """What runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("base", ["o/r/flux-Q4.gguf", "{folder}/flux-Q4.gguf"])
def test_quantised_files_are_refused_by_their_name(tmp_path: Path, base: str) -> None:
    (tmp_path / "flux-Q4.gguf").write_bytes(b"GGUF")
    error = refusal(base.format(folder=tmp_path))
    assert "quantised" in error.what
    assert "fp16" in error.todo


def test_a_typing_slip_in_a_path_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "emi-mix.safetensors").write_bytes(EMPTY_SAFETENSORS)
    assert str(tmp_path / "models/emi-mix.safetensors") in refusal(str(tmp_path / "models/emi_mix.safetensors")).todo
    assert str(tmp_path / "models") in refusal(str(tmp_path / "model/emi-mix.safetensors")).todo
    assert str(tmp_path / "models/emi-mix.safetensors") in refusal(str(tmp_path / "models")).todo


def test_what_cannot_be_a_base_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "pointer.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "page.safetensors").write_bytes(b"<!DOCTYPE html><html></html>")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.safetensors").mkdir()
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "nowhere")
    assert "empty (0 bytes)" in refusal(str(tmp_path / "empty.safetensors")).what
    pointer, page = (refusal(str(tmp_path / f"{name}.safetensors")) for name in ("pointer", "page"))
    assert "a Git LFS pointer, not the file itself (" in pointer.what
    assert "git lfs pull" in pointer.todo
    assert "a web page, not safetensors (" in page.what
    assert "asked for a login" in page.todo
    assert "not a .safetensors file" in refusal(str(tmp_path / "notes.txt")).what
    assert "no model_index.json" in refusal(str(tmp_path / "folder.safetensors")).what
    assert "not a .safetensors file" in refusal(str(tmp_path / "pipe.safetensors")).what
    assert "link to something" in refusal(str(tmp_path / "link.safetensors")).what


def test_locating_needs_neither_torch_nor_the_hub_library() -> None:
    code = "import sys, loratui.hub.models; sys.exit(any(m in sys.modules for m in ('torch', 'huggingface_hub')))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


@pytest.mark.parametrize("locked", ["mixes", "mixes/mix.safetensors"])
def test_what_may_not_be_read_is_said_in_a_sentence(tmp_path: Path, locked: str) -> None:
    base = write_checkpoint(tmp_path / "mixes" / "mix.safetensors")
    (tmp_path / locked).chmod(0)
    try:
        with pytest.raises(BaseModelError, match=r"mix\.safetensors cannot be read: Permission|There is no"):
            bound_by_permissions(lambda: locate(str(base)))
    finally:
        (tmp_path / locked).chmod(0o700)


def test_a_slip_in_the_demos_name_is_told() -> None:
    assert refusal("dem").todo.startswith("Did you mean demo? A base is a Hugging Face id")
