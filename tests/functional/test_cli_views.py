"""What a person sees while a worker works: few plain lines or a bar, and never what a file would have a terminal do."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from loratui.command_line.concluding import finished_fields
from loratui.command_line.curve import curve
from loratui.command_line.picture import Images, draw_picture
from loratui.command_line.summary import say_finished
from loratui.command_line.terminal import Terminal, duration
from loratui.command_line.watching import LiveView, PlainView, SilentView, view_for
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event
from loratui.runs.history import History, fold


def terminal(is_terminal: bool, json: bool = False) -> tuple[Terminal, io.StringIO]:
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=is_terminal,
        width=80,
        height=24,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        color_system="truecolor" if is_terminal else None,
    )
    return Terminal(json=json, out=console, err=console), stream


def a_run(steps: int, folder: Path) -> list[Event]:
    events: list[Event] = [
        {"event": "started", "pid": 1, "task": "train"},
        {"event": "base", "name": "[red]b\x1b[2Jase", "family": "sd1", "device": "cpu", "precision": "float32"},
        *({"event": "caching", "done": done, "of": 9, "what": "pictures"} for done in range(10)),
        {"event": "training", "steps": steps, "epochs": steps // 10, "modules": 264, "parameters": 5_000_000},
    ]
    for step in range(1, steps + 1):
        events.append({"event": "step", "step": step, "epoch": step // 10, "loss": 1 / step, "lr": 1e-4, "seconds": 1})
        if step % 10 == 0:
            events.append({"event": "validation", "epoch": step // 10, "loss": abs(step - 50) / 100 + 0.1})
            events.append({"event": "saved", "epoch": step // 10, "file": str(folder / f"emi-{step // 10:06d}.x")})
    events += [
        {"event": "verified", "file": "/o/emi.safetensors", "error": 1e-4, "bound": 1e-2},
        *({"event": "drawing", "done": done, "of": 21} for done in range(22)),
        {"event": "warning", "message": "[/nonsense] \x1b[31m"},
        {"event": "step"},
        {"event": "saved", "file": None},
        {"event": "something new", "step": "x"},
    ]
    return events


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


def test_the_summary_says_what_the_events_told(tmp_path: Path) -> None:
    (tmp_path / "emi-000002.x").touch()
    history = fold(a_run(100, tmp_path))
    history.take({"event": "recovered", "what": "out of memory: batch 1 from here", "step": 40})
    assert (history.first_loss, history.last_loss) == (1.0, 0.01)
    assert history.best_epoch == 5
    assert history.saved == [str(tmp_path / "emi-000002.x")]
    last: Event = {
        "event": "finished",
        "attempt": 1,
        "lora": str(tmp_path / "emi.safetensors"),
        "grid": None,
        "steps": 100,
        "seconds": 62.0,
        "first_loss": 1.0,
        "last_loss": 0.01,
        "peak_memory_bytes": 1_500_000_000,
    }
    figures = finished_fields(history, last)
    assert {
        "lora",
        "grid",
        "steps",
        "seconds",
        "first_loss",
        "last_loss",
        "validation",
        "best_epoch",
        "recovered",
    } <= set(figures)
    assert "event" not in figures
    where, stream = terminal(False)
    say_finished(where, RunDirectory(tmp_path), history, last)
    said = stream.getvalue()
    for part in (
        "100 steps in 1 min 2 s",
        "validation loss 0.5000 → 0.6000",
        "emi-000002.x",
        "5: 0.1000*",
        "epoch 5 is the one to try first",
        "recovered: out of memory: batch 1 from here (step 40)",
        "<lora:emi:0.8>",
        "1.5 GB",
    ):
        assert part in said


def test_a_run_without_validation_or_figures_still_has_a_summary(tmp_path: Path) -> None:
    where, stream = terminal(False)
    say_finished(where, RunDirectory(tmp_path), History(), {"event": "finished", "first_loss": None})
    assert "Finished: 0 steps\n" in stream.getvalue()


def test_the_grid_is_drawn_in_half_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    Image.new("RGB", (400, 100), "red").save(tmp_path / "grid.png")
    where, stream = terminal(True)
    draw_picture(tmp_path / "grid.png", where, Images.halfcell)
    rows = [line for line in stream.getvalue().splitlines() if "▀" in line]
    assert 0 < len(rows) <= 24
    assert max(line.count("▀") for line in rows) <= 80


@pytest.mark.parametrize(("is_terminal", "images"), [(False, Images.halfcell), (True, Images.off)])
def test_no_grid_is_drawn_where_none_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_terminal: bool, images: Images
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    Image.new("RGB", (40, 10), "red").save(tmp_path / "grid.png")
    where, stream = terminal(is_terminal)
    draw_picture(tmp_path / "grid.png", where, images)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.14, "3.1 s"), (59, "59 s"), (62, "1 min 2 s"), (3700, "1 h 1 min"), (119.7, "2 min 0 s")]
)
def test_durations_in_a_persons_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("is_terminal", [True, False])
def test_whoever_comes_later_sees_the_whole_curve_in_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    where, stream = terminal(is_terminal)
    view = view_for(where)
    view.begin(fold(a_run(10_000, tmp_path)))
    view.close()
    said = stream.getvalue()
    assert "loss of steps 1–10000, 1.0000 → 0.0001:" in said
    assert "█" in said
    assert "step 10000 of 10000" in said
    assert "epoch 1000: validation loss" in said
    assert len(said.splitlines()) < 40
    assert "\x1b[2J" not in said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_resumed_worker_repeats_nothing_and_says_the_place_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    where, stream = terminal(is_terminal)
    view = view_for(where)
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


def test_prose_is_wrapped_at_spaces_in_a_terminal_only() -> None:
    path = "/" + "very-long" * 12
    for is_terminal in (True, False):
        where, stream = terminal(is_terminal)
        where.say(f"warning: {'some words ' * 9}in {path} and more.")
        where.say(f"  LoRA   {path} x", verbatim=True)
        lines = stream.getvalue().splitlines()
        assert lines[-1] == f"  LoRA   {path} x"
        if is_terminal:
            assert lines[0] == f"warning: {'some words ' * 6}some"
            assert lines[1:-1] == [f"  words {'some words ' * 2}in", f"  {path}", "  and more."]
        else:
            assert len(lines) == 2


def test_the_table_of_validation_losses_is_as_wide_as_the_terminal(tmp_path: Path) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=40, soft_wrap=True, color_system=None)
    where = Terminal(out=console, err=console)
    say_finished(where, RunDirectory(tmp_path), fold(a_run(100, tmp_path)), {"event": "finished"})
    said = stream.getvalue()
    assert "    1: 0.5000       2: 0.4000\n" in said


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


def test_a_curve_is_as_wide_as_it_may_be_and_falls_when_the_loss_falls() -> None:
    falling = {step: 1 / step for step in range(1, 5000)}
    drawn = curve(falling)
    assert len(drawn) == 60
    assert drawn[0] == "█"
    assert drawn[-1] == "▁"
    assert curve({1: 0.5, 2: 0.5}) == "▁▁"
    assert curve({}) == ""
    assert curve(falling, unicode=False).isascii()


def test_a_terminal_that_answers_no_question_gets_the_picture_and_nothing_else(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "grid.png")
    code = (
        "from pathlib import Path; from loratui.command_line.picture import Images, draw_picture;"
        "from loratui.command_line.terminal import Terminal;"
        f"draw_picture(Path({str(tmp_path / 'grid.png')!r}), Terminal(False), Images.halfcell)"
    )
    first, second = pty.openpty()
    fcntl.ioctl(second, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=second,
        stdout=second,
        stderr=second,
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        start_new_session=True,
    )
    os.close(second)
    shown = b""
    while True:
        try:
            data = os.read(first, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    assert process.wait(timeout=60) == 0
    assert "▀" in shown.decode() or "▄" in shown.decode()
    assert b"Traceback" not in shown
    assert b"Failed" not in shown
