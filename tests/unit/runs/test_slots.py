import os
from pathlib import Path

import pytest

from loratui.environment import gpu
from loratui.environment.gpu import visible_gpus
from loratui.profile.schema import Accelerate
from loratui.runs.slots import Wish, cuda_names, release, slot_holders, slots_of, try_slots

UUIDS = ["GPU-aaaa", "GPU-abbb", "GPU-cccc"]


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_gpu_uuids", lambda: UUIDS)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def settings(device: str = "auto", gpu_ids: str = "all", processes: int = 1, machines: int = 1) -> Accelerate:
    made = Accelerate(gpu_ids=gpu_ids, processes=processes, machines=machines, main_address="127.0.0.1")
    made.device = device  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (settings(), Wish(("gpu-0", "gpu-1", "gpu-2"))),
        (settings(processes=2), Wish(("gpu-0", "gpu-1", "gpu-2"), 2)),
        (settings(processes=4, machines=2), Wish(("gpu-0", "gpu-1", "gpu-2"), 2)),
        (settings(processes=4), Wish(("gpu-0", "gpu-1", "gpu-2"), 3)),
        (settings("cuda", "1"), Wish(("gpu-1",))),
        (settings("auto", "2,0,2", processes=2), Wish(("gpu-2", "gpu-0"), 2)),
        (settings("cpu", "1", processes=2), Wish(("cpu",))),
    ],
)
@pytest.mark.usefixtures("three_gpus")
def test_a_run_needs_a_slot_for_each_of_its_processes_here(wanted: Accelerate, expected: Wish) -> None:
    assert slots_of(wanted) == expected


def test_a_run_of_one_process_takes_the_first_free_gpu_and_sees_no_other(
    loratui_home: Path, monkeypatch: pytest.MonkeyPatch, three_gpus: None
) -> None:
    wish = slots_of(settings())
    first, second = try_slots(wish, "a"), try_slots(wish, "b")
    assert first is not None
    assert second is not None
    assert (cuda_names(first), cuda_names(second)) == (("0",), ("1",))
    assert slot_holders() == {"gpu-0": "a", "gpu-1": "b"}
    assert try_slots(slots_of(settings(processes=2)), "c") is None
    assert slot_holders() == {"gpu-0": "a", "gpu-1": "b"}
    release(first.values())
    both = try_slots(slots_of(settings(processes=2)), "c")
    assert both is not None
    assert cuda_names(both) == ("0", "2")
    release([*second.values(), *both.values()])
    assert cuda_names(["cpu"]) == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-cc,MIG-1/2")
    assert cuda_names(["gpu-2", "gpu-MIG-1-2"]) == ("GPU-cc", "MIG-1/2")
    assert cuda_names(["gpu-2", "gpu-0"]) == ("2", "0")


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
    assert tuple(visible_gpus()) == expected


def test_without_a_gpu_there_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_gpu_uuids", list)
    assert slots_of(settings()) == slots_of(settings(gpu_ids="0")) == Wish(("cpu",))


def test_all_slots_are_taken_or_none(loratui_home: Path) -> None:
    second = try_slots(Wish(("gpu-1",)), "/runs/b")
    assert second is not None
    assert try_slots(Wish(("gpu-0", "gpu-1"), 2), "/runs/a") is None
    assert slot_holders() == {"gpu-1": "/runs/b"}
    release(second.values())
    both = try_slots(Wish(("gpu-0", "gpu-1"), 2), "/runs/a")
    assert both is not None
    assert slot_holders() == {"gpu-0": "/runs/a", "gpu-1": "/runs/a"}
    release(both.values())
    assert slot_holders() == {}


def test_a_slot_is_held_until_the_last_copy_of_its_lock_is_closed(loratui_home: Path) -> None:
    held = try_slots(Wish(("cpu",)), "a")
    assert held is not None
    copies = [os.dup(descriptor) for descriptor in held.values()]
    release(held.values())
    assert try_slots(Wish(("cpu",)), "b") is None
    release(copies)
    taken = try_slots(Wish(("cpu",)), "b")
    assert taken is not None
    release(taken.values())
