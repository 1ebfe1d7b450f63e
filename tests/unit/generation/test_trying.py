"""The worker's side of trying strengths, where a process of its own would show too little: memory that runs out."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from loratui.generation.comparison_files import drawing_order, same_cell
from loratui.generation.strength_grid import place_of_row
from loratui.generation.trying import Trying
from loratui.locks import take_lock
from loratui.profile.schema import Comparison
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.queue import add_ticket
from loratui.runs.slots import Wish as Slots
from loratui.runs.slots import release, try_slots
from loratui.runs.trying import Request, Wish, requests_path
from tests.tried_run import finished_run
from tests.unit.hub.checkpoints import write_checkpoint

_READS_TEXT = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
XL_LORA = {f"{_READS_TEXT}.lora_down.weight": (4, 2048), f"{_READS_TEXT}.lora_up.weight": (640, 4)}


class Told:
    """Events in memory."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.on_write: Callable[[str], None] = lambda _: None

    def write(self, kind: str, /, **fields: Any) -> None:
        self.on_write(kind)
        self.events.append((kind, fields))


@pytest.fixture
def asked(tiny_base_directory: Path, tmp_path: Path) -> tuple[RunDirectory, Callable[[str], None]]:
    run = finished_run(tiny_base_directory, tmp_path, tmp_path / "runs")
    run.trying.path.mkdir()
    run.trying.profile_path.write_bytes(run.profile_path.read_bytes())
    lora = Path(run.read_profile().output.directory) / "disc.safetensors"

    def ask(name: str) -> None:
        settings = Wish.of(run.read_profile().comparison, (32, 32), prompt="Emi", seed=1).settings((0.8,))
        request = Request(name, "draw", settings, (("last", lora),), "", (32, 32), idle_seconds=0.1)
        with EventWriter(requests_path(run.trying), 0) as events:
            events.write("draw", **request.fields())

    return run, ask


