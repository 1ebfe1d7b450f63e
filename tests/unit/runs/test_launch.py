import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, EventWriter, events_size, read_events
from loratui.runs.launch import Ending, WorkerFailed, follow_worker, start_worker

HEAD = """
import os, signal, sys, time
from pathlib import Path
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
run, task = RunDirectory(Path(sys.argv[1])), sys.argv[2]
events = EventWriter(run.events_path)
"""
STOPPABLE = """
asked = []
signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
events.write("started", pid=os.getpid(), task=task)
for step in range(1, 200):
    time.sleep(0.05)
    events.write("step", step=step)
    if asked and not Path(sys.argv[1], "deaf").exists():
        events.write("stopped", signal=int(asked[0]), step=step)
        sys.exit(128 + asked[0])
events.write("finished", steps=200)
"""
FOLLOWER = """
import sys
from pathlib import Path
from loratui.runs.directory import RunDirectory
from loratui.runs.launch import follow_worker, start_worker
run = RunDirectory(Path(sys.argv[1]))
process = start_worker(run, command=[sys.executable, sys.argv[2]])
def show(event):
    print(event["event"], flush=True)
ending = follow_worker(run, process, show, on_stopping=lambda number: print("stopping", number, flush=True))
print(ending.kind, flush=True)
sys.exit(ending.exit_code)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    (tmp_path / "run").mkdir()
    return RunDirectory(tmp_path / "run")


def worker(tmp_path: Path, body: str) -> list[str]:
    script = tmp_path / "worker.py"
    script.write_text(HEAD + body)
    return [sys.executable, str(script)]


def work(run: RunDirectory, tmp_path: Path, body: str) -> tuple[list[Event], Ending]:
    seen: list[Event] = []
    process = start_worker(run, command=worker(tmp_path, body))
    return seen, follow_worker(run, process, seen.append, interval=0.01)


def start_follower(run: RunDirectory, tmp_path: Path, until: str) -> subprocess.Popen[str]:
    script = worker(tmp_path, STOPPABLE)[1]
    process = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(run.path), script], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != until:
        assert process.poll() is None
    return process


def test_the_follower_hands_on_every_event_until_the_last(run: RunDirectory, tmp_path: Path) -> None:
    seen, ending = work(run, tmp_path, "for n in range(500): events.write('step', step=n)\nevents.write('finished')")
    assert [event["step"] for event in seen[:-1]] == list(range(500))
    assert ending.kind == "finished"
    assert ending.exit_code == 0


def test_the_worker_has_its_own_session_nothing_to_read_and_a_log(run: RunDirectory, tmp_path: Path) -> None:
    body = """
import json
print("a word", flush=True)
print("a complaint", file=sys.stderr)
events.write("finished", session=os.getsid(0), pid=os.getpid(), read=sys.stdin.read(), task=task, cwd=os.getcwd(),
             tokenizers=os.environ["TOKENIZERS_PARALLELISM"], bars=os.environ["HF_HUB_DISABLE_PROGRESS_BARS"])
