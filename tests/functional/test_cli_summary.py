"""What a person is told once a worker is done: the summary, its tables and curves, and the grid."""

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
from loratui.command_line.terminal import Terminal
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event
from loratui.runs.history import History, fold
from tests.run_told import a_run, terminal


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
        "1.4 GB",
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
