"""What torch was built for, read from its own text, and whether that suits driver and GPUs."""

import sys
from pathlib import Path

import pytest

from loratui.environment.gpu import Driver, Gpu
from loratui.environment.software import Torch, find_companions, find_python, find_torch, installed_torch

CUDA_12 = Torch("2.9.1+cu128", (12, 8))


def driver(capability: tuple[int, int] = (8, 9), cuda: tuple[int, int] = (12, 4), name: str = "RTX") -> Driver:
    return Driver("550.54.14", cuda, (Gpu(0, name, "GPU-1", 1, 2, capability),))


def write_torch(folder: Path, version_file: str) -> None:
    """A package of that name and version, as pip leaves it."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text("raise RuntimeError('must not be imported')\n")
    (folder / "torch" / "version.py").write_text(version_file)
    (folder / "torch-2.9.1.dist-info").mkdir()
    (folder / "torch-2.9.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n", Torch("2.9.1", (12, 8))),
        ("cuda = '13.0'\nhip = None\n", Torch("2.9.1", (13, 0))),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4.43483'\n", Torch("2.9.1", None, "6.4.43483")),
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", Torch("2.9.1")),
    ],
)
def test_the_build_is_read_without_importing_torch(
    text: str, expected: Torch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_torch(tmp_path, text)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_torch() == expected


def test_the_torch_of_this_installation_is_found() -> None:
    found = find_torch(installed_torch(), Driver())
    assert found.state == "good"
    assert found.value.startswith("2.")
    assert "built for" in found.value


@pytest.mark.parametrize(
    ("torch", "machine", "todo"),
    [
        (Torch(), Driver(), "Install the torch"),
        (Torch("2.9.1+cpu"), driver(), "does not use the GPU"),
        (Torch("2.9.1+cu130", (13, 0)), driver(), "The driver runs CUDA up to 12.4"),
        (Torch("2.6.0+cu126", (12, 6)), driver((12, 0), (12, 8), "RTX 5090"), "too old for the RTX 5090"),
        (Torch("2.9.1+cu130", (13, 0)), driver((6, 1), (13, 0), "GTX 1080"), "no longer knows the GTX 1080"),
    ],
)
def test_a_torch_that_cannot_use_the_gpu_is_told(torch: Torch, machine: Driver, todo: str) -> None:
    found = find_torch(torch, machine)
    assert found.state == "bad"
    assert todo in found.todo


@pytest.mark.parametrize(
    ("torch", "machine"),
    [
        (CUDA_12, driver((7, 5))),  # a driver for 12.4 runs what was built for 12.8
        (CUDA_12, driver((12, 0), (13, 0))),
        (CUDA_12, Driver()),
        (Torch("2.9.1+cpu"), Driver()),
    ],
)
def test_a_torch_that_suits_the_computer_is_good(torch: Torch, machine: Driver) -> None:
    assert find_torch(torch, machine).state == "good"


def test_the_libraries_and_python_are_told_with_their_versions() -> None:
    assert find_companions().state == "good"
    assert find_companions().value.startswith("accelerate 1.")
    assert find_python().value.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
