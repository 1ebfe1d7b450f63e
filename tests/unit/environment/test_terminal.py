import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.environment import terminal_memory
from loratui.environment.terminal import Answers, ask_tmux, choose_images, terminal_findings, tmux_lines, wants_ascii
from loratui.environment.terminal_memory import remember, remembered

KITTY = Answers("kitty(0.36.4)", kitty=True, cell=(9, 18), sign_columns=3, complete=True)
WEZTERM = Answers("WezTerm 2024", kitty=True, sixel=True, sign_columns=3, complete=True)
PUTTY = Answers("PuTTY", sign_columns=6, complete=True)
PLAIN = {"TERM": "xterm-256color"}


def test_pictures_are_drawn_as_the_terminal_can() -> None:
    assert choose_images("auto", KITTY, PLAIN) == "kitty"
    assert choose_images("auto", WEZTERM, PLAIN) == "sixel"  # it takes kitty's protocol, but not its placeholders
    assert choose_images("auto", PUTTY, PLAIN) == "halfcell"
    assert choose_images("auto", None, PLAIN) == "halfcell"


def test_a_person_has_the_last_word_about_pictures() -> None:
    assert choose_images("sixel", KITTY, PLAIN) == "sixel"
    assert choose_images("off", KITTY, PLAIN) == "off"
    assert choose_images("auto", KITTY, {"NO_COLOR": "1"}) == "off"
    assert choose_images("kitty", None, {"NO_COLOR": "1"}) == "kitty"


def test_ascii_is_chosen_where_signs_do_not_keep_their_columns() -> None:
    assert wants_ascii(PUTTY, "utf-8")
    assert wants_ascii(Answers(sign_columns=9), "utf-8")  # reads UTF-8 as three characters a sign
    assert wants_ascii(None, "euc_jp")
    assert not wants_ascii(KITTY, "UTF-8")
    assert not wants_ascii(None, "utf8")


def found(answers: Answers | None, size: tuple[int, int] = (80, 24), **environ: str) -> dict[str, tuple[str, str]]:
    findings = terminal_findings(size, answers, {**PLAIN, **environ})
    return {finding.name: (finding.state, finding.value) for finding in findings}


def test_a_good_terminal_has_nothing_to_do() -> None:
    assert found(KITTY, COLORTERM="truecolor") == {
        "Terminal": ("good", "kitty(0.36.4), 80 × 24"),
        "Colours": ("good", "16.7 million (24 bits)"),
        "Characters": ("good", "UTF-8, every sign in its column"),
        "Pictures": ("good", "kitty's protocol, every pixel"),
    }


def test_what_a_terminal_lacks_is_said() -> None:
    assert found(None, (60, 20))["Terminal"] == ("warning", "xterm-256color, 60 × 20")
    assert found(PUTTY)["Characters"][0] == "warning"
    assert found(PUTTY)["Pictures"] == ("good", "off: their paths are shown")
    assert found(None, TERM="vt100")["Colours"] == ("warning", "16 (TERM is vt100)")
    assert found(None, TERM="")["Colours"] == ("warning", "16 (TERM is not set)")
    assert found(None, NO_COLOR="1")["Colours"] == ("good", "none: NO_COLOR is set")


def test_a_hostile_name_is_printable() -> None:
    assert "\x1b" not in found(Answers("\x1b[2J"))["Terminal"][1]


def test_only_what_tmux_lacks_is_to_be_added() -> None:
    poor = {
        "set-clipboard": "external",
        "allow-passthrough": "0",
        "escape-time": "500",
        "default-terminal": "screen",
    }
    assert tmux_lines(poor) == (
        "set -g set-clipboard on",
        "set -g allow-passthrough on",
        "set -g escape-time 20",
        'set -g default-terminal "tmux-256color"',
    )
    good = {"set-clipboard": "on", "allow-passthrough": "all", "escape-time": "10", "default-terminal": "tmux-256color"}
    assert tmux_lines(good) == ()
    assert tmux_lines({**good, "allow-passthrough": ""}) == ()  # before tmux 3.3 there is no such option


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A tmux of our own; the command that talks to it."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed here")
    socket = tmp_path / "tmux"
    command = ["tmux", "-S", str(socket)]
    subprocess.run([*command, "-f", os.devnull, "new-session", "-d", "sleep 60"], check=True)
    monkeypatch.setenv("TMUX", f"{socket},0,0")
    yield command
    subprocess.run([*command, "kill-server"], check=True)


def test_the_lines_for_tmux_are_lines_that_tmux_takes(tmux: list[str], tmp_path: Path) -> None:
    options = ask_tmux()
    assert options is not None
    lines = tmux_lines({**options, "default-terminal": "screen"})
    assert "set -g set-clipboard on" in lines
    configuration = tmp_path / "tmux.conf"
    configuration.write_text("\n".join(lines) + "\n")
    subprocess.run([*tmux, "source-file", str(configuration)], check=True)
    told = ask_tmux()
    assert told is not None
    assert tmux_lines(told) == ()


def test_tmux_is_a_finding_with_its_lines(tmux: list[str]) -> None:
    finding = terminal_findings((80, 24), None, {**PLAIN, "TMUX": os.environ["TMUX"]})[-1]
    assert finding.name == "tmux"
    assert finding.state == "warning"
    assert "set -g set-clipboard on" in finding.lines
    assert "tmux source-file ~/.tmux.conf" in finding.todo


def test_a_tmux_that_is_gone_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", f"{tmp_path / 'nowhere'},0,0")
    assert ask_tmux() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_tmux() is None


def test_answers_are_remembered_for_the_terminal_that_gave_them() -> None:
    over_ssh = {**PLAIN, "SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"}
    remember(KITTY, PLAIN)
    remember(PUTTY, over_ssh)
    assert remembered(PLAIN) == KITTY
    assert remembered({**over_ssh, "SSH_CONNECTION": "10.0.0.1 5111 10.0.0.2 22"}) == PUTTY
    assert remembered({**PLAIN, "TMUX": "/tmp/x,1,0"}) is None


def test_only_so_many_terminals_are_remembered() -> None:
    for number in range(60):
        remember(KITTY, {"TERM": f"terminal-{number}"})
    assert remembered({"TERM": "terminal-59"}) == KITTY
    assert remembered({"TERM": "terminal-0"}) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"TERM=xterm-256color": 3}', '{"TERM=xterm-256color": {"cell": [0]}}']
)
def test_a_damaged_memory_is_as_good_as_none(text: str) -> None:
    path = terminal_memory._path()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert remembered(PLAIN) in (None, Answers())
    remember(KITTY, PLAIN)
    assert remembered(PLAIN) == KITTY


def test_a_memory_that_cannot_be_kept_is_no_trouble(loratui_home: Path) -> None:
    loratui_home.write_text("a file where the directory would be")
    remember(KITTY, PLAIN)
    assert remembered(PLAIN) is None
