import errno
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from loratui.errors import LoraFileError
from loratui.lora_file.install import install
from tests.permissions import bound_by_permissions

KEY = "lora_unet_mid_block_attentions_0_proj_in"


@pytest.fixture
def lora(tmp_path: Path, craft: Any) -> Path:
    path = tmp_path / "output" / "emi.safetensors"
    path.parent.mkdir()
    path.write_bytes(craft.file_of(craft.lora_of(KEY), {"ss_output_name": "emi"}))
    return path


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize(
    "below", ["models/Lora", "models/loras", "ComfyUI/models/loras", "webui/models/Lora", "Models/LoRA"]
)
def test_the_lora_folder_of_a_tool_is_found(tmp_path: Path, lora: Path, below: str) -> None:
    place = folder(tmp_path / "tool" / below)
    (tmp_path / "tool" / "webui.py").touch()

    assert install(lora, [tmp_path / "tool"]) == (place / "emi.safetensors",)

    assert (place / "emi.safetensors").read_bytes() == lora.read_bytes()
    assert os.listdir(place) == ["emi.safetensors"]
    assert (place / "emi.safetensors").stat().st_mode == lora.stat().st_mode


def test_the_models_folder_leads_to_the_lora_folder_too(tmp_path: Path, lora: Path) -> None:
    place = folder(tmp_path / "ui" / "models" / "loras")
    assert install(lora, [str(tmp_path / "ui" / "models")]) == (place / "emi.safetensors",)


def test_any_other_folder_is_taken_as_it_is(tmp_path: Path, lora: Path) -> None:
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two")
    assert install(lora, [one, two, one]) == (one / "emi.safetensors", two / "emi.safetensors")


def test_the_home_directory_may_be_short(tmp_path: Path, lora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder(tmp_path / "home" / "models" / "Lora")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert install(lora, ["~"]) == (place / "emi.safetensors",)


def test_an_identical_file_is_left_and_a_different_one_kept(tmp_path: Path, lora: Path, craft: Any) -> None:
    place = folder(tmp_path / "loras")
    (first,) = install(lora, [place])
    before = first.stat()
    assert install(lora, [place]) == (first,)
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    old = first.read_bytes()
    lora.write_bytes(craft.file_of(craft.lora_of(KEY, rank=8)))
    assert install(lora, [place]) == (place / "emi-v2.safetensors",)
    assert install(lora, [place]) == (place / "emi-v2.safetensors",)
    assert first.read_bytes() == old


def test_the_files_own_folder_needs_no_copy(lora: Path) -> None:
    assert install(lora, [lora.parent]) == (lora,)
    assert os.listdir(lora.parent) == [lora.name]


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path, lora: Path) -> None:
    place = folder(tmp_path / "loras")
    (place / "emi.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    assert install(lora, [place]) == (place / "emi-v2.safetensors",)
    assert not (tmp_path / "elsewhere.safetensors").exists()


def test_a_missing_target_is_refused_before_anything_is_written(tmp_path: Path, lora: Path) -> None:
    good = folder(tmp_path / "good")
    with pytest.raises(LoraFileError, match="There is no folder") as caught:
        install(lora, [good, tmp_path / "absent"])
    assert "output.install_to" in caught.value.todo
    assert os.listdir(good) == []


def test_a_target_that_is_a_file_is_refused(lora: Path) -> None:
    with pytest.raises(LoraFileError, match="is a file"):
        install(lora, [lora])


@pytest.mark.parametrize(("mark", "program"), [("webui.py", "Forge"), ("comfy", "ComfyUI")])
def test_a_tool_that_was_never_started_is_told(tmp_path: Path, lora: Path, mark: str, program: str) -> None:
    root = folder(tmp_path / "tool" / "models").parent
    (root / mark).mkdir()
    with pytest.raises(LoraFileError, match=program):
        install(lora, [root])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, lora: Path) -> None:
    place = folder(tmp_path / "loras")
    place.chmod(0o500)
    with pytest.raises(LoraFileError, match="cannot be written"):
        bound_by_permissions(lambda: install(lora, [place]))


def test_what_is_no_lora_file_is_not_spread(tmp_path: Path, lora: Path) -> None:
    place = folder(tmp_path / "loras")
    lora.write_bytes(lora.read_bytes()[:-10])
    with pytest.raises(LoraFileError, match="cut off"):
        install(lora, [place])
    assert os.listdir(place) == []


def test_a_copy_that_finds_no_room_leaves_nothing_behind(tmp_path: Path, lora: Path) -> None:
    place = folder(tmp_path / "loras")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(LoraFileError, match="could not be copied") as caught:
            install(lora, [place])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(lora) in caught.value.todo
    assert os.listdir(place) == []


def test_a_disk_without_permissions_takes_the_copy_all_the_same(
    tmp_path: Path, lora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))  # as exFAT and CIFS do

    monkeypatch.setattr(os, "fchmod", refuse)
    [copy] = install(lora, [folder(tmp_path / "loras")])
    assert copy.read_bytes() == lora.read_bytes()
