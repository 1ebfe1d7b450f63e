"""A profile's devices in accelerate's terms, and accelerate's own file, written by accelerate itself in a child."""

from pathlib import Path
from typing import Any

import pytest

from loratui.environment.accelerate_config import (
    chosen_gpus,
    compare_default,
    config_values,
    found_here,
    in_a_line,
    precision_of,
    uses_cpu,
    write_default,
    yaml_text,
)
from loratui.environment.gpu import Gpu
from loratui.errors import ComputerError
from loratui.profile.schema import Accelerate, Profile
from loratui.profile.store import validated


def gpu(index: int = 0, capability: tuple[int, int] | None = (7, 5), visible: bool = True) -> Gpu:
    return Gpu(index, "RTX", f"GPU-{index}", 1, 2, capability, visible)


TURING, AMPERE = gpu(), gpu(1, (8, 0))


@pytest.mark.parametrize(
    ("settings", "gpus", "precision"),
    [
        ({}, [TURING], "fp16"),
        ({}, [AMPERE], "bf16"),
        ({}, [TURING, AMPERE], "fp16"),
        ({"gpu_ids": "1"}, [TURING, AMPERE], "bf16"),
        ({}, [gpu(0, (7, 5), visible=False), AMPERE], "bf16"),
        ({}, [gpu(0, None)], "fp16"),
        ({}, [], "no"),
        ({"device": "cpu"}, [AMPERE], "no"),
        ({"mixed_precision": "bf16"}, [TURING], "bf16"),
        ({"mixed_precision": "no"}, [AMPERE], "no"),
    ],
)
def test_auto_is_bf16_from_compute_capability_8_on(settings: dict[str, Any], gpus: list[Gpu], precision: str) -> None:
    assert precision_of(Accelerate(**settings), gpus) == precision


def test_gpus_are_chosen_by_number_among_those_that_are_seen() -> None:
    gpus = [TURING, AMPERE, gpu(2, visible=False)]
    assert chosen_gpus(Accelerate(), gpus) == (TURING, AMPERE)
    assert chosen_gpus(Accelerate(gpu_ids="1,2"), gpus) == (AMPERE,)
    assert chosen_gpus(Accelerate(device="cpu"), gpus) == ()
    assert not uses_cpu(Accelerate(), gpus)
    assert uses_cpu(Accelerate(), gpus[2:])


@pytest.mark.parametrize(
    ("settings", "gpus", "line"),
    [
        ({}, [TURING], "1 GPU, fp16"),
        ({"processes": 2}, [TURING, AMPERE], "2 GPUs, fp16"),
        ({"processes": 2, "gpu_ids": "1,3"}, [TURING, AMPERE], "2 GPUs (1, 3), bf16"),
        ({}, [], "CPU, full precision"),
        ({"processes": 2, "device": "cpu"}, [AMPERE], "CPU, 2 processes, full precision"),
        (
            {"processes": 4, "machines": 2, "machine_rank": 1, "main_address": "10.0.0.1"},
            [AMPERE],
            "2 GPUs, 2 machines, this is number 1, bf16",
        ),
        ({"dynamo": "inductor"}, [AMPERE], "1 GPU, bf16, compiled by inductor"),
    ],
)
def test_the_settings_are_one_line(settings: dict[str, Any], gpus: list[Gpu], line: str) -> None:
    assert in_a_line(Accelerate(**settings), gpus) == line


@pytest.mark.parametrize(
    ("gpus", "device", "processes", "precision"),
    [([], "cpu", 1, "no"), ([TURING], "cuda", 1, "fp16"), ([AMPERE, gpu(2, (9, 0))], "cuda", 2, "bf16")],
)
def test_what_was_found_answers_the_questions(gpus: list[Gpu], device: str, processes: int, precision: str) -> None:
    found = found_here(gpus)
    values = Profile().model_dump(by_alias=True)
    values["accelerate"] |= {key.partition(".")[2]: value for key, value in found.items()}
    settings = validated(values, "").accelerate
    assert (settings.device, settings.processes, settings.mixed_precision) == (device, processes, precision)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"processes": 2, "gpu_ids": "0,1"},
    {"gpu_ids": "0", "dynamo": "inductor"},
    {"processes": 4, "machines": 2, "main_address": "10.0.0.1", "main_port": 29501},
    {"processes": 4, "machines": 2, "main_address": "gpu-box.local", "machine_rank": 1, "dynamo": "aot_eager"},
    {"processes": 2, "machines": 2, "main_address": "on"},
    {"processes": 2, "machines": 2, "main_address": "it's: # odd"},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_yaml_reads_back_as_the_same_values(settings: dict[str, Any], precision: str) -> None:
    import yaml  # accelerate brings it along

    values = config_values(Accelerate(**settings), precision, on_cpu=precision == "no")
    assert yaml.safe_load(yaml_text(values)) == values


@pytest.fixture
def hub_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where accelerate keeps its file."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "accelerate"


def test_accelerate_writes_what_was_shown_and_nothing_before(hub_home: Path) -> None:
    values = config_values(Accelerate(**SETTINGS[3]), "fp16", on_cpu=False)
    shown = compare_default(values)
    assert not hub_home.exists()
    assert (shown.path, shown.before) == (hub_home / "default_config.yaml", None)
    assert shown.after == yaml_text(values)
    write_default(values, shown)
    assert shown.path.read_text() == shown.after
    assert list(hub_home.iterdir()) == [shown.path]

    other = config_values(Accelerate(**SETTINGS[3]), "bf16", on_cpu=False)
    again = compare_default(other)
    changed = [line for line in again.difference if line[:1] in "+-" and not line.startswith(("+++", "---"))]
    assert changed == ["-mixed_precision: fp16", "+mixed_precision: bf16"]
    shown.path.write_text("# mine\n")
    with pytest.raises(ComputerError, match="changed meanwhile"):
        write_default(other, again)
    assert shown.path.read_text() == "# mine\n"


def test_a_file_that_cannot_be_read_is_told_with_its_path(hub_home: Path) -> None:
    (hub_home / "default_config.yaml").mkdir(parents=True)
    with pytest.raises(ComputerError, match="cannot be used") as told:
        compare_default(config_values(Accelerate(), "no", on_cpu=True))
    assert str(hub_home) in told.value.what
    assert "HF_HOME" in told.value.todo


def test_an_accelerate_that_cannot_be_imported_is_told(
    tmp_path: Path, hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "accelerate").mkdir()
    (tmp_path / "accelerate" / "__init__.py").write_text("raise ImportError('libcudart is missing')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ComputerError, match="libcudart is missing") as told:
        compare_default(config_values(Accelerate(), "no", on_cpu=True))
    assert "pip install accelerate" in told.value.todo
