"""A file is the old one or the new one: at no moment half of it, and no draft is left beside."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loratui.whole_files import whole_file, write_whole
from tests.permissions import bound_by_permissions


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    heeded = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heeded)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("content", ["text, 綾", "text, 綾".encode()])
def test_a_file_is_written_and_replaced(tmp_path: Path, content: str | bytes, durable: bool) -> None:
    path = tmp_path / "file"
    for _ in range(2):
        write_whole(path, content, durable=durable)
        assert path.read_bytes() == "text, 綾".encode()
        assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_file_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    path, synced = tmp_path / "file", []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append((os.fstat(number).st_size, path.exists())))
    write_whole(path, "new", durable=durable)
    assert synced == ([(3, False)] if durable else [])


def test_until_all_is_written_the_old_file_is_there_and_the_draft_is_out_of_the_way(tmp_path: Path) -> None:
    path = tmp_path / "emi.safetensors"
    path.write_text("old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
        [draft] = set(os.listdir(tmp_path)) - {path.name}
        assert draft.startswith(".")
        assert Path(draft).suffix != path.suffix
    assert path.read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("existed", [True, False])
def test_a_failure_in_the_middle_leaves_what_was_there(
    tmp_path: Path, failure: type[BaseException], existed: bool
) -> None:
    path = tmp_path / "file"
    if existed:
        path.write_text("old")

    def write_half() -> None:
        with whole_file(path) as file:
            file.write(b"half of")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert [name.read_text() for name in tmp_path.iterdir()] == (["old"] if existed else [])


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with no_room_beyond(1000), pytest.raises(OSError, match="too large") as caught:
        write_whole(path, bytes(5000))
    assert caught.value.errno == errno.EFBIG
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_disk_that_fills_up_with_the_last_bytes_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    # So few that they are still in the program's own buffer when the block ends.
    with no_room_beyond(2), pytest.raises(OSError, match="too large"):
        write_whole(path, b"newer", durable=False)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_file_gets_the_rights_that_any_file_gets(tmp_path: Path) -> None:
    for mask in (0o022, 0o027, 0o077):
        with umask(mask):
            write_whole(tmp_path / f"{mask:o}", b"")
        assert mode(tmp_path / f"{mask:o}") == 0o666 & ~mask


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666, 0o444])
def test_a_replaced_file_keeps_its_rights_and_its_draft_never_has_more(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(kept)
    with umask(0o027), whole_file(path) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == kept
        file.write(b"new")
    assert mode(path) == kept
    assert path.read_bytes() == b"new"


def test_a_disk_without_permissions_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refused)
    path = tmp_path / "file"
    path.write_text("old")
    write_whole(path, "new")
    assert path.read_text() == "new"


def test_a_symbolic_link_gives_way_unless_the_file_behind_it_is_meant(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    write_whole(os.path.realpath(link), "new")
    assert (link.is_symlink(), real.read_text(), mode(real)) == (True, "new", 0o600)
    with umask(0o022):
        write_whole(link, "apart")
    assert (link.is_symlink(), link.read_text(), real.read_text()) == (False, "apart", "new")
    assert mode(link) == 0o644


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_whole(path, "new")
    assert os.listdir(tmp_path) == [path.name]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "file").write_text("old")
    locked.chmod(0o500)
    with pytest.raises(PermissionError):
        bound_by_permissions(lambda: write_whole(locked / "file", "new"))
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "file", "new")
    with pytest.raises(IsADirectoryError):
        write_whole(locked, "new")
    assert (locked / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["locked"]
    assert os.listdir(locked) == ["file"]


_WRITER = """
import sys
from loratui.whole_files import write_whole
print("ready", flush=True)
while True:
    for letter in "ab":
        write_whole(sys.argv[1], letter * 200_000, durable=False)
"""


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "a" * 200_000)
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        with writer.stdout:
            writer.stdout.readline()
            for _ in range(50):
                text = path.read_text()
                assert (len(text), len(set(text))) == (200_000, 1)
            writer.kill()
        writer.wait()
        text = path.read_text()
        assert (len(text), len(set(text))) == (200_000, 1)
