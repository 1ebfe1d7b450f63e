"""Facts survive others who keep theirs at the same time, damaged files, and disks that take nothing."""

import errno
import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from loratui.kept_facts import change_facts, keep_facts, read_facts
from loratui.locks import take_lock
from tests.permissions import bound_by_permissions
from tests.together import run_together

# Seconds; a person is not made to wait so long for others who change the same facts.
_FOR_A_BUSY_COMPUTER = 60.0


def test_facts_are_read_as_they_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "facts.json"
    assert read_facts(path) == {}
    facts: dict[str, Any] = {"folder": "/綾/\udcff", "recent": ["a", "b"], "size": 3.5}
    assert keep_facts(path, facts)
    assert read_facts(path) == facts
    assert os.listdir(path.parent) == ["facts.json"]


@pytest.mark.parametrize("content", [b"", b"[1]", b"3", b"{", b'{"a": \xff}', b"[" * 100_000])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    assert read_facts(path) == {}
    assert change_facts(path, lambda facts: facts.update(a=1))
    assert read_facts(path) == {"a": 1}


def test_a_disk_that_takes_nothing_is_told_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    keep_facts(path, {"a": 1})
    tmp_path.chmod(0o500)
    assert not bound_by_permissions(lambda: change_facts(path, lambda facts: facts.update(b=2)))
    assert not bound_by_permissions(lambda: keep_facts(tmp_path / "below" / "facts.json", {}))
    assert read_facts(path) == {"a": 1}
    (tmp_path / "file").touch()
    assert not change_facts(tmp_path / "file" / "facts.json", lambda facts: facts.update(b=2))


def test_a_change_that_fails_changes_nothing_and_lets_others_in(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    keep_facts(path, {"a": 1})
    with pytest.raises(KeyError):
        change_facts(path, lambda facts: facts.pop("b"))
    with pytest.raises(TypeError):
        change_facts(path, lambda facts: facts.update(b=object()))
    assert read_facts(path) == {"a": 1}
    free = take_lock(tmp_path / ".facts.json.lock", patience=0)
    assert free is not None
    os.close(free)
    assert change_facts(path, lambda facts: facts.update(b=2))


def test_nobody_waits_long_for_one_that_hangs(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    held = take_lock(tmp_path / ".facts.json.lock")
    assert held is not None
    begun = time.monotonic()
    assert change_facts(path, lambda facts: facts.update(a=1))
    assert time.monotonic() - begun < 20
    os.close(held)
    assert read_facts(path) == {"a": 1}


def test_a_disk_without_locks_keeps_facts_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    path = tmp_path / "facts.json"
    open_before = os.listdir("/proc/self/fd")
    for number in range(3):
        assert change_facts(path, lambda facts, number=number: facts.update({str(number): number}))  # type: ignore[misc]
    assert read_facts(path) == {"0": 0, "1": 1, "2": 2}
    assert len(os.listdir("/proc/self/fd")) == len(open_before)


def test_changes_of_several_threads_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loratui.kept_facts._PATIENCE", _FOR_A_BUSY_COMPUTER)
    path = tmp_path / "facts.json"

    def count(_: int) -> bool:
        time.sleep(0.003)
        return change_facts(path, lambda facts: facts.update(n=facts.get("n", 0) + 1))

    with ThreadPoolExecutor(4) as executor:
        assert all(executor.map(count, range(40)))
    assert read_facts(path) == {"n": 40}


_COUNTING = """
import sys, time
from pathlib import Path
from loratui import kept_facts
kept_facts._PATIENCE = float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    kept_facts.change_facts(Path(sys.argv[1]), lambda facts: facts.update({"n": facts.get("n", 0) + 1}))
    time.sleep(0.003)
"""


def test_changes_of_several_processes_add_up(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    run_together(_COUNTING, [(str(path), str(_FOR_A_BUSY_COMPUTER))] * 3)
    assert read_facts(path) == {"n": 120}
