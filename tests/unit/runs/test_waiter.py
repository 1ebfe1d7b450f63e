import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loratui.environment import gpu
from loratui.locks import take_lock
from loratui.profile.schema import Profile
from loratui.profile.store import write_profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_events
from loratui.runs.history import fold
from loratui.runs.lock import is_attended
from loratui.runs.queue import add_ticket, take_back, tickets
from loratui.runs.slots import Wish, release, slot_holders, slots_of, try_slots
from loratui.runs.state import run_state
from loratui.runs.waiter import attend, main
from loratui.settings import settings_path

HEAD = """
import os, sys, time
from pathlib import Path
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, next_attempt
from loratui.runs.lock import hold_lock
run, task = RunDirectory(Path(sys.argv[1])), sys.argv[2]
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    write_profile(Profile(), run.profile_path)
    return run


def see_to(run: RunDirectory, tmp_path: Path, body: str, command: list[str] | None = None) -> bool:
    (tmp_path / "worker.py").write_text(HEAD + body)
    lock = take_lock(run.waiter_lock_path)
    assert lock is not None
    add_ticket(run, "train", Wish(("cpu",)))
    return attend(run, lock, command=command or [sys.executable, str(tmp_path / "worker.py")])


def test_the_ticket_goes_when_the_worker_lives_and_the_locks_when_it_ends(run: RunDirectory, tmp_path: Path) -> None:
    body = """
from loratui.runs.queue import tickets
from loratui.runs.slots import slot_holders
with hold_lock(run), EventWriter(run.events_path) as events:
    while tickets():
        time.sleep(0.01)
    events.write("finished", holders=slot_holders())
"""
    assert see_to(run, tmp_path, body)
    [finished] = read_events(run.events_path)
    assert finished["holders"] == {"cpu": str(run.path)}
    assert tickets() == []
    assert slot_holders() == {}
    assert not is_attended(run)


def test_a_worker_that_cannot_begin_has_failed_with_the_last_line_of_its_log(run: RunDirectory, tmp_path: Path) -> None:
    assert see_to(run, tmp_path, "raise ValueError('no torch')")
    [exited] = read_events(run.events_path)
    assert (exited["returncode"], exited["words"], exited["attempt"]) == (1, "ValueError: no torch", 1)
    assert run_state(run) == "failed"
    assert see_to(run, tmp_path, "os.kill(os.getpid(), 9)")
    history = fold(read_events(run.events_path))
    assert history.exited is not None
    assert (history.exited["returncode"], history.attempt) == (-9, 2)
    assert run_state(run) == "interrupted"


def test_bad_input_that_only_the_worker_could_find_is_told_apart(run: RunDirectory, tmp_path: Path) -> None:
    body = "EventWriter(run.events_path).write('failed', what='Broken.', **{fields})\nsys.exit(2)"
    assert see_to(run, tmp_path, body.format(fields="{}"))
    assert [event["event"] for event in read_events(run.events_path)] == ["failed", "exited"]
    run.events_path.unlink()
    assert see_to(run, tmp_path, body.format(fields="{'exit_code': 2}"))
    assert [event["event"] for event in read_events(run.events_path)] == ["failed"]


def test_what_a_killed_launcher_leaves_behind_keeps_the_slot(run: RunDirectory, tmp_path: Path) -> None:
    body = """
if os.fork() == 0:
    os.closerange(3, 100)
    with hold_lock(run):
        time.sleep(0.7)
        from loratui.runs.slots import slot_holders
        EventWriter(run.events_path).write("finished", holders=slot_holders())
    os._exit(0)
from loratui.runs.lock import is_alive
while not is_alive(run):
    time.sleep(0.01)
os.kill(os.getpid(), 9)
"""
    assert see_to(run, tmp_path, body)
    [finished] = read_events(run.events_path)
    assert finished["holders"] == {"cpu": str(run.path)}


def test_a_program_that_is_not_there_is_a_failure_in_words(run: RunDirectory, tmp_path: Path) -> None:
    assert see_to(run, tmp_path, "", ["/no/such/program"])
    history = fold(read_events(run.events_path))
    assert history.end is not None
    assert "cannot be started" in history.end["what"]
    assert slot_holders() == {}


def start(run: RunDirectory, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "loratui.runs.waiter", str(run.path), *arguments])


def test_a_run_that_is_taken_back_while_it_waits_has_no_worker(run: RunDirectory) -> None:
    slots = try_slots(Wish(("cpu",)), "somebody else")
    assert slots is not None
    add_ticket(run, "train", Wish(("cpu",)))
    waiter = start(run)
    while not is_attended(run):
        time.sleep(0.02)
    assert run_state(run) == "queued"
    assert take_back(run)
    assert waiter.wait(10) == 0
    assert not run.log_path.exists()
    assert run_state(run) == "stopped"
    release(slots.values())


def test_a_run_has_one_waiter(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    lock = take_lock(run.waiter_lock_path)
    assert lock is not None
    assert main([str(run.path)]) == 2
    assert "already" in capsys.readouterr().err
    os.close(lock)
    assert main([]) == 2


def test_the_waiter_is_small(tmp_path: Path) -> None:
    heavy = ("torch", "diffusers", "transformers", "accelerate", "PIL.ImageFilter", "rich", "typer")
    code = f"import sys, loratui.runs.waiter; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_worker_sees_the_gpu_whose_slot_it_has_and_what_the_person_allowed(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_gpu_uuids", lambda: ["GPU-a", "GPU-b"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    other = try_slots(Wish(("gpu-0",)), "somebody else")
    assert other is not None
    names = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "LORATUI_ACCEPT_SMALLER")
    body = f"EventWriter(run.events_path).write('finished', seen=[os.environ.get(name) for name in {names}])"
    (tmp_path / "worker.py").write_text(HEAD + body)
    lock = take_lock(run.waiter_lock_path)
    assert lock is not None
    add_ticket(run, "train", slots_of(run.read_profile().accelerate), accept_smaller=True)
    assert attend(run, lock, command=[sys.executable, str(tmp_path / "worker.py")])
    release(other.values())
    assert read_events(run.events_path)[0]["seen"] == ["1", "PCI_BUS_ID", "1"]


def test_what_the_worker_said_of_its_interruption_holds_whatever_its_exit_code(
    run: RunDirectory, tmp_path: Path
) -> None:
    body = """
events = EventWriter(run.events_path, next_attempt(run.events_path))
events.write("started", task="train")
events.write("interrupted", what="The disk is full.", todo="")
sys.exit({code})
"""
    for code in (1, 2, 0):
        assert see_to(run, tmp_path, body.format(code=code))
        assert run_state(run) == "interrupted"


def test_the_person_is_told_even_when_the_disk_takes_no_more_events(run: RunDirectory, tmp_path: Path) -> None:
    told = tmp_path / "told"
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text(f"notify_command = 'echo $LORATUI_STATE > {told}'")
    run.events_path.mkdir()
    add_ticket(run, "train", Wish(("cpu",)))
    assert start(run).wait(60) == 0
    assert told.read_text() == "interrupted\n"
    assert tickets() == []
