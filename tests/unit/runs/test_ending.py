import signal
from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory
from loratui.runs.ending import Ending, WorkerFailed, ending_of
from loratui.runs.events import Event
from loratui.runs.history import fold


def end(path: Path, *events: Event, asked: int | None = None) -> Ending:
    started: Event = {"event": "started", "attempt": 1, "pid": 1}
    return ending_of(RunDirectory(path), fold([started, *events]), asked)


def failure(path: Path, *events: Event, asked: int | None = None) -> WorkerFailed:
    with pytest.raises(WorkerFailed) as caught:
        end(path, *events, asked=asked)
    return caught.value


@pytest.mark.parametrize(
    ("signal_number", "asked", "code"),
    [
        (0, None, 0),
        (0, 0, 0),
        (signal.SIGTERM, None, 143),
        (signal.SIGHUP, None, 129),
        (signal.SIGTERM, signal.SIGINT, 130),
        (signal.SIGTERM, 0, 0),
    ],
)
def test_a_stop_by_command_is_0_and_one_by_a_signal_tells_it(
    tmp_path: Path, signal_number: int, asked: int | None, code: int
) -> None:
    ending = end(tmp_path, {"event": "stopped", "signal": signal_number, "step": 3}, asked=asked)
    assert (ending.kind, ending.exit_code, ending.fields["step"]) == ("stopped", code, 3)


def test_a_finished_run_is_0_whoever_asked_it_to_stop(tmp_path: Path) -> None:
    ending = end(tmp_path, {"event": "finished", "lora": "x"}, asked=signal.SIGINT)
    assert (ending.kind, ending.exit_code) == ("finished", 0)


def test_a_failure_is_told_in_the_workers_own_words_made_printable(tmp_path: Path) -> None:
    error = failure(tmp_path, {"event": "failed", "what": "No \x1b[2J room.", "todo": "Make some."})
    assert (error.what, error.todo, error.exit_code, error.state) == ("No \\x1b[2J room.", "Make some.", 1, "failed")
    error = failure(tmp_path, {"event": "interrupted", "what": "The disk is full.", "todo": "", "step": 7})
    assert (error.exit_code, error.state) == (1, "interrupted")


def test_bad_input_that_only_the_worker_could_find_is_still_bad_input(tmp_path: Path) -> None:
    refused: Event = {"event": "failed", "what": "The base is broken."}
    assert failure(tmp_path, refused, {"event": "exited", "returncode": 2}).exit_code == 2
    assert failure(tmp_path, refused, {"event": "exited", "returncode": 1}).exit_code == 1
    assert WorkerFailed.exit_code == 1


def test_a_worker_that_dies_without_a_word_is_an_error_with_its_cause(tmp_path: Path) -> None:
    error = failure(tmp_path, {"event": "exited", "returncode": 1, "words": "ValueError: torch is \x1b not there"})
    assert "exit code 1" in error.what
    assert "ValueError: torch is \\x1b not there" in error.what
    assert str(RunDirectory(tmp_path).log_path) in error.todo
    assert error.state == "failed"
    error = failure(tmp_path, {"event": "step", "step": 7}, {"event": "exited", "returncode": -9, "words": ""})
    assert "SIGKILL" in error.what
    assert "step 7" in error.what
    assert "loratui resume" in error.todo
    assert error.state == "interrupted"


def test_a_death_that_nobody_saw_says_what_the_log_says(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("--- loratui train\nout of luck\n")
    assert "out of luck" in failure(tmp_path, {"event": "step", "step": 7}).what


def test_a_worker_that_was_asked_before_it_could_answer_has_stopped(tmp_path: Path) -> None:
    ending = end(tmp_path, {"event": "exited", "returncode": -signal.SIGTERM}, asked=signal.SIGINT)
    assert (ending.kind, ending.exit_code) == ("stopped", 130)


def test_a_run_that_never_began_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="never started"):
        ending_of(RunDirectory(tmp_path), fold([]))
