"""The whole way in a terminal of 80 × 24, by keyboard alone: from a folder of pictures to a strength that is kept."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open

import loratui.demo
from loratui.profile.demo import sample_dataset_path
from loratui.profile.schema import DEFAULT_BASE
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.lock import is_alive
from tests.small_project import events_of, wait_until
from tests.unit.hub.stub_hub import StubHub
from tests.wizard_terminal import WizardTerminal, environment, everything_ends

MOST_KEYSTROKES = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A person's folder with four of the sample pictures in `5_emi_person`."""
    pictures = tmp_path / "5_emi_person"
    pictures.mkdir()
    for number in range(1, 5):
        for extension in ("png", "txt"):
            shutil.copy(sample_dataset_path() / pictures.name / f"{number}.{extension}", pictures)
    return tmp_path


def the_run(folder: Path) -> RunDirectory:
    [run] = list_runs(folder / "home" / "data" / "runs")
    return run


def set_field(terminal: WizardTerminal, words: str, label: str, value: str = "") -> None:
    """Find a setting by its name; flip it, or type a value."""
    terminal.keys("/", "ctrl+u")
    terminal.type(words)
    terminal.wait_to_see(f"▸ {label}")
    terminal.keys("enter", "enter")
    if value:
        terminal.keys("ctrl+u")
        terminal.type(value)
        terminal.keys("enter")


def test_from_a_folder_of_pictures_to_a_kept_strength(folder: Path) -> None:
    with WizardTerminal(folder) as terminal:
        before = terminal.modes
        terminal.wait_to_see("Train your own")
        terminal.keys("n")
        terminal.wait_to_see("Left empty")
        terminal.type("5_emi")
        terminal.keys("tab", "enter")
        terminal.wait_to_see("4 pictures × 5")
        assert "emi" in terminal.lines[0]
        # The demo's base, which draws 64 pixels
        terminal.keys("2")
        terminal.wait_to_see("built in")
        terminal.keys("down", "enter")
        terminal.wait_to_see("✓ demo")
        terminal.keys("4")
        terminal.wait_to_see("Output folder")
        set_field(terminal, "aspect", "Aspect buckets")
        set_field(terminal, "resolution", "Resolution", "64")
        set_field(terminal, "epochs", "Epochs", "1")
        terminal.keys("5")
        lines = terminal.wait_to_see("10: 1 epoch")
        assert not any("!" in line for line in lines), "\n".join(lines)
        terminal.keys("enter")
        terminal.wait_until(lambda: terminal.title.startswith(("100 % emi", "emi finished")), "the last step", 60)
        terminal.wait_to_see("6 tries", 60)
        terminal.keys("6")
        terminal.wait_to_see("[0.8✓]", 30)
        terminal.keys("right")
        terminal.wait_to_see("[0.9✓]")
        terminal.keys("k")
        terminal.wait_to_see("Kept 0.9")
        terminal.keys("y")
        terminal.wait_to_see("<lora:emi:0.9>")
        terminal.keys("escape")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.modes == before
    output = folder / "output"
    assert json.loads((output / "emi.json").read_text())["preferred weight"] == 0.9
    assert (output / "emi.png").is_file()
    assert (output / "emi-grid.png").is_file()
    with safe_open(output / "emi.safetensors", framework="np") as file:
        assert file.metadata()["ss_network_module"] == "networks.lora"


def test_from_the_start_to_a_running_training_in_twelve_keystrokes_and_the_path(folder: Path) -> None:
    """With everything answered in advance, the download of the default base included.

    The hub is a stub on the loopback; under the name of the default base it serves the demo's, which a CPU can train.
    """
    base = Path(loratui.demo.__file__).parent / "base"
    files = {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}
    with StubHub({DEFAULT_BASE: files}) as hub, everything_ends(folder):
        variables = environment(folder, HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="0")
        with WizardTerminal(folder, variables) as terminal:
            terminal.wait_to_see("Train your own")
            terminal.keys("n")
            terminal.wait_to_see("Left empty")
            terminal.type("5_emi_person")
            terminal.keys("enter")
            terminal.wait_to_see("4 pictures × 5")
            terminal.keys("5")
            terminal.wait_to_see("Enter starts the training")
            terminal.keys("enter")
            wait_until(lambda: list_runs(folder / "home" / "data" / "runs"), 60)
            run = the_run(folder)
            wait_until(lambda: events_of(run, "training"), 60)
            assert is_alive(run)
            without_the_path = terminal.keystrokes - 1
            assert without_the_path <= MOST_KEYSTROKES
