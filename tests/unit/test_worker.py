"""The worker's door: every way out leaves the cause behind."""

import json
from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, read_events
from loratui.runs.lock import hold_lock
from loratui.training.requests import Requests
from loratui.worker import Worker, main


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


def test_another_processs_report_is_told_as_the_cause(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    (run.path / "failure-1.json").write_text(json.dumps({"what": "The pictures are gone.", "todo": "Put them back."}))
    with EventWriter(run.events_path) as events:
        worker = Worker(run, events, Requests(run, 0), rank=0)
        what, todo = worker._cause(RuntimeError("Connection closed by peer"))
    assert (what, todo) == ("Process 1 of 2 failed: The pictures are gone.", "Put them back.")


def test_a_run_without_a_profile_fails_with_a_sentence(run: RunDirectory) -> None:
    assert main([str(run.path), "train"]) == 2
    last = read_events(run.events_path)[-1]
    assert last["event"] == "failed"
    assert "profile.toml" in last["what"]


def test_a_second_worker_on_a_run_is_refused(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    with hold_lock(run):
        assert main([str(run.path), "train"]) == 1
    assert "Another worker" in capsys.readouterr().err
    assert read_events(run.events_path) == []


def test_wrong_arguments_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["somewhere", "dance"]) == 2
    assert "usage" in capsys.readouterr().err
