"""Keys that come in one packet, as over a laggy link: what is typed goes where it is meant to go, and is no command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.profile.schema import Profile
from loratui.profile.store import read_profile, write_profile
from tests.functional.wizard.picture_folders import good_folder
from tests.small_project import wait_until
from tests.wizard_terminal import WizardTerminal


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder with the pictures of the profile emi."""
    folder = good_folder(tmp_path / "Data") / "5_emi_person"
    (folder / "1.txt").write_text("Emi,")
    profile = Profile.model_validate({"model": {"base": "demo"}, "dataset": {"path": str(folder.parent)}})
    write_profile(profile, tmp_path / "home" / "config" / "profiles" / "emi.toml")
    return folder


@pytest.fixture
def terminal(tmp_path: Path, pictures: Path) -> Iterator[WizardTerminal]:
    with WizardTerminal(tmp_path) as terminal:
        terminal.wait_to_see("6 in IMG")
        yield terminal


def test_a_value_behind_enter(terminal: WizardTerminal, tmp_path: Path) -> None:
    terminal.press("4")
    terminal.wait_to_see("Output folder")
    terminal.press("/output folder\r")
    terminal.wait_to_see("▸ Output folder")
    terminal.press("\r4q\r")
    saved = tmp_path / "home" / "config" / "profiles" / "emi.toml"
    terminal.wait_until(lambda: read_profile(saved).output.directory.endswith("4q"), "a folder that ends in 4q")
    assert "Settings▸" in terminal.lines[0]


def test_a_caption_behind_enter(terminal: WizardTerminal, pictures: Path) -> None:
    terminal.press("3")
    terminal.wait_to_see("no problems")
    terminal.press("\r4 girls, cardi\t, night\r")
    wait_until(lambda: (pictures / "1.txt").read_text() == "Emi,4 girls, cardigan, night")
    assert "Pictures▸" in terminal.lines[0]


def test_a_folder_behind_the_key_of_a_dialog_that_is_imported_first(terminal: WizardTerminal) -> None:
    terminal.press("n~/Data/q4")
    terminal.wait_to_see("~/Data/q4")
    assert terminal.sees("Train your own")


def test_a_word_behind_the_key_of_a_search(terminal: WizardTerminal) -> None:
    terminal.press("/q4\x1b[200~5h\x1b[201~6\r")
    terminal.wait_until(lambda: not terminal.sees("6 in IMG") and not terminal.sees("Enter take"), "an empty list")
    terminal.press("/")
    terminal.wait_to_see("q45h6")


def test_a_command_that_is_typed_at_once(terminal: WizardTerminal) -> None:
    terminal.press(":doctor\r")
    terminal.wait_to_see("System▸")


def test_the_program_ends_behind_whatever_was_typed(terminal: WizardTerminal) -> None:
    terminal.press("4/q\r5h\x03")
    terminal.wait_to_see("Leave loratui?")
    terminal.press("\r")
    assert terminal.wait() == 0
