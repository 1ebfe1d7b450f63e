import os
from pathlib import Path

import pytest

from loratui.profile.schema import Profile
from loratui.runs import slots
from loratui.runs.slots import release, slot_holders, slots_of, try_slots, visible_gpus

UUIDS = ["GPU-aaaa", "GPU-abbb", "GPU-cccc"]


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_gpu_uuids", lambda: UUIDS)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def profile(device: str = "auto", gpu_ids: str = "all") -> Profile:
    made = Profile()
    made.accelerate.device = device  # type: ignore[assignment]
    made.accelerate.gpu_ids = gpu_ids
    return made


@pytest.mark.parametrize(
    ("device", "gpu_ids", "expected"),
    [
        ("auto", "all", ("gpu-0", "gpu-1", "gpu-2")),
        ("cuda", "1", ("gpu-1",)),
        ("auto", "2,0,2", ("gpu-0", "gpu-2")),
        ("cpu", "1", ("cpu",)),
    ],
)
@pytest.mark.usefixtures("three_gpus")
def test_a_run_takes_the_slots_of_the_gpus_that_its_profile_names(
    device: str, gpu_ids: str, expected: tuple[str, ...]
) -> None:
    assert slots_of(profile(device, gpu_ids)) == expected


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", ("1",)),
        ("2,0", ("2", "0")),
        ("0,-1,2", ("0",)),
        ("", ()),
        ("-1", ()),
        ("7", ()),
        ("GPU-cc,GPU-aaaa", ("2", "0")),
        ("MIG-1/2", ("MIG-1-2",)),
        ("nonsense", ()),
    ],
)
@pytest.mark.usefixtures("three_gpus")
def test_what_cuda_would_not_see_is_no_slot(
    monkeypatch: pytest.MonkeyPatch, visible: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == expected


def test_without_a_gpu_there_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_gpu_uuids", list)
    assert slots_of(profile()) == slots_of(profile(gpu_ids="0")) == ("cpu",)


def test_all_slots_are_taken_or_none(loratui_home: Path) -> None:
    second = try_slots(["gpu-1"], "/runs/b")
    assert second is not None
    assert try_slots(["gpu-0", "gpu-1"], "/runs/a") is None
    assert slot_holders() == {"gpu-1": "/runs/b"}
    release(second)
    both = try_slots(["gpu-0", "gpu-1"], "/runs/a")
    assert both is not None
    assert slot_holders() == {"gpu-0": "/runs/a", "gpu-1": "/runs/a"}
    release(both)
    assert slot_holders() == {}


def test_a_slot_is_held_until_the_last_copy_of_its_lock_is_closed(loratui_home: Path) -> None:
    held = try_slots(["cpu"], "a")
    assert held is not None
    copies = [os.dup(descriptor) for descriptor in held]
    release(held)
    assert try_slots(["cpu"], "b") is None
    release(copies)
    taken = try_slots(["cpu"], "b")
    assert taken is not None
    release(taken)
