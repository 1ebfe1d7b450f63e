"""What a terminal is sent: no codes from names and texts of files, no colours and no mouse where none are wanted."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.profile.store import write_profile
from tests import stand_in_worker
from tests.small_dataset import small_profile, write_pictures
from tests.wizard_terminal import WizardTerminal, environment, with_stand_in

CODES = "\x1b]0;PWN\x07\x1b[31m"
HOSTILE = f"n{CODES}dir\u202eabc"
REVERSED = "m\u202edir"
# Foreground and background: by name, of 256, or of all; 39 and 49 are the terminal's own.
COLOUR = re.compile(rb"\x1b\[(?:[0-9;:]*[;:])?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m")
MOUSE = re.compile(rb"\x1b\[\?(?:1000|1002|1003|1006|1015|1016)h")


def obeyed(sent: bytes) -> list[bytes]:
    """What there is of the hostile texts that a terminal would obey."""
    found = [b"\x1b]0;", b"PWN\x07", b"\x1b[31mdir", "\u202e".encode(), "\u2028".encode(), b"\xc2\x9b"]
    return [code for code in found if code in sent]


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[WizardTerminal]:
    """The wizard with a profile whose texts and files are hostile, as far as a profile takes that, and its worker."""
    (tmp_path / HOSTILE).mkdir()
    pictures = write_pictures(tmp_path / REVERSED / "5_emi")
    (pictures / "1.png").rename(pictures / f"0{HOSTILE}.png")
    (pictures / "1.txt").unlink()
    (pictures / f"0{HOSTILE}.txt").write_text(f"Emi, {HOSTILE}, \u2028\x9b31m")
    base = tmp_path / "base"
    base.mkdir()
    (base / "model_index.json").write_text("{}")
    profile = small_profile(
        base,
        tmp_path / REVERSED,
        tmp_path / "out",
        output={"name": ""},
        comparison={"prompts": ["Emi, \u202ereversed", "Emi, night"], "strengths": [0.0, 1.0]},
    )
    profiles = tmp_path / "home" / "config" / "profiles"
    write_profile(profile, profiles / "emi.toml")
    (profiles / f"e{HOSTILE}.toml").write_bytes((profiles / "emi.toml").read_bytes())
    body = f"print({HOSTILE!r}, 'hf_abcdefghijklmnop', flush=True)\nif task != 'train':\n"
    body += "".join(f"    {line}\n" for line in stand_in_worker.TRIES.splitlines())
    body += stand_in_worker.TRAINS
    with with_stand_in(tmp_path, body) as variables, WizardTerminal(tmp_path, variables) as terminal:
        terminal.wait_to_see("not trained yet")
        yield terminal


def ends_without_codes(terminal: WizardTerminal) -> None:
    """Leave, and look at all that was sent."""
    terminal.keys("q")
    assert terminal.wait() == 0
    assert obeyed(terminal.sent) == []


def test_names_and_completion_on_home_send_no_codes(hostile: WizardTerminal) -> None:
    assert len(obeyed(f"{HOSTILE}\u2028\x9b".encode())) == 6
    hostile.wait_to_see(r"\x1b]0;PWN")  # the other profile's name
    hostile.keys("n")
    hostile.wait_to_see("Tab complete")
    hostile.type("n")
    hostile.wait_to_see("There is no folder ~/n.")  # said a moment after the last key, instead of what Tab said before
    hostile.keys("tab")
    hostile.wait_to_see("Nothing begins like that.")
    hostile.keys("escape")
    ends_without_codes(hostile)


def test_pictures_and_settings_send_no_codes(hostile: WizardTerminal) -> None:
    hostile.keys("enter")
    hostile.wait_to_see("6 pictures × 5")
    for keys in (("enter", "escape"), ("g", "escape"), ("!", "escape"), ("y", "escape")):
        hostile.keys(*keys)
    hostile.keys("o", "tab")
    hostile.wait_to_see("m\ufffddir")
    hostile.keys("escape")
    hostile.keys("4")
    hostile.wait_to_see("Picture folder")
    hostile.keys("down", "enter", "tab")
    hostile.wait_to_see("m\ufffddir")
    hostile.keys("escape")
    hostile.keys("/")
    hostile.type("prompts")
    hostile.keys("enter", "enter")
    hostile.wait_to_see("Emi, \ufffdreversed")
    hostile.keys("escape", "y", "escape")
    ends_without_codes(hostile)


def test_the_log_and_trying_send_no_codes(hostile: WizardTerminal, tmp_path: Path) -> None:
    hostile.keys("A")
    hostile.wait_to_see("finished at")
    hostile.keys("l")
    hostile.wait_to_see("hf_…")
    assert hostile.sees(r"\x1b]0;PWN")
    hostile.keys("escape", "6")
    hostile.wait_to_see("[")
    hostile.keys("O", "enter")
    hostile.wait_to_see("Its file and")
    hostile.type("n")
    hostile.keys("tab")
    hostile.wait_to_see("Nothing begins like that.")
    hostile.keys("escape", "escape")
    ends_without_codes(hostile)
    assert b"abcdefghij" not in hostile.sent


@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
def test_without_colours_what_is_chosen_and_the_cursor_are_reversed(tmp_path: Path, theme: str) -> None:
    with WizardTerminal(tmp_path, environment(tmp_path, NO_COLOR="1"), "--theme", theme) as terminal:
        terminal.wait_to_see("Train your own")
        terminal.keys("n")
        terminal.wait_to_see("Tab complete")
        terminal.type("xyz")
        terminal.keys("left", "left")
        terminal.wait_until(lambda: terminal.reversed_text.startswith("y"), "a reversed cursor")
        terminal.keys("escape", "1")
        terminal.wait_to_see("Python")
        terminal.keys(":")
        terminal.type("theme")
        terminal.wait_until(lambda: "heme" in terminal.reversed_text, "a reversed choice")
        terminal.keys("escape", "q")
        assert terminal.wait() == 0
    assert COLOUR.findall(terminal.sent) == []


def test_colours_are_sent_otherwise(tmp_path: Path) -> None:
    with WizardTerminal(tmp_path) as terminal:
        terminal.wait_to_see("Train your own")
    assert COLOUR.search(terminal.sent)
    assert MOUSE.search(terminal.sent)


def test_the_mouse_is_left_to_the_terminal(tmp_path: Path) -> None:
    with WizardTerminal(tmp_path, None, "--no-mouse") as terminal:
        terminal.wait_to_see("Train your own")
        terminal.keys("n", "escape", "q")
        assert terminal.wait() == 0
    assert not MOUSE.search(terminal.sent)
