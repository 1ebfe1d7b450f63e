"""What the CPU tells of itself decides the precision that `auto` stands for on it."""

from pathlib import Path

import pytest
import torch

from loratui.environment.accelerate_config import precision_of
from loratui.environment.cpu import has_bf16_units
from loratui.profile.schema import Accelerate
from loratui.training.precision import choose_dtype


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the kernel tells of the CPU."""
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr("loratui.environment.cpu.CPUINFO", told)
    return told


@pytest.mark.parametrize(
    ("told", "has_units"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16\n", True),
        ("processor\t: 0\nflags\t\t: fpu amx_bf16 amx_tile\n\nprocessor\t: 1\nflags\t\t: fpu amx_bf16\n", True),
        ("model name\t: made of amx_bf16\nflags\t\t: fpu avx512f\n", False),
        ("Features\t: fp asimd bf16\n", False),
        ("", False),
    ],
)
def test_auto_is_bf16_where_the_cpu_has_units_for_it(cpuinfo: Path, told: str, has_units: bool) -> None:
    cpuinfo.write_text(told, encoding="utf-8")
    assert has_bf16_units() is has_units
    settings = Accelerate(device="cpu")
    assert precision_of(settings, []) == ("bf16" if has_units else "no")
    assert choose_dtype(settings, torch.device("cpu")) == (torch.bfloat16 if has_units else torch.float32)


def test_what_is_asked_for_is_taken(cpuinfo: Path) -> None:
    cpuinfo.write_text("flags : amx_bf16\n", encoding="utf-8")
    settings = Accelerate(device="cpu", mixed_precision="no")
    assert precision_of(settings, []) == "no"
    assert choose_dtype(settings, torch.device("cpu")) == torch.float32


def test_a_system_that_tells_nothing_has_none(cpuinfo: Path) -> None:
    assert not cpuinfo.exists()
    assert not has_bf16_units()
