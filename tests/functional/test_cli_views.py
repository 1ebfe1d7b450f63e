"""What a person sees while a worker works: few plain lines or a bar, and never what a file would have a terminal do."""

import io
from pathlib import Path

import pytest

from loratui.command_line.telling import counts_of
from loratui.command_line.watching import LiveView, PlainView, SilentView, View, view_for
from loratui.runs.history import fold
from tests.run_told import a_run, terminal


@pytest.fixture(params=[True, False], ids=["terminal", "elsewhere"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[View, io.StringIO]:
    """What a run is told by, in a terminal and elsewhere, and what it has written."""
    monkeypatch.setenv("TERM", "xterm-256color")
    where, stream = terminal(request.param)
    return view_for(where), stream


@pytest.mark.parametrize("steps", [10, 137, 2000])
def test_elsewhere_than_in_a_terminal_there_are_few_plain_lines(steps: int, tmp_path: Path) -> None:
    where, stream = terminal(False)
    view = view_for(where)
    assert isinstance(view, PlainView)
    for event in a_run(steps, tmp_path):
        view.show(event)
    view.close()
    said = stream.getvalue()
    assert not {character for character in said if ord(character) < 32 and character != "\n"}
    lines = [line for line in said.splitlines() if line.startswith("step ")]
    assert len(lines) <= 23
    assert any(line.startswith(f"step {steps}/{steps}  loss ") for line in lines)
    assert len(said.splitlines()) - len(lines) <= 8
    assert "[red]b\\x1b[2Jase" in said
    assert "[/nonsense] \\x1b[31m" in said


def test_in_a_terminal_there_is_a_bar_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    where, stream = terminal(True)
    view = view_for(where)
    assert isinstance(view, LiveView)
    for event in a_run(30, tmp_path):
        view.show(event)
    view.close()
    said = stream.getvalue()
    assert "epoch 3: validation loss 0.3000" in said
    assert "[red]b\\x1b[2Jase" in said
    assert "\x1b[2J" not in said


def test_pictures_are_counted_and_no_steps_of_the_sampler() -> None:
    where, stream = terminal(False)
    view = view_for(where)
    for done, pictures in ((0, 0), (40, 2), (420, 21)):
        event = {"event": "drawing", "done": done, "of": 420, "pictures": 21}
        assert counts_of(event) == (pictures, 21)
        view.show(event)
    view.show({"event": "training", "steps": 10, "epochs": 1, "modules": 2, "parameters": 3})
    view.close()
    said = stream.getvalue()
    assert "drawing the comparison (21 pictures)" in said
    assert "Training 10 steps in 1 epoch: 2 modules" in said


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view_for(terminal(True)[0]), PlainView)


def test_with_json_nothing_is_shown(tmp_path: Path) -> None:
    where, stream = terminal(False, json=True)
    view = view_for(where)
    assert isinstance(view, SilentView)
    for event in a_run(30, tmp_path):
        view.show(event)
    where.say("something")
    assert stream.getvalue() == ""


def test_whoever_comes_later_sees_the_whole_curve_in_few_lines(
    tmp_path: Path, either: tuple[View, io.StringIO]
) -> None:
    view, stream = either
    view.begin(fold(a_run(10_000, tmp_path)))
    view.close()
    said = stream.getvalue()
    assert "loss of steps 1–10000, 1.0000 → 0.0001:" in said
    assert "█" in said
    assert "step 10000 of 10000" in said
    assert "epoch 1000: validation loss" in said
    assert len(said.splitlines()) < 40
    assert "\x1b[2J" not in said


def test_a_resumed_worker_repeats_nothing_and_says_the_place_once(
    tmp_path: Path, either: tuple[View, io.StringIO]
) -> None:
    view, stream = either
    events = a_run(120, tmp_path)[:-5]
    view.begin(fold(events), resumes=True)
    for event in events:
        if event["event"] in ("base", "training"):
            view.show(event)
    view.show({"event": "resumed", "step": 100, "steps": 120, "lr": 1.3e-4})
    view.close()
    said = stream.getvalue()
    assert [said.count(word) for word in ("Base ", "Training ", "learning rate")] == [1, 1, 1]
    assert "step 120 of 120" not in said


def test_a_plain_line_says_a_validation_loss_once(tmp_path: Path) -> None:
    where, stream = terminal(False)
    view = view_for(where)
    for event in a_run(2000, tmp_path):
        view.show(event)
        if event["event"] == "step" and event.get("step") == 1000:
            view.show({"event": "step", "step": 1100, "loss": 0.5, "lr": 1e-4})
    lines = {line.split("/")[0]: line for line in stream.getvalue().splitlines() if line.startswith("step ")}
    assert "validation" in lines["step 1000"]
    assert "validation" not in lines["step 1100"]


def test_after_a_replay_the_plain_view_goes_on_where_it_is(tmp_path: Path) -> None:
    where, stream = terminal(False)
    view = view_for(where)
    view.begin(fold(a_run(120, tmp_path)[:-5]))
    stream.truncate(0)
    view.show({"event": "resumed", "step": 100, "steps": 120, "lr": 1.3e-4})
    view.show({"event": "step", "step": 101, "loss": 0.5, "lr": 1e-4})
    said = stream.getvalue()
    assert "Resumed at step 100 of 120, learning rate 1.3e-04" in said
    assert "step 101/120  loss 0.5000" in said
