"""The words and figures of Train: what each event says, how figures are written, and that every line fits."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from loratui.command_line.telling import event_line
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import hold_lock
from loratui.tui.glyphs import ASCII, UNICODE, Glyphs
from loratui.tui.moment import Moment
from loratui.tui.run_watch import RunWatch
from loratui.tui.screens.train_end import end_lines, end_text
from loratui.tui.screens.train_events import event_lines, sentence
from loratui.tui.screens.train_figures import head_lines, rate_text, title_text
from loratui.tui.widgets.changing_lines import plain
from tests.recorded_run import Recording, recorded_run
from tests.wizard import TEN_FORTY_TWO

STARTING = ("started", "base", "training", "preflight", "resumed", "recovered", "proposed", "warning", "told")
WORKING = ("step", "validation", "saved", "verified", "installed", "preview", "grid", "trained", "unheard-of")
ENDING = ("finished", "stopped", "failed", "interrupted", "exited")


@pytest.fixture
def run(tmp_path: Path, loratui_home: Path) -> RunDirectory:
    """A run that nobody has begun."""
    return recorded_run(tmp_path, loratui_home)


def moment_of(run: RunDirectory, *, alive: bool = True) -> Moment:
    """The run as it is now."""
    watch = RunWatch(run)
    if alive:
        with hold_lock(run):
            watch.poll()
    else:
        watch.poll()
    return watch.moment


def test_the_first_lines_tell_where_it_is(run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(138)
    recording.write(TEN_FORTY_TWO)
    where, bar, learnt = plain(head_lines(moment_of(run), 78, UNICODE, TEN_FORTY_TWO)).splitlines()

    assert where == "epoch  4/10   step 138/360   38 %   1.9 steps/s   left 1:58   done about 10:43"
    assert bar.count("━") == 30
    assert learnt.startswith("loss 0.0863  smoothed 0.0923  o validation 0.1076 ↓  lr 1.36e-4")


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("steps", [9, 100_000_000])
def test_figures_of_any_size_fit_into_eighty_columns(run: RunDirectory, glyphs: Glyphs, steps: int) -> None:
    recording = Recording(run, steps=steps, epochs=9, pace=0.01)
    recording.begin()
    for step in (1, 2, 3):
        recording.event("step", 100.0, step=step, epoch=1, loss=1234.5, lr=1.234567e-12, seconds=100.0)
    recording.write(TEN_FORTY_TWO)
    lines = head_lines(moment_of(run), 78, glyphs, TEN_FORTY_TWO)

    assert max(cell_len("".join(text for text, _ in line)) for line in lines) <= 78
    assert "left" in plain(lines)
    if glyphs is ASCII:
        assert plain(lines).isascii()


def test_the_title_tells_share_name_and_time_left(run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(138)
    recording.write(TEN_FORTY_TWO)

    assert title_text(moment_of(run), "emi") == "38 % emi 1:58"
    assert title_text(moment_of(run, alive=False), "emi") == "emi interrupted"
    assert title_text(Moment(state="queued"), "emi") == "queued emi"


def test_every_event_that_matters_has_a_sentence_without_jargon() -> None:
    told = {
        "saved": {"file": "/o/emi-000003.safetensors", "bytes": 18_900_000},
        "preview": {"file": "p.png", "prompt": "Emi, reading in a café"},
        "recovered": {"what": "out of memory: now 2 × 1 picture a step", "step": 3},
        "validation": {"epoch": 3, "loss": 0.09871},
        "told": {"command": "stop-after-epoch"},
        "resumed": {"step": 108, "steps": 360, "lr": 1e-4},
        "stopped": {"step": 138, "signal": 0},
        "finished": {"seconds": 223.0},
    }
    words = {kind: sentence({"event": kind, **fields})[0] for kind, fields in told.items()}

    assert words == {
        "saved": "saved emi-000003.safetensors (18.9 MB)",
        "preview": "preview ready: “Emi, reading in a café”",
        "recovered": "out of memory: now 2 × 1 picture a step",
        "validation": "epoch 3: validation loss 0.0987",
        "told": "told to stop after this epoch",
        "resumed": "going on at step 108 of 360",
        "stopped": "stopped at step 138, and saved",
        "finished": "finished after 3 min 43 s",
    }


def test_a_loaded_base_says_which_tokenizer_it_took() -> None:
    told = "The tokenizer is that of openai/clip-vit-large-patch14 (the cache)."
    event = {"event": "base", "name": "anime", "family": "sd1", "device": "cuda", "precision": "bf16"}
    assert sentence(event)[0] == "base anime loaded (sd1, cuda, bf16)"
    assert sentence({**event, "tokenizer": ""})[0] == "base anime loaded (sd1, cuda, bf16)"
    assert sentence({**event, "tokenizer": told})[0] == f"base anime loaded (sd1, cuda, bf16). {told}"
    assert event_line(event) == "Base anime (sd1, cuda, bf16)"
    assert event_line({**event, "tokenizer": told}) == f"Base anime (sd1, cuda, bf16). {told}"


@pytest.mark.parametrize("kind", [*STARTING, *WORKING, *ENDING])
def test_an_event_whose_fields_are_missing_or_odd_harms_nothing(kind: str) -> None:
    for fields in ({}, {"time": None, "file": 3, "bytes": "x", "epoch": None, "loss": "y", "command": [1]}):
        event_lines([{"event": kind, **fields}], 3)


def test_control_characters_in_events_never_reach_the_terminal() -> None:
    [line] = event_lines([{"event": "preview", "time": 0.0, "file": "x", "prompt": "\x1b[31mEmi\n\u202e"}], 3)

    assert all(character.isprintable() for text, _ in line for character in text)


def test_the_latest_events_come_last() -> None:
    events = [{"event": "warning", "message": str(number), "time": float(number)} for number in range(9)]

    assert [line[1][0] for line in event_lines(events, 3)] == ["6", "7", "8"]


def test_one_file_more_is_one_file(run: RunDirectory) -> None:
    recording = Recording(run, steps=8, epochs=2)
    recording.begin()
    recording.train(8)
    recording.finish()
    recording.write(TEN_FORTY_TWO)
    assert "1 more file beside it" in plain(end_lines(moment_of(run, alive=False), run, 78, UNICODE))


def test_a_finished_run_names_its_files_and_what_comes_next(run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.train(360)
    recording.finish()
    recording.write(TEN_FORTY_TWO)
    moment = moment_of(run, alive=False)
    text = plain(end_lines(moment, run, 78, UNICODE))

    assert "emi_lora.safetensors  18.9 kB, verified" in text
    assert "emi_lora-grid.png" in text
    assert "9 more files beside it" in text
    assert text.splitlines()[-1].startswith("6 tries strengths")
    assert str(run.path) in end_text(moment, run)


def test_a_failed_run_names_its_log(run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.event("failed", what="The base is damaged. " * 20, todo="Bring it again.", exit_code=1)
    recording.write(TEN_FORTY_TWO)
    lines = end_lines(moment_of(run, alive=False), run, 78, UNICODE)

    assert "worker.log" in plain(lines)
    assert "Bring it again." in plain(lines)
    assert max(cell_len("".join(text for text, _ in line)) for line in lines) <= 78


def test_a_learning_rate_is_written_as_people_write_it() -> None:
    assert [rate_text(rate) for rate in (1.71e-4, 0.0, 1.0)] == ["1.71e-4", "0", "1.00e0"]


def test_a_long_path_keeps_its_end(monkeypatch: pytest.MonkeyPatch, run: RunDirectory) -> None:
    monkeypatch.setenv("HOME", "/home/emi")
    below_home = Moment(state="finished", end={"lora": "/home/emi/output/a.safetensors"})
    assert plain(end_lines(below_home, run, 60, UNICODE)).splitlines()[0] == "LoRA    ~/output/a.safetensors  is gone"

    deep = Moment(state="finished", end={"lora": "/mnt/画像/" + "deep/" * 30 + "emi.safetensors"})
    shown = plain(end_lines(deep, run, 60, UNICODE)).splitlines()[0]
    assert cell_len(shown) <= 60
    assert shown.startswith("LoRA    /mnt/画像/…")
    assert shown.endswith("deep/emi.safetensors  is gone")
