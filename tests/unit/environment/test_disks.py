"""Room on disks, and the hub's cache, on real directories."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from huggingface_hub import constants

from loratui.environment.disks import find_disk, find_hub_cache
from tests.permissions import bound_by_permissions

Usage = namedtuple("Usage", "total used free")


def test_a_directory_that_does_not_exist_yet_is_looked_up_from_above(tmp_path: Path) -> None:
    found = find_disk("Output", tmp_path / "a" / "b", "output.directory")
    assert str(tmp_path / "a" / "b") in found.value
    assert "free of" in found.value
    assert not (tmp_path / "a").exists()


def test_a_path_below_the_home_directory_is_written_as_a_person_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_disk("Output", tmp_path / "output", "output.directory").value.endswith("  ~/output")


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("")
    found = find_disk("Output", tmp_path / "file" / "output", "output.directory")
    assert (found.state, found.todo) == ("bad", "Choose another one: output.directory.")


def test_a_place_that_is_no_disk_is_told() -> None:
    found = find_disk("Output", Path("/proc/nowhere"), "output.directory")
    assert (found.value, found.state) == ("/proc/nowhere cannot be written", "bad")


def test_a_directory_without_permission_is_told(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    found = bound_by_permissions(lambda: find_disk("Output", locked / "output", "output.directory"))
    assert found.state == "bad"


@pytest.mark.parametrize(
    ("free", "state"), [(500_000_000, "bad"), (5_000_000_000, "warning"), (50_000_000_000, "good")]
)
def test_little_room_is_told(free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100_000_000_000, 0, free))
    assert find_disk("Output", tmp_path, "output.directory").state == state


def test_the_hub_cache_is_counted_by_its_blobs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert find_hub_cache().value == f"no models yet  {tmp_path}"
    blobs = tmp_path / "models--emi--base" / "blobs"
    snapshot = tmp_path / "models--emi--base" / "snapshots" / "1"
    for folder in (blobs, snapshot, tmp_path / "models--emi--never-finished", tmp_path / "datasets--emi--faces"):
        folder.mkdir(parents=True)
    (blobs / "aa").write_bytes(b"x" * 3000)
    (blobs / "bb.incomplete").write_bytes(b"x" * 1000)
    (snapshot / "unet.safetensors").symlink_to(blobs / "aa")
    assert find_hub_cache().value == f"2 models, 4.0 kB  {tmp_path}"


def test_a_cache_that_downloads_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in find_hub_cache().todo
