import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loratui.errors import RunError
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, read_events
from loratui.runs.launch import log_tail, start_worker

HEAD = """
import os, signal, sys, time
from pathlib import Path
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
run, task = RunDirectory(Path(sys.argv[1])), sys.argv[2]
events = EventWriter(run.events_path)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    (tmp_path / "run").mkdir()
    return RunDirectory(tmp_path / "run")


def start(run: RunDirectory, tmp_path: Path, body: str, locks: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    script = tmp_path / "worker.py"
    script.write_text(HEAD + body)
    return start_worker(run, command=[sys.executable, str(script)], locks=locks)


def work(run: RunDirectory, tmp_path: Path, body: str) -> list[Event]:
    start(run, tmp_path, body).wait(30)
    return read_events(run.events_path)


def test_the_worker_has_its_own_session_nothing_to_read_and_a_log(run: RunDirectory, tmp_path: Path) -> None:
    body = """
print("a word", flush=True)
print("a complaint", file=sys.stderr)
events.write("finished", session=os.getsid(0), pid=os.getpid(), read=sys.stdin.read(), task=task, cwd=os.getcwd(),
             tokenizers=os.environ["TOKENIZERS_PARALLELISM"], bars=os.environ["HF_HUB_DISABLE_PROGRESS_BARS"])
"""
    [told] = work(run, tmp_path, body)
    assert told["session"] == told["pid"] != os.getsid(0)
    assert told["read"] == ""
    assert told["task"] == "train"
    assert (told["tokenizers"], told["bars"]) == ("false", "1")
    assert told["cwd"] == str(run.path)
    assert "a word\n" in run.log_path.read_text()
    assert "a complaint\n" in run.log_path.read_text()


def test_a_starter_that_is_killed_does_not_take_the_worker_with_it(run: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(HEAD + "events.write('started', pid=os.getpid())\ntime.sleep(30)")
    starter = (
        "import sys, time; from pathlib import Path; from loratui.runs.directory import RunDirectory;"
        "from loratui.runs.launch import start_worker;"
        "start_worker(RunDirectory(Path(sys.argv[1])), command=[sys.executable, sys.argv[2]]); time.sleep(30)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter, str(run.path), str(tmp_path / "worker.py")])
    while not (events := read_events(run.events_path)):
        time.sleep(0.02)
    process.kill()
    process.wait()
    os.kill(events[0]["pid"], 0)
    os.kill(events[0]["pid"], signal.SIGKILL)


def test_a_worker_holds_the_locks_that_it_is_given(run: RunDirectory, tmp_path: Path) -> None:
    read, write = os.pipe()
    body = """
import stat
held = [number for number in range(3, 256) if os.path.exists(f"/proc/self/fd/{number}")]
events.write("finished", pipes=sum(stat.S_ISFIFO(os.fstat(number).st_mode) for number in held))
"""
    process = start(run, tmp_path, body, (write,))
    os.close(write)
    process.wait(30)
    assert read_events(run.events_path)[0]["pipes"] == 1
    os.close(read)


def test_the_log_of_a_former_worker_is_not_blamed(run: RunDirectory, tmp_path: Path) -> None:
    assert log_tail(run.log_path) == ""
    work(run, tmp_path, "sys.exit('old \\x1b[2J trouble\\n\\n')")
    assert log_tail(run.log_path) == "old \\x1b[2J trouble"
    work(run, tmp_path, "sys.exit(3)")
    assert log_tail(run.log_path) == ""


def test_a_library_s_warning_is_not_blamed(run: RunDirectory, tmp_path: Path) -> None:
    body = "print('the cause\\n[transformers] X requires Y\\n/a/b.py:3: UserWarning: z', flush=True)"
    work(run, tmp_path, body)
    assert log_tail(run.log_path) == "the cause"


def test_libraries_do_not_chat_unless_a_person_wants_it(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRANSFORMERS_VERBOSITY", raising=False)
    monkeypatch.setenv("DIFFUSERS_VERBOSITY", "info")
    names = ["TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"]
    [told] = work(run, tmp_path, f"events.write('started', heard=[os.environ[name] for name in {names}])")
    assert told["heard"] == ["error", "info"]


def test_what_cannot_be_started_is_said(run: RunDirectory) -> None:
    with pytest.raises(RunError, match="cannot be started"):
        start_worker(run, command=["/no/such/program"])


def test_events_are_plain_json_for_other_programs(run: RunDirectory, tmp_path: Path) -> None:
    work(run, tmp_path, "events.write('finished', lora='x')")
    assert [json.loads(line)["event"] for line in run.events_path.read_text().splitlines()] == ["finished"]
