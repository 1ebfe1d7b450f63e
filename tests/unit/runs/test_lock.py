import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loratui.errors import RunError
from loratui.runs import lock
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import hold_lock, is_alive, worker_pid

HOLDER = """
import sys, time
from pathlib import Path
from loratui.runs.directory import RunDirectory
from loratui.runs.lock import hold_lock
with hold_lock(RunDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


def hold_in_process(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_worker_lives_as_long_as_it_holds_the_lock(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert not is_alive(run)
    with hold_lock(run):
        assert is_alive(run)
        assert worker_pid(run) == os.getpid()
    assert not is_alive(run)
    assert worker_pid(run) is None


def test_a_killed_worker_does_not_live_though_its_number_stays_in_the_file(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    process = hold_in_process(tmp_path)
    assert is_alive(run)
    assert worker_pid(run) == process.pid
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert str(process.pid) in run.lock_path.read_text()
    assert not is_alive(run)


def test_a_second_worker_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0.1)
    process = hold_in_process(tmp_path)
    with pytest.raises(RunError, match="Another worker"), hold_lock(RunDirectory(tmp_path)):
        pass
    process.kill()
    process.communicate()


def test_watchers_that_ask_all_the_time_do_not_keep_a_worker_out(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    asking = HOLDER.split("with ")[0].replace("import hold_lock", "import is_alive")
    asking += "print('asking', flush=True)\nwhile True: is_alive(RunDirectory(Path(sys.argv[1])))"
    watchers = [
        subprocess.Popen([sys.executable, "-c", asking, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(2)
    ]
    for watcher in watchers:
        assert watcher.stdout is not None
        watcher.stdout.readline()
    try:
        for _ in range(20):
            with hold_lock(RunDirectory(tmp_path)):
                pass
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.communicate()
