"""A disk that no longer answers holds up what lies on it, and neither the rest of the program nor its end."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from loratui.profile.schema import Profile
from loratui.profile.store import write_profile
from tests.dead_disk import WRITING, DeadDisk
from tests.functional.wizard.picture_folders import good_folder
from tests.wizard_terminal import WizardTerminal, environment

# Far less than for ever, which is how long the disk does not answer.
_SECONDS = 60.0


def save(folder: Path, name: str, pictures: Path) -> None:
    """A profile in the home of the program in `folder`."""
    profile = Profile()
    profile.model.base, profile.dataset.path = "demo", str(pictures)
    write_profile(profile, folder / "home" / "config" / "profiles" / f"{name}.toml")


def open_wizard(folder: Path, disk: DeadDisk) -> WizardTerminal:
    """The wizard on that disk."""
    return WizardTerminal(folder, environment(folder), program=disk.program)


def leave(terminal: WizardTerminal) -> None:
    """Leave with `q`, which has to give back terminal and process."""
    terminal.keys("q")
    assert terminal.wait(_SECONDS) == 0
    assert b"\x1b[?1049l" in terminal.sent


@pytest.fixture
def dead(tmp_path: Path) -> DeadDisk:
    """A disk that does not answer, with the pictures of a profile, beside one of another profile that does."""
    disk = DeadDisk(tmp_path)
    shutil.copytree(good_folder(tmp_path) / "5_emi_person", disk.mount / "5_ada_person")
    save(tmp_path, "ada", disk.mount / "5_ada_person")
    save(tmp_path, "emi", good_folder(tmp_path / "here") / "5_emi_person")
    disk.die()
    return disk


def test_home_counts_the_other_pictures_and_can_be_left(tmp_path: Path, dead: DeadDisk) -> None:
    with open_wizard(tmp_path, dead) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        # Home goes on looking: a profile that comes is listed.
        save(tmp_path, "zoe", dead.mount / "5_zoe_person")
        terminal.wait_to_see("zoe")
        leave(terminal)


def test_a_disk_that_answers_again_is_counted(tmp_path: Path, dead: DeadDisk) -> None:
    with open_wizard(tmp_path, dead) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        dead.live()
        terminal.wait_to_see("6 in 5_ada_person")


def test_a_signal_ends_it_too(tmp_path: Path, dead: DeadDisk) -> None:
    with open_wizard(tmp_path, dead) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait(_SECONDS) == 128 + signal.SIGTERM


def test_a_path_that_was_typed_holds_one_thread_and_not_the_end(tmp_path: Path, dead: DeadDisk) -> None:
    with open_wizard(tmp_path, dead) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        before = len(os.listdir(f"/proc/{terminal.pid}/task"))
        terminal.keys("n")
        terminal.wait_to_see("Train your own")
        terminal.type(str(dead.mount / "5_ada_person"))
        for letter in "/so/deep":
            terminal.keys(letter)
        terminal.keys("tab", "tab")
        assert len(os.listdir(f"/proc/{terminal.pid}/task")) <= before + 3
        terminal.keys("escape")
        terminal.wait_until(lambda: not terminal.sees("Train your own"), "Home")
        leave(terminal)


def test_a_path_elsewhere_is_looked_at_while_another_one_does_not_answer(tmp_path: Path, dead: DeadDisk) -> None:
    with open_wizard(tmp_path, dead) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        terminal.keys("n")
        terminal.wait_to_see("Train your own")
        terminal.type(str(dead.mount / "5_ada_person"))
        terminal.keys("ctrl+u")
        terminal.type(str(tmp_path / "here"))
        terminal.wait_to_see("pictures")


@pytest.mark.parametrize("step", "2345")
def test_every_step_of_a_profile_on_it_can_be_left(tmp_path: Path, dead: DeadDisk, step: str) -> None:
    with open_wizard(tmp_path, dead) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        terminal.keys("home", step)
        terminal.wait_to_see(f"{step} {('Model', 'Pictures', 'Settings', 'Train')[int(step) - 2]}▸")
        leave(terminal)


def test_a_caption_that_is_never_written_does_not_hold_the_program(tmp_path: Path) -> None:
    disk = DeadDisk(tmp_path, names=WRITING)
    shutil.copytree(good_folder(tmp_path) / "5_emi_person", disk.mount / "5_emi_person")
    save(tmp_path, "emi", disk.mount / "5_emi_person")
    with open_wizard(tmp_path, disk) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        terminal.keys("3")
        terminal.wait_to_see("no problems")
        disk.die()
        terminal.keys("enter")
        terminal.type(", typed")
        terminal.keys("enter")
        leave(terminal)


def test_a_caption_on_a_slow_disk_is_written_before_the_end_wherever_the_program_is_left(tmp_path: Path) -> None:
    disk = DeadDisk(tmp_path, names=WRITING)
    pictures = disk.mount / "5_emi_person"
    shutil.copytree(good_folder(tmp_path) / "5_emi_person", pictures)
    save(tmp_path, "emi", pictures)
    with open_wizard(tmp_path, disk) as terminal:
        terminal.wait_to_see("6 in 5_emi_person")
        terminal.keys("3")
        terminal.wait_to_see("no problems")
        disk.die()
        terminal.keys("enter")
        terminal.type(", typed")
        terminal.keys("enter", "1")
        terminal.wait_to_see("System▸")
        terminal.keys("q")
        disk.live()
        assert terminal.wait(_SECONDS) == 0
    assert any("typed" in path.read_text() for path in pictures.glob("*.txt"))
