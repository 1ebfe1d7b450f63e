"""Commands about runs that are not at work: what they answer, and what they refuse."""

import json
import os
import time
from pathlib import Path

import pytest

from loratui.cli import main
from loratui.dataset.manifest import Manifest
from loratui.profile.schema import Profile
from loratui.profile.store import write_profile
from loratui.runs.directory import RunDirectory, create_run
from loratui.runs.events import EventWriter
from loratui.runs.lock import hold_lock
from loratui.runs.queue import add_ticket
from loratui.runs.slots import Wish

EMPTY = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)


@pytest.fixture
def root(loratui_home: Path) -> Path:
    return loratui_home / "data" / "runs"


def make(root: Path, stamp: str, name: str) -> RunDirectory:
    profile = Profile()
    profile.output.name, profile.output.directory = name, str(root.parent / "out")
    run = create_run(profile, EMPTY, root)
    return RunDirectory(run.path.rename(root / f"{stamp}-{name}"))


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_runs_are_listed_newest_first_with_what_became_of_them(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("runs", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    old, new = make(root, "20260101-120000", "emi"), make(root, "20260102-120000", "emi")
    lora = root.parent / "emi.safetensors"
    lora.touch()
    with EventWriter(old.events_path) as events:
        events.write("started", pid=3, task="train")
        events.write("training", steps=500)
        events.write("step", step=120, loss=0.25)
        events.write("saved", file=lora)
        events.write("interrupted", what="The disk is full.", todo="Make room.", step=120)
    assert call("runs", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["name"], first["state"], first["started"]) == (new.name, "interrupted", None)
    assert abs(second.pop("started") - time.time()) < 60
    assert second == {
        "name": old.name,
        "state": "interrupted",
        "pid": None,
        "step": 120,
        "steps": 500,
        "loss": 0.25,
        "directory": str(old.path),
        "outputs": [str(lora)],
    }
    assert call("runs") == 0
    said = capsys.readouterr().out
    assert "120/500" in said
    assert "0.2500" in said


def test_attach_shows_a_run_that_ended_and_gives_its_exit_code(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(root, "20260101-120000", "emi")
    for number, (code, fields) in enumerate(
        [
            (0, {"kind": "finished", "lora": None}),
            (0, {"kind": "stopped", "signal": 0, "step": 2, "command": "stop"}),
            (0, {"kind": "stopped", "signal": 15, "step": 2}),
            (1, {"kind": "failed", "what": "No base.", "todo": "Fetch it.", "exit_code": 2}),
            (1, {"kind": "failed", "what": "No room.", "todo": "Make some."}),
            (1, {"kind": "interrupted", "what": "The disk is full.", "todo": "", "step": 2}),
        ],
        1,
    ):
        with EventWriter(run.events_path, number) as events:
            events.write("started", pid=1, task="train")
            events.write("step", step=1, loss=0.5)
            events.write("step", step=2, loss=0.25)
            events.write(fields.pop("kind"), **fields)
        assert call("attach") == code
        assert "loss of steps 1–2, 0.5000 → 0.2500" in capsys.readouterr().out
        assert call("attach", "--json") == code
        answer = json.loads(capsys.readouterr().out)
        assert answer["curve"] == [[1, 0.5], [2, 0.25]]
        assert ("error" in answer) == ("todo" in answer) == (code != 0)


def test_attach_tells_what_became_of_compiling(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(root, "20260101-120000", "emi")
    with EventWriter(run.events_path) as events:
        events.write("started", pid=1, task="train")
        events.write("compiling", backend="inductor", why="kept if steps get faster: they take 2 h")
        events.write("compilation", backend="", why="1.54 s a step with it, 1.53 s without")
        events.write("step", step=1, loss=0.5)
        events.write("finished", lora=None)
    assert call("attach") == 0
    assert "torch.compile: not used, 1.54 s a step with it, 1.53 s without" in capsys.readouterr().out


def test_a_stopped_run_says_what_it_left_and_how_it_goes_on(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(root, "20260101-120000", "emi")
    with EventWriter(run.events_path) as events:
        events.write("started", pid=1, task="train")
        events.write("training", steps=9)
        events.write("stopped", signal=0, step=2, command="stop", lora="/o/emi-step00000002.safetensors")
    assert call("attach") == 0
    said = capsys.readouterr().out
    assert "stopped at step 2 of 9" in said
    assert "/o/emi-step00000002.safetensors" in said
    assert f"loratui resume {run.name}" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["attach", "nothing"],
        ["stop"],
        ["stop", "emi"],
        ["tell", "emi", "save"],
        ["tell", "emi", "dance"],
        ["rm", "emi"],
        ["rm", "nothing", "--yes"],
        ["resume", "nothing"],
        ["resume", "done"],
        ["queue", "remove", "emi"],
        ["queue", "dance"],
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_changes(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    make(root, "20260101-120000", "emi")
    with EventWriter(make(root, "20260101-130000", "done").events_path) as events:
        events.write("finished")
    before = sorted(root.rglob("*"))
    assert call(*arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert call(*arguments, "--json") == 2
    assert set(json.loads(capsys.readouterr().out)) >= {"error", "todo"}
    assert sorted(root.rglob("*")) == before


def test_a_run_that_a_restart_left_waiting_is_spoken_of(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(root, "20260101-120000", "emi")
    add_ticket(run, "train", Wish(("gpu-0",)))
    assert call("runs") == 0
    said = capsys.readouterr()
    assert "queued" in said.out
    assert "1 queued run waits for loratui" in said.err
    assert call("attach") == 2
    assert "loratui queue start" in capsys.readouterr().err
    assert call("queue") == 0
    said = capsys.readouterr()
    assert "for GPU 0  waiting for loratui" in said.out
    assert said.err == ""
    assert call("stop") == 0
    assert call("queue", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"at_work": [], "waiting": []}


def test_the_unit_starts_the_queue_and_says_how_it_is_installed(
    loratui_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("queue", "unit") == 0
    said = capsys.readouterr().out
    for part in ("-m loratui queue start", "loginctl enable-linger", f"LORATUI_HOME={loratui_home}", "WantedBy="):
        assert part in said


def test_the_settings_are_shown(loratui_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("config", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"path": str(loratui_home / "config" / "config.toml"), "notify_command": ""}
    assert call("config") == 0
    assert "LORATUI_MESSAGE" in capsys.readouterr().out


def test_a_run_that_was_interrupted_is_offered_for_resume(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, done = make(root, "20260101-120000", "emi"), make(root, "20260101-130000", "done")
    for one in (run, done):
        with EventWriter(one.events_path) as events:
            events.write("started", task="train", pid=1)
            if one is done:
                events.write("finished")
    assert call("runs") == 0
    assert capsys.readouterr().out.count("loratui resume") == 1
    assert call("run", "no-such-profile") == 2
    assert f"loratui resume {run.name}" in capsys.readouterr().err
    assert call("run", "no-such-profile", "--json") == 2
    assert capsys.readouterr().err == ""
    os.utime(run.events_path, (0, 0))
    assert call("run", "no-such-profile") == 2
    assert "resume" not in capsys.readouterr().err


def test_a_comparison_that_was_stopped_is_drawn_again_and_not_resumed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(root, "20260101-120000", "emi")
    with EventWriter(run.events_path) as events:
        for kind in ("started", "trained", "finished"):
            events.write(kind, task="train")
    with EventWriter(run.events_path, 2) as events:
        events.write("started", task="compare")
        events.write("stopped", signal=15, step=None)
    assert call("attach") == 0
    said = capsys.readouterr().out
    assert f"loratui compare {run.name}" in said
    assert "resume" not in said
    assert call("attach", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "stopped"
    with EventWriter(run.events_path, 3) as events:
        events.write("started", task="compare")
    assert call("attach") == 1
    assert f"loratui compare {run.name}" in capsys.readouterr().err


@pytest.mark.parametrize("last", ["step", "verified", "drawing", "compare"])
def test_a_run_that_draws_can_only_be_told_to_stop(root: Path, capsys: pytest.CaptureFixture[str], last: str) -> None:
    run = make(root, "20260101-120000", "emi")
    with hold_lock(run), EventWriter(run.events_path) as events:
        events.write("started", task="compare" if last == "compare" else "train")
        events.write("training", steps=9)
        events.write("step", step=8, loss=0.1)
        if last != "compare":
            assert call("tell", "emi", "save") == 0
            events.write(last, step=9, loss=0.1)
        said = run.commands_path.read_bytes() if run.commands_path.exists() else b""
        for command in ("save", "preview", "stop-after-epoch"):
            assert call("tell", "emi", command) == 2
        assert "can only be stopped" in capsys.readouterr().err
        assert (run.commands_path.read_bytes() if run.commands_path.exists() else b"") == said
        assert call("tell", "emi", "stop") == 0


def test_what_was_recovered_is_said_in_one_line_each(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(root, "20260101-120000", "emi")
    with EventWriter(run.events_path) as events:
        events.write("started", task="train")
        events.write("recovered", trouble="overflow", what="fp16 overflowed; the step is left out", step=3)
        events.write("recovered", trouble="overflow", what="7 of 90 steps were left out for fp16 overflow")
        events.write("finished", steps=90, lora=None)
    assert call("attach") == 0
    summary = capsys.readouterr().out.partition("Finished")[2]
    assert [line for line in summary.splitlines() if "overflow" in line] == [
        "recovered: fp16 overflowed; the step is left out (step 3)",
        "recovered: 7 of 90 steps were left out for fp16 overflow",
    ]


def test_the_part_of_a_further_machine_ends_without_figures_and_can_go_on(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(root, "20260101-120000", "emi")
    with EventWriter(run.events_path) as events:
        events.write("started", task="train", machine=1)
        events.write("finished", lora=None, grid=None, what="Machine 0 holds the result.")
    assert call("attach") == 0
    said = capsys.readouterr().out
    assert "Finished: Machine 0 holds the result." in said
    assert "loss" not in said


def test_what_only_the_first_machine_can_do_is_not_told_to_another(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(root, "20260101-120000", "emi")
    profile = run.read_profile()
    part = {"processes": 2, "machines": 2, "machine_rank": 1, "main_address": "127.0.0.1"}
    profile.accelerate = profile.accelerate.model_copy(update=part)
    write_profile(profile, run.profile_path)
    with hold_lock(run):
        assert call("tell", "emi", "save") == 2
        assert "machine 0" in capsys.readouterr().err
        assert call("tell", "emi", "stop") == 0
