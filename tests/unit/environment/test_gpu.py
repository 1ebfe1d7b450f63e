"""Who holds a GPU's memory; NVML itself is played by a stand-in, since it is the edge to a driver."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from loratui.environment.gpu import MemoryHolder, memory_holders


class NVMLError(Exception):
    pass


def stand_in(**functions: object) -> ModuleType:
    """A module that answers as pynvml does on a machine with one GPU."""
    module = ModuleType("pynvml")
    answers = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetHandleByUUID": lambda uuid: {"GPU-1": "handle"}[uuid],
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [
            SimpleNamespace(pid=10, usedGpuMemory=2_000_000_000),
            SimpleNamespace(pid=11, usedGpuMemory=5_000_000_000),
            SimpleNamespace(pid=12, usedGpuMemory=None),
        ],
        "nvmlSystemGetProcessName": lambda pid: {10: b"python", 11: "Xorg\x1b[2J", 12: "?"}[pid],
        **functions,
    }
    for name, answer in answers.items():
        setattr(module, name, answer)
    return module


def test_the_largest_holder_comes_first_and_names_are_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in())
    assert memory_holders("1") == (
        MemoryHolder(11, "Xorg\\x1b[2J", 5_000_000_000),
        MemoryHolder(10, "python", 2_000_000_000),
        MemoryHolder(12, "?", 0),
    )


def test_a_process_that_just_ended_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(pid: int) -> str:
        raise NVMLError

    monkeypatch.setitem(sys.modules, "pynvml", stand_in(nvmlSystemGetProcessName=gone))
    assert {holder.name for holder in memory_holders("GPU-1")} == {"?"}


def test_without_a_driver_nobody_holds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise NVMLError("Driver Not Loaded")

    monkeypatch.setitem(sys.modules, "pynvml", stand_in(nvmlInit=no_driver))
    assert memory_holders("1") == ()


def test_without_the_package_nobody_holds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert memory_holders("1") == ()
