"""Step 1 as it looks: with findings that are the same on every computer, since a real one's differ."""

import sys
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from loratui.environment.accelerate_config import DefaultConfig
from loratui.environment.finding import Finding
from loratui.environment.gpu import Gpu
from loratui.environment.probe import Facts
from loratui.profile.schema import Profile
from loratui.profile.store import profile_path, write_profile
from loratui.tui.screens.system import SystemScreen
from loratui.tui.screens.system_default_config import Difference
from tests.patient_pilot import patient
from tests.stand_in_nvml import RTX_2070, RTX_4090, stand_in_nvml
from tests.wizard import at_rest, make_wizard

GIB = 1 << 30
GPUS = (
    Gpu(0, "NVIDIA GeForce RTX 2070", "GPU-2070", 7 * GIB, 8 * GIB, (7, 5)),
    Gpu(1, "NVIDIA GeForce RTX 4090", "GPU-4090", 15 * GIB, 24 * GIB, (8, 9)),
)
FACTS = Facts(
    (
        Finding("Python", "3.12.7  ~/loratui/.venv"),
        Finding("torch", "2.9.1+cu128, built for CUDA 12.8"),
        Finding("Libraries", "accelerate 1.15.0, diffusers 0.42.1, transformers 5.23.0, peft 0.21.2"),
        Finding("Driver", "NVIDIA 570.86.15, CUDA up to 12.8"),
        Finding("GPU 0", "GeForce RTX 2070, 7.0 of 8.0 GB free, compute capability 7.5"),
        Finding(
            "GPU 1",
            "GeForce RTX 4090, 15.0 of 24.0 GB free, compute capability 8.9",
            "warning",
            "python3.11 (process 4711) holds 8.0 GB: end what is not needed.",
        ),
        Finding("Memory", "24.1 of 31.2 GB free"),
        Finding("Runs", "804 MB free of 271 GB  ~/.local/share/loratui", "bad", "Make room, or change LORATUI_HOME."),
        Finding("Output", "1.2 TB free of 2.0 TB  /data/output"),
        Finding("Hub cache", "3 models, 14.2 GB  ~/.cache/huggingface/hub"),
        Finding("Terminal", "xterm-256color, 80 × 24"),
        Finding("Colours", "16.7 million (24 bits)"),
        Finding(
            "tmux",
            "tmux 3.3a, keeps copied text to itself",
            "warning",
            "Add to ~/.tmux.conf, then run: tmux source-file ~/.tmux.conf",
            ("set -g set-clipboard on",),
        ),
    ),
    GPUS,
)
BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


@pytest.fixture(autouse=True)
def computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer with two GPUs, with a profile `emi`."""
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(RTX_2070, RTX_4090))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    profile_path("emi").parent.mkdir(parents=True)
    write_profile(Profile(), profile_path("emi"), "emi")


async def show_facts(pilot: Pilot[Any]) -> None:
    """Wait until this computer has been looked at, and show the findings of another one."""
    await at_rest(pilot)
    pilot.app.screen.post_message(SystemScreen.Looked(FACTS))
    await pilot.pause()


@BOTH_SIZES
def test_the_computer(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(make_wizard("emi", "system"), terminal_size=size, run_before=patient(show_facts))


@BOTH_SIZES
def test_accelerates_questions(snap_compare: Any, size: tuple[int, int]) -> None:
    async def ask(pilot: Pilot[Any]) -> None:
        await show_facts(pilot)
        await pilot.press("enter", "down", "down", "down", "down", "enter", "down", "enter")

    assert snap_compare(make_wizard("emi", "system"), terminal_size=size, run_before=patient(ask))


def test_the_difference(snap_compare: Any) -> None:
    lines = ("--- now", "+++ then", "@@ -8,3 +8,3 @@", " main_training_function: main", "-mixed_precision: 'no'")
    more = ("+mixed_precision: fp16", " num_machines: 1", "@@ -16 +16 @@", "-use_cpu: true", "+use_cpu: false")
    path = Path("/home/emi/.cache/huggingface/accelerate/default_config.yaml")

    async def show(pilot: Pilot[Any]) -> None:
        await show_facts(pilot)
        await pilot.app.push_screen(Difference(DefaultConfig(path, "", "", (*lines, *more))))

    assert snap_compare(make_wizard("emi", "system"), terminal_size=(80, 24), run_before=patient(show))