@pytest.mark.parametrize("where", ["base", "lora", "picture"])
def test_memory_that_runs_out_is_told_and_the_next_picture_is_drawn(
    asked: tuple[RunDirectory, Callable[[str], None]], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ask = asked
    told, full = Told(), [True]
    moving: list[weakref.ref[torch.nn.Module]] = []
    to, convolve, to_float = torch.nn.Module.to, torch.nn.Conv2d.forward, torch.Tensor.float

    def moved(module: torch.nn.Module, *places: Any, **options: Any) -> torch.nn.Module:
        moving.append(weakref.ref(module))
        if where == "base" and full[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return to(module, *places, **options)

    def convolved(module: torch.nn.Conv2d, picture: torch.Tensor) -> torch.Tensor:
        if where == "picture" and full[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return convolve(module, picture)

    def as_float(tensor: torch.Tensor) -> torch.Tensor:
        if where == "lora" and full[0] and moving:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return to_float(tensor)

    monkeypatch.setattr(torch.Tensor, "float", as_float)
    monkeypatch.setattr(torch.nn.Module, "to", moved)
    monkeypatch.setattr(torch.nn.Conv2d, "forward", convolved)
    ask("1")

    def refused(kind: str) -> None:
        # A base on which a smaller picture may be drawn stays; any other is gone before a person hears of it.
        if kind == "refused" and where != "picture":
            assert moving
            assert [module for module in moving if module() is not None] == []

    told.on_write = refused

    def heed() -> None:
        if ("refused" in [kind for kind, _ in told.events]) and full[0]:
            full[0] = False
            ask("2")

    trying = Trying(run.trying, told, torch.device("cpu"), torch.float32, heed=heed)
    assert trying.work() == "idle"
    [refusal] = [fields for kind, fields in told.events if kind == "refused"]
    assert "memory does not hold" in refusal["what"]
    assert refusal["todo"]
    assert [fields["strength"] for kind, fields in told.events if kind == "cell"] == [0.0, 0.8]
    assert [fields["request"] for kind, fields in told.events if kind == "done"] == ["2"]


def test_a_grid_makes_way_for_whoever_waits_and_is_taken_up_again(
    asked: tuple[RunDirectory, Callable[[str], None]], tmp_path: Path
) -> None:
    run, _ = asked
    lora = Path(run.read_profile().output.directory) / "disc.safetensors"
    settings = Comparison(prompts=["Emi"], seeds=list(range(8)), strengths=[0.0, 0.8], steps=40, width=32, height=32)
    request = Request("1", "grid", settings, (("last", lora),), "", (32, 32), lora.parent, "disc", 0.1)
    with EventWriter(requests_path(run.trying), 0) as events:
        events.write("grid", **request.fields())
    slots = try_slots(Slots(("cpu",)), str(run.trying.path))
    other = finished_run(Path(run.read_profile().model.base), tmp_path / "other", tmp_path / "runs", random_loras=False)
    ticket, waiter = add_ticket(other, "train", Slots(("cpu",))), take_lock(other.waiter_lock_path)
    assert slots is not None
    assert waiter is not None

    def work() -> tuple[str, list[str]]:
        told = Told()
        left = Trying(run.trying, told, torch.device("cpu"), torch.float32, heed=lambda: None).work()
        return left, [kind for kind, _ in told.events if kind not in ("drawing", "loading")]

    left, kinds = work()
    assert left == "wanted"
    assert set(kinds) == {"cell"}
    assert 2 <= len(kinds) < 16
    ticket.remove()
    release([waiter, *slots.values()])
    assert work() == ("idle", ["cell"] * 16 + ["done"])


def test_none_and_the_usual_strength_are_drawn_first() -> None:
    assert drawing_order([0.0, 0.4, 0.7, 0.8, 1.0]) == [0.0, 0.8, 0.4, 0.7, 1.0]
    assert drawing_order([0.5, 1.2]) == [0.5, 1.2]
    assert drawing_order([0.0]) == [0.0]
    assert drawing_order([]) == []


def test_a_cell_is_found_in_whatever_row_it_was_drawn(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    drawn = tmp_path / "cells" / "row003_last_seed7_0.8_0123456789.png"
    drawn.touch()
    assert same_cell(tmp_path, "cells/row001_last_seed7_0.8_0123456789.png") == drawn
    assert same_cell(tmp_path, "cells/row001_last_seed7_0.8_9999999999.png") is None
    assert same_cell(tmp_path / "nowhere", "cells/row001_last_seed7_0.8_0123456789.png") is None


def test_a_row_says_what_it_shows() -> None:
    seeds, files, bases = 2, 3, 2
    rows = [
        (scene, seed, file, base)
        for scene in range(2)
        for seed in range(seeds)
        for file in range(3)
        for base in range(2)
    ]
    assert [place_of_row(number, seeds, files, bases) for number in range(len(rows))] == rows


def test_a_base_of_another_family_is_refused_before_it_is_loaded(
    asked: tuple[RunDirectory, Callable[[str], None]], tmp_path: Path
) -> None:
    run, _ = asked
    lora = write_checkpoint(tmp_path / "xl.safetensors", XL_LORA)
    other = str(write_checkpoint(tmp_path / "sd1.safetensors"))
    settings = Wish.of(run.read_profile().comparison, (32, 32), prompt="Emi", seed=1).settings((0.8,))
    request = Request("1", "draw", settings, (("last", lora),), other, (32, 32), idle_seconds=0.1)
    grid = Request("2", "grid", settings, (("last", lora),), other, (32, 32), tmp_path, "disc", 0.1)
    with EventWriter(requests_path(run.trying), 0) as events:
        events.write("draw", **request.fields())
        events.write("grid", **grid.fields())
    told = Told()
    assert Trying(run.trying, told, torch.device("cpu"), torch.float32, heed=lambda: None).work() == "idle"
    refusals = [fields["what"] for kind, fields in told.events if kind == "refused"]
    assert len(refusals) == 2
    assert all("does not fit the base sd1: lora_unet_" in what for what in refusals)
    assert "loading" not in [kind for kind, _ in told.events]
