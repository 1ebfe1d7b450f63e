"""What is said about a computer; only the edge to NVIDIA's driver is played."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loratui.environment import probe as probing
from loratui.environment.finding import Finding
from loratui.environment.probe import Facts, probe
from tests.stand_in_nvml import GIB, RTX_2070, RTX_4090, Card, stand_in_nvml


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Looks at this computer with other GPUs in it."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def look(*cards: Card, **driver: int) -> Facts:
        monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(*cards, **driver))  # type: ignore[arg-type]
        return probe(tmp_path / "output")

    return look


def named(facts: Facts, name: str) -> Finding:
    return next(finding for finding in facts.findings if finding.name == name)


def test_findings_are_told_one_by_one_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(RTX_2070, RTX_4090))
    told: list[Finding] = []
    facts = probe(tmp_path, told.append)
    assert tuple(told) == facts.findings
    names = ["Python", "torch", "Libraries", "Driver", "GPU 0", "GPU 1", "Memory", "Runs", "Output", "Hub cache"]
    assert [finding.name for finding in told] == names
    assert [gpu.uuid for gpu in facts.gpus] == ["GPU-2070", "GPU-4090"]
    assert all(finding.todo for finding in told if finding.state != "good")


def test_without_a_driver_the_demo_still_works(look) -> None:  # type: ignore[no-untyped-def]
    facts = look(failure=12)
    assert named(facts, "Driver") == Finding(
        "Driver",
        "No NVIDIA driver answers here.",
        "warning",
        "A CPU is enough for the demo only: use a computer with an NVIDIA GPU, or install its driver.",
    )
    assert facts.gpus == ()


def test_a_gpu_is_told_with_its_memory_and_capability(look) -> None:  # type: ignore[no-untyped-def]
    facts = look(RTX_2070)
    assert named(facts, "Driver").value == "NVIDIA 550.54.14, CUDA up to 12.4"
    found = named(facts, "GPU 0")
    assert (found.value, found.state) == ("GeForce RTX 2070, 7.5 of 8.0 GB free, compute capability 7.5", "good")


def test_who_holds_much_of_a_gpu_is_named(look) -> None:  # type: ignore[no-untyped-def]
    holders = {7: ("/usr/bin/python3.11", 5 * GIB), 8: ("Xorg", GIB), 9: ("old", None), 10: ("a", 1), 11: ("b", 1)}
    found = named(look(Card(used=6 * GIB, processes=holders)), "GPU 0")
    assert found.state == "warning"
    assert found.todo == (
        "python3.11 (process 7) holds 5.0 GB, Xorg (process 8) holds 1.0 GB, a (process 10) holds 0.0 GB and 2 more: "
        "end what is not needed."
    )


def test_little_that_is_held_is_no_trouble(look) -> None:  # type: ignore[no-untyped-def]
    found = named(look(Card(processes={8: ("Xorg", GIB // 4)})), "GPU 0")
    assert found.state == "good"
    assert found.value.endswith(", used by Xorg")


def test_memory_that_nobody_here_holds_is_told(look) -> None:  # type: ignore[no-untyped-def]
    assert "cannot be seen from here hold 6.0 GB" in named(look(Card(used=6 * GIB)), "GPU 0").todo


def test_a_small_gpu_gets_the_preset_that_suits_it(look) -> None:  # type: ignore[no-untyped-def]
    found = named(look(Card(total=4 * GIB)), "GPU 0")
    assert (found.state, "low memory" in found.todo) == ("warning", True)


def test_a_hidden_gpu_is_told(look, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    facts = look(RTX_2070, RTX_4090)
    assert "CUDA_VISIBLE_DEVICES" in named(facts, "GPU 0").todo
    assert named(facts, "GPU 1").state == "good"


def test_a_containers_limit_counts_as_memory(look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    for name, text in {
        "memory.max": f"{3 * GIB}\n",
        "memory.current": f"{2 * GIB}\n",
        "memory.stat": f"anon {GIB}\ninactive_file {GIB}\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(probing, "_CONTROL_GROUP", tmp_path)
    found = named(look(), "Memory")
    assert (found.value, found.state) == ("2.0 of 3.0 GB free", "warning")
    (tmp_path / "memory.max").write_text("max\n")
    assert named(look(), "Memory").value != found.value


def test_looking_imports_neither_torch_nor_textual(tmp_path: Path) -> None:
    program = (
        "import json, sys; from pathlib import Path; from loratui.environment.probe import probe;"
        f"facts = probe(Path({str(tmp_path)!r}));"
        "print(json.dumps([facts.findings[0].as_json(), [name for name in "
        "('torch', 'diffusers', 'transformers', 'accelerate', 'peft', 'textual') if name in sys.modules]]))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    finding, imported = json.loads(told.stdout)
    assert finding["name"] == "Python"
    assert imported == []
