"""The lines around Try's pictures: at every width, with long and wide text, and what they say of the worker."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from loratui.paths import runs_directory
from loratui.profile.schema import Comparison
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.trying import requests_path
from loratui.tui.glyphs import ASCII, UNICODE, Glyphs
from loratui.tui.screens.try_lines import (
    caption,
    facts_line,
    fetch_line,
    plain_lines,
    prompt_line,
    state_line,
    strip_line,
    tag_line,
)
from loratui.tui.screens.try_trial import Trial, open_trial
from tests.tried_run import compared_run

PROMPT = "笑顔の女の子、" * 30 + "\x1b[31m\n夜"
LINES = (prompt_line, facts_line, strip_line, state_line, tag_line, fetch_line)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.setenv("SSH_CONNECTION", "192.168.1.5 51000 192.168.1.9 22")
    return compared_run(tmp_path / "p", runs_directory())


@pytest.fixture
def trial(run: RunDirectory) -> Trial:
    opened = open_trial(run, None)
    assert opened is not None
    return opened


def test_no_lora_as_the_only_column_leaves_a_strength_to_look_at(run: RunDirectory) -> None:
    (run.comparison / "comparison.json").unlink()
    trial = open_trial(run, Comparison(prompts=["Emi"], strengths=[0.0]))
    assert trial is not None
    assert (trial.strengths, trial.strength) == ((0.0, 0.8), 0.8)
    assert "[0.8" in strip_line(trial, 78, UNICODE).plain
    assert trial.step(-1)
    trial.take_settings(Comparison(prompts=["Emi"], strengths=[0.0]))
    assert "[0.0" in strip_line(trial, 78, UNICODE).plain


def crowd(trial: Trial) -> None:
    trial.strengths = tuple(number / 20 for number in range(40))
    trial.change(prompt=PROMPT, other_loras=("~/スタイル.safetensors:0.6",) * 5, base="/b/素材")


@pytest.mark.parametrize("width", [20, 58, 78, 118])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("change", [lambda trial: None, crowd])
def test_no_line_is_wider_than_its_place(
    trial: Trial, width: int, glyphs: Glyphs, change: Callable[[Trial], None]
) -> None:
    change(trial)
    for strength in (trial.strengths[0], trial.strengths[-1], 0.8):
        trial.strength = strength
        for line in LINES:
            drawn = line(trial, width, glyphs).plain
            assert cell_len(drawn) <= width, (line.__name__, drawn)
            assert drawn.isprintable()
        assert f"[{strength:.1f}" in strip_line(trial, width, glyphs).plain or width == 20 or len(trial.strengths) > 4


def test_what_is_being_done_is_said(trial: Trial, run: RunDirectory) -> None:
    session = trial.session
    assert state_line(trial, 78, UNICODE).plain.startswith("everyday 0.7–0.9")
    trial.change(prompt="Emi reads")
    assert state_line(trial, 78, UNICODE).plain == "Not drawn yet: Enter draws without and with 0.8."
    trial.strength = 0.0
    assert state_line(trial, 78, UNICODE).plain == "Not drawn yet: Enter draws without."
    trial.strength = 0.8
    run.trying.path.mkdir()
    request = "1"
    with EventWriter(requests_path(run.trying), 0) as requests:
        settings = trial.wish.settings((0.8,)).model_dump(mode="json")
        fields = {
            "files": [["last", "x"]],
            "base": "",
            "size": [64, 64],
            "directory": "",
            "stem": "",
            "idle_seconds": 1,
        }
        requests.write("draw", id=request, settings=settings, **fields)
    session._read()
    assert [mark for mark in strip_line(trial, 78, UNICODE).plain if mark in "✓▸·"] == ["▸", "·", "▸", "·"]
    for standing, words in {
        "waiting": "waiting for its turn…   x stops",
        "starting": "starting: libraries are being loaded…   x stops",
        "loading": "loading the base base…   x stops",
    }.items():
        session.standing = standing  # type: ignore[assignment]
        assert state_line(trial, 78, UNICODE).plain == words
    session.standing, session.place = "waiting", "Waiting for the CPU, where emi is at work."
    assert state_line(trial, 78, UNICODE).plain == "Waiting for the CPU, where emi is at work…   x stops"
    session.standing, session.progress = "drawing", (10, 40)
    assert state_line(trial, 40, UNICODE).plain == "drawing  ████···········  25 %   x stops"


def test_a_strength_says_what_it_is_good_for() -> None:
    assert [caption(strength) for strength in (0.0, 0.4, 0.7, 0.9, 1.0, 1.2, 1.5)] == [
        "no LoRA",
        "strength 0.4",
        "strength 0.7, everyday",
        "strength 0.9, everyday",
        "strength 1.0, strong",
        "strength 1.2, strong",
        "strength 1.5",
    ]


def test_what_is_taken_along_has_no_cut_line(trial: Trial) -> None:
    tag, _, grid, lora, _, *fetching = plain_lines(trial)
    assert tag == "<lora:disc:0.8>"
    assert Path(grid.removeprefix("grid: ")).is_file()
    assert Path(lora.removeprefix("LoRA: ")).is_file()
    assert [line.split()[0] for line in fetching] == ["scp", "scp"]


def test_without_ssh_nothing_is_fetched(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION")
    assert fetch_line(trial, 78, UNICODE).plain == ""
    assert "scp" not in "\n".join(plain_lines(trial))