"""
    _, ending = work(run, tmp_path, body)
    told = ending.fields
    assert told["session"] == told["pid"] != os.getsid(0)
    assert told["read"] == ""
    assert told["task"] == "train"
    assert (told["tokenizers"], told["bars"]) == ("false", "1")
    assert told["cwd"] == str(run.path)
    assert "a word\n" in run.log_path.read_text()
    assert "a complaint\n" in run.log_path.read_text()


def test_a_failure_is_told_in_the_workers_own_words_made_printable(run: RunDirectory, tmp_path: Path) -> None:
    body = "events.write('failed', what='No \\x1b[2J room.', todo='Make some.', log='x')\nsys.exit(1)"
    with pytest.raises(WorkerFailed) as caught:
        work(run, tmp_path, body)
    assert caught.value.what == "No \\x1b[2J room."
    assert caught.value.todo == "Make some."
    assert caught.value.exit_code == 1


def test_bad_input_that_only_the_worker_could_find_is_still_bad_input(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed) as caught:
        work(run, tmp_path, "events.write('failed', what='The base is broken.', todo='')\nsys.exit(2)")
    assert caught.value.exit_code == 2
    assert WorkerFailed.exit_code == 1


def test_a_worker_that_dies_without_a_word_is_an_error_with_the_last_line_of_its_log(
    run: RunDirectory, tmp_path: Path
) -> None:
    with pytest.raises(WorkerFailed) as caught:
        work(run, tmp_path, "events.write('started')\nraise ValueError('torch is \\x1b[31mnot there')")
    assert "exit code 1" in caught.value.what
    assert "ValueError: torch is \\x1b[31mnot there" in caught.value.what
    assert "Traceback" not in str(caught.value)
    assert str(run.log_path) in caught.value.todo
    assert caught.value.exit_code == 1


def test_the_log_of_a_former_worker_is_not_blamed(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="old trouble"):
        work(run, tmp_path, "sys.exit('old trouble')")
    with pytest.raises(WorkerFailed, match="Its log is empty"):
        work(run, tmp_path, "sys.exit(3)")


def test_a_killed_worker_is_an_error_that_names_the_signal(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="SIGKILL"):
        work(run, tmp_path, "events.write('started')\nos.kill(os.getpid(), signal.SIGKILL)")


def test_a_worker_that_does_not_leave_after_its_last_event_does_not_hold_the_follower(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loratui.runs.launch._TIME_TO_LEAVE", 0.1)
    process = start_worker(run, command=worker(tmp_path, "events.write('finished')\ntime.sleep(60)"))
    ending = follow_worker(run, process, lambda event: None)
    process.kill()
    process.wait()
    assert ending.kind == "finished"


def test_what_a_former_worker_wrote_is_not_replayed(run: RunDirectory, tmp_path: Path) -> None:
    with EventWriter(run.events_path) as events:
        events.write("finished", steps=1)
    start = events_size(run.events_path)
    process = start_worker(run, "compare", command=worker(tmp_path, "events.write('finished', task=task)"))
    seen: list[Event] = []
    ending = follow_worker(run, process, seen.append, start=start)
    assert len(seen) == 1
    assert ending.fields["task"] == "compare"


def test_ctrl_c_lets_the_worker_finish_its_step_and_gives_the_signals_exit_code(
    run: RunDirectory, tmp_path: Path
) -> None:
    follower = start_follower(run, tmp_path, "step")
    follower.send_signal(signal.SIGINT)
    said, _ = follower.communicate(timeout=20)
    assert follower.returncode == 128 + signal.SIGINT
    assert said.split("\n")[-3:-1] == ["stopped", "stopped"]
    assert "stopping 2" in said
    last = read_events(run.events_path)[-1]
    assert (last["event"], last["signal"]) == ("stopped", signal.SIGTERM)


def test_a_second_ctrl_c_leaves_and_the_worker_goes_on(run: RunDirectory, tmp_path: Path) -> None:
    (run.path / "deaf").touch()
    follower = start_follower(run, tmp_path, "step")
    pid = read_events(run.events_path)[0]["pid"]
    follower.send_signal(signal.SIGINT)
    time.sleep(0.3)
    follower.send_signal(signal.SIGINT)
    said, _ = follower.communicate(timeout=20)
    assert follower.returncode == 128 + signal.SIGINT
    assert said.endswith("left\n")
    os.kill(pid, 0)
    before = len(read_events(run.events_path))
    time.sleep(0.3)
    assert len(read_events(run.events_path)) > before
    os.kill(pid, signal.SIGKILL)


def test_a_follower_that_is_killed_does_not_take_the_worker_with_it(run: RunDirectory, tmp_path: Path) -> None:
    follower = start_follower(run, tmp_path, "step")
    pid = read_events(run.events_path)[0]["pid"]
    follower.kill()
    follower.communicate()
    before = len(read_events(run.events_path))
    time.sleep(0.3)
    assert len(read_events(run.events_path)) > before
    os.kill(pid, signal.SIGTERM)


def test_a_worker_stopped_by_somebody_else_gives_that_signals_exit_code(run: RunDirectory, tmp_path: Path) -> None:
    process = start_worker(run, command=worker(tmp_path, STOPPABLE))
    ending = follow_worker(
        run, process, lambda event: process.send_signal(signal.SIGTERM) if event["event"] == "started" else None
    )
    assert (ending.kind, ending.exit_code) == ("stopped", 128 + signal.SIGTERM)


def test_events_are_plain_json_for_other_programs(run: RunDirectory, tmp_path: Path) -> None:
    work(run, tmp_path, "events.write('finished', lora='x')")
    assert [json.loads(line)["event"] for line in run.events_path.read_text().splitlines()] == ["finished"]
