"""What every test may count on: a private home for profiles and runs, one thread for torch, and a tiny base model."""

import os
from pathlib import Path

import pytest

# torch's threads spin while they wait; more of them than cores make every test slower.
os.environ.setdefault("OMP_NUM_THREADS", "2")
# No test may reach the hub; those about it set their own endpoint on loopback.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def loratui_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory that stands in for the person's configuration and data."""
    home = tmp_path / "loratui-home"
    monkeypatch.setenv("LORATUI_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def plain_cpuinfo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the kernel tells of a CPU without bf16 units."""
    told = tmp_path_factory.mktemp("cpu") / "cpuinfo"
    told.write_text("flags\t\t: fpu sse2 avx2\n", encoding="utf-8")
    return told


@pytest.fixture(autouse=True)
def plain_cpu(plain_cpuinfo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the CPU be without bf16 units, so that no choice depends on where the tests run."""
    monkeypatch.setattr("loratui.environment.cpu.CPUINFO", plain_cpuinfo)


@pytest.fixture(scope="session")
def tiny_base_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion with random weights in diffusers layout, written once."""
    from tests.tiny_base import write_tiny_base

    return write_tiny_base(tmp_path_factory.mktemp("base") / "tiny")
