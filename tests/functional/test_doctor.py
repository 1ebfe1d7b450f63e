"""`doctor`: the findings of the wizard's first step, for a person and for a script."""

import json
import sys
from pathlib import Path

import pytest

from loratui.command_line.doctor import doctor
from loratui.command_line.terminal import Terminal
from tests.stand_in_nvml import RTX_2070, stand_in_nvml


@pytest.fixture(autouse=True)
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without a GPU."""
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(failure=12))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_finding_is_a_line_with_the_one_thing_to_do_below(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(Terminal()) == 0
    lines = capsys.readouterr().out.splitlines()
    place = lines.index("! Driver      No NVIDIA driver answers here.")
    assert lines[place + 1].startswith("              A CPU is enough for the demo only")
    assert lines[0].startswith("✓ Python      3.")
    assert lines[-1] == "  accelerate  CPU, full precision, unless a profile says otherwise"
    assert not Path("output").exists()


def test_a_script_gets_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(Terminal(json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["accelerate"]) == ("warning", "CPU, full precision")
    driver = next(finding for finding in told["findings"] if finding["name"] == "Driver")
    assert driver == {
        "name": "Driver",
        "value": "No NVIDIA driver answers here.",
        "state": "warning",
        "todo": "A CPU is enough for the demo only: use a computer with an NVIDIA GPU, or install its driver.",
        "lines": [],
    }


def test_what_stands_in_the_way_of_a_training_is_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "output").write_text("a file where the folder should be")
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(RTX_2070))
    assert doctor(Terminal(json=True)) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["accelerate"]) == ("bad", "1 GPU, fp16")
    assert [finding["todo"] for finding in told["findings"] if finding["name"] == "Output"] == [
        "Choose another one: output.directory."
    ]
