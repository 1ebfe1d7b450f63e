"""GPUs and who holds their memory; NVML itself is played by a stand-in, since it is the edge to a driver."""

import sys

import pytest

from loratui.environment.gpu import Driver, Gpu, MemoryHolder, ask_driver, memory_holders
from tests.stand_in_nvml import GIB, RTX_2070, RTX_4090, Card, stand_in_nvml

BUSY = Card(
    "NVIDIA GeForce RTX 3060",
    "GPU-1",
    12 * GIB,
    8 * GIB,
    (8, 6),
    {10: ("python", 2 * GIB), 11: ("Xorg\x1b[2J", 5 * GIB), 12: ("?", None)},
)


def test_the_largest_holder_comes_first_and_names_are_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(BUSY))
    assert memory_holders("1") == (
        MemoryHolder(11, "Xorg\\x1b[2J", 5 * GIB),
        MemoryHolder(10, "python", 2 * GIB),
        MemoryHolder(12, "?", 0),
    )


def test_a_process_that_just_ended_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    module = stand_in_nvml(BUSY)

    def gone(pid: int) -> str:
        raise module.NVMLError

    monkeypatch.setattr(module, "nvmlSystemGetProcessName", gone, raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert {holder.name for holder in memory_holders("GPU-1")} == {"?"}


def test_without_a_driver_nobody_holds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(failure=9))
    assert memory_holders("1") == ()


def test_without_the_package_nobody_holds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert memory_holders("1") == ()


def test_the_driver_tells_of_every_gpu_and_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    module = stand_in_nvml(RTX_2070, RTX_4090)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert ask_driver() == Driver(
        "550.54.14",
        (12, 4),
        (
            Gpu(0, "NVIDIA GeForce RTX 2070", "GPU-2070", 8 * GIB - GIB // 2, 8 * GIB, (7, 5)),
            Gpu(1, "NVIDIA GeForce RTX 4090", "GPU-4090", 23 * GIB, 24 * GIB, (8, 9)),
        ),
    )
    assert module.opened == 0


def test_gpus_are_told_apart_by_uuid_where_cuda_sees_only_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(RTX_2070, RTX_4090))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-4090")
    assert [(gpu.name, gpu.visible) for gpu in ask_driver().gpus] == [
        ("NVIDIA GeForce RTX 2070", False),
        ("NVIDIA GeForce RTX 4090", True),
    ]


def test_an_old_driver_knows_only_the_first_call_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(RTX_2070, old=True))
    assert [gpu.memory_free for gpu in ask_driver().gpus] == [8 * GIB - 3 * GIB // 4]


def test_a_gpu_that_has_fallen_off_the_bus_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(RTX_4090, Card(lost=True)))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver = ask_driver()
    assert [gpu.uuid for gpu in driver.gpus] == ["GPU-4090"]
    assert driver.version == "550.54.14"


@pytest.mark.parametrize(
    ("code", "missing", "todo"),
    [
        (12, "No NVIDIA driver", "demo only"),
        (9, "not loaded", "modprobe"),
        (18, "was updated", "Restart"),
        (4, "does not answer", "nvidia-smi"),
    ],
)
def test_why_no_driver_answers_is_a_plain_sentence(
    code: int, missing: str, todo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(failure=code))
    driver = ask_driver()
    assert missing in driver.missing
    assert todo in driver.todo
    assert driver.missing.endswith(".")
    assert not driver.gpus
