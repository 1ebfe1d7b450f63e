"""Downloads in processes of their own: they go on after a cut and after a kill, and tell of themselves in a file."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loratui.errors import BaseModelError
from loratui.hub.cache import PARTIAL_ENDING, cached, partial_bytes, repository_folder
from loratui.hub.downloads import Download, find_download, list_downloads, start_download
from loratui.hub.models import fetch, locate
from loratui.hub.room import check_room
from loratui.hub.tokenizer_files import TOKENIZER_REPOSITORIES, single_file_tokenizer
from loratui.locks import holder, is_held, take_lock
from loratui.paths import data_directory
from tests.permissions import bound_by_permissions
from tests.unit.hub.checkpoints import SD1, checkpoint
from tests.unit.hub.in_process import base_and_gated
from tests.unit.hub.stub_hub import StubAccount, StubHub, etag

LARGE = 12_000_000
UNET = "unet/diffusion_pytorch_model.safetensors"
TOKEN = "hf_thisIsNotARealTokenAtAll"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    with base_and_gated(tmp_path / "hf", monkeypatch, LARGE) as stub:
        yield stub


def until(told: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(download: Download) -> bool:
    return not download.is_alive()


def large_file(folder: Path) -> bytes:
    return (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()


def test_a_download_is_a_process_that_tells_how_far_it_is(hub: StubHub) -> None:
    assert find_download("emi/base") is None
    hub.slow = 20_000_000
    download = start_download("emi/base")
    assert start_download("emi/base") == download
    until(lambda: download.progress().done > 0)
    running = download.progress()
    assert running.state == "running"
    assert running.total == sum(map(len, hub.repositories["emi/base"].values()))
    until(lambda: ended(download))
    done = find_download("emi/base")
    assert done is not None
    assert done.progress().state == "finished"
    assert done.progress().done == running.total
    folder = cached(locate("emi/base"))
    assert folder is not None
    assert large_file(folder) == hub.repositories["emi/base"]["unet/diffusion_pytorch_model.safetensors"]
    assert sum("GET" in request and "unet/diff" in request for request in hub.requests) == 1
    assert [one.base for one in list_downloads()] == ["emi/base"]


def test_a_cut_connection_is_taken_up_where_it_ended(hub: StubHub) -> None:
    hub.cut_after, hub.cuts = 5_000_000, 2
    folder = fetch(locate("emi/base"))
    assert large_file(folder) == hub.repositories["emi/base"]["unet/diffusion_pytorch_model.safetensors"]
    first, second = (int(asked.removeprefix("bytes=").removesuffix("-")) for asked in hub.ranges)
    assert 3_900_000 < first <= 5_000_000  # what was in flight comes twice
    assert first + 3_900_000 < second < LARGE


def test_two_programs_that_want_the_same_file_fetch_it_once(hub: StubHub) -> None:
    hub.slow = 12_000_000
    download = start_download("emi/base")
    until(lambda: partial_bytes("emi/base") > 0)
    reports: list[tuple[int, int]] = []
    folder = fetch(locate("emi/base"), report=lambda done, total: reports.append((done, total)))
    assert large_file(folder) == hub.repositories["emi/base"]["unet/diffusion_pytorch_model.safetensors"]
    until(lambda: ended(download))
    assert download.progress().state == "finished"
    assert sum("GET" in request and "unet/diff" in request for request in hub.requests) == 1
    assert reports[-1][0] == reports[-1][1]


def test_a_killed_download_goes_on_where_it_was(hub: StubHub) -> None:
    hub.slow = 8_000_000
    download = start_download("emi/base")
    until(lambda: partial_bytes("emi/base") > 2_000_000)
    os.kill(int(download.journal.with_suffix(".lock").read_text()), signal.SIGKILL)
    until(lambda: ended(download))
    assert download.progress().state == "interrupted"
    left = partial_bytes("emi/base")
    assert left > 2_000_000
    hub.slow = 0
    assert start_download("emi/base").progress().state in ("running", "finished")
    until(lambda: ended(download))
    assert download.progress().state == "finished"
    assert hub.ranges == [f"bytes={left}-"]
    assert partial_bytes("emi/base") == 0
    folder = cached(locate("emi/base"))
    assert folder is not None
    assert large_file(folder) == hub.repositories["emi/base"]["unet/diffusion_pytorch_model.safetensors"]


def test_a_cancelled_download_ends_at_once_and_keeps_what_has_come(hub: StubHub) -> None:
    hub.slow = 4_000_000
    download = start_download("emi/base")
    until(lambda: partial_bytes("emi/base") > 500_000)
    download.cancel()
    assert ended(download)
    assert download.progress().state == "cancelled"
    assert partial_bytes("emi/base") > 500_000


def test_a_beginning_that_is_damaged_is_fetched_anew(hub: StubHub) -> None:
    content = hub.repositories["emi/base"]["unet/diffusion_pytorch_model.safetensors"]
    partial = repository_folder("emi/base") / "blobs" / f"{etag(content)}{PARTIAL_ENDING}"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 1000)
    assert large_file(fetch(locate("emi/base"))) == content
    assert hub.ranges == ["bytes=1000-"]
    assert partial_bytes("emi/base") == 0


def test_a_failure_is_told_in_a_sentence_and_no_token_is_written(hub: StubHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.accounts[TOKEN] = StubAccount()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    download = start_download("emi/gated")
    until(lambda: ended(download))
    failed = download.progress()
    assert failed.state == "failed"
    assert "gated" in failed.what
    assert f"{hub.endpoint}/emi/gated" in failed.todo
    assert f"Bearer {TOKEN}" in hub.authorizations
    written = [path for path in data_directory().rglob("*") if path.is_file() and TOKEN in path.read_text()]
    assert written == []


def test_a_single_file_comes_with_the_tokenizer_that_it_lacks(hub: StubHub) -> None:
    clip = TOKENIZER_REPOSITORIES[0][0]
    files = {"vocab.json": b"{}", "merges.txt": b"#version", "pytorch_model.bin": b"not wanted"}
    hub.repositories = {"emi/mixes": {"mix.safetensors": checkpoint(SD1)}, clip: files}
    download = start_download("emi/mixes/mix.safetensors")
    until(lambda: ended(download))
    assert download.progress().state == "finished"
    found = single_file_tokenizer("")
    assert (found.source, found.name) == ("the cache", clip)
    assert {path.name for path in found.folder.iterdir()} == {"vocab.json", "merges.txt"}


def test_only_bases_on_the_hub_are_downloaded(hub: StubHub) -> None:
    with pytest.raises(BaseModelError, match="nothing to download"):
        start_download("demo")
    assert find_download("demo") is None


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that was given the number of an earlier download."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_who_asks_is_not_taken_for_the_download_and_a_dead_ones_number_is_left_alone(
    hub: StubHub, stranger: subprocess.Popen[bytes]
) -> None:
    download = start_download("emi/base")
    until(lambda: ended(download))
    lock = download.journal.with_suffix(".lock")
    lock.write_text(f"{stranger.pid}\n")
    with open(lock, "rb") as asker:
        fcntl.flock(asker, fcntl.LOCK_SH)
        assert not download.is_alive()
        download.cancel()
    assert stranger.poll() is None


def test_an_earlier_number_is_gone_when_the_next_process_begins(
    hub: StubHub, stranger: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.slow = 4_000_000
    download = start_download("emi/base")
    download.cancel()
    assert ended(download)
    assert download.progress().state == "cancelled"
    lock, seen = download.journal.with_suffix(".lock"), tmp_path / "seen"
    lock.write_text(f"{stranger.pid}\n")
    # Read by the new process before anything of ours is.
    (tmp_path / "sitecustomize.py").write_text(
        f"import pathlib; pathlib.Path({str(seen)!r}).write_bytes(pathlib.Path({str(lock)!r}).read_bytes())\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    start_download("emi/base").cancel()  # before it has told its number, and that is waited for
    assert ended(download)
    assert seen.read_text() == ""
    assert stranger.poll() is None


def test_the_process_itself_writes_its_number(hub: StubHub, tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "base.lock")
    assert lock is not None
    command = [sys.executable, "-m", "loratui.hub.downloading", "emi/gated", str(tmp_path / "base.jsonl"), str(lock)]
    process = subprocess.Popen(command, pass_fds=(lock,))
    os.close(lock)
    until(lambda: holder(tmp_path / "base.lock") == process.pid)
    process.kill()
    process.wait()
    assert not is_held(tmp_path / "base.lock")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other quickly."""
    monkeypatch.setattr("loratui.hub.large_files._FIRST_WAIT", 0.01)


@pytest.mark.parametrize(("method", "status"), [("GET", 500), ("GET", 502), ("GET", 429), ("HEAD", 503)])
def test_a_hub_in_trouble_is_asked_again(hub: StubHub, soon: None, method: str, status: int) -> None:
    hub.trouble = {method: [(status, {})] * 4}
    assert large_file(fetch(locate("emi/base"))) == hub.repositories["emi/base"][UNET]
    assert hub.trouble == {method: []}


def test_trouble_in_the_midst_of_a_file_costs_nothing_of_what_has_come(hub: StubHub, soon: None) -> None:
    hub.cut_after, hub.cuts = 5_000_000, 2
    hub.trouble = {"GET": [(200, {}), *[(503, {})] * 3, (200, {}), *[(429, {})] * 3]}
    assert large_file(fetch(locate("emi/base"))) == hub.repositories["emi/base"][UNET]
    assert hub.trouble == {"GET": []}
    first, second = (int(asked.removeprefix("bytes=").removesuffix("-")) for asked in hub.ranges)
    assert 3_900_000 < first < second


def test_trouble_without_end_is_told(hub: StubHub, soon: None) -> None:
    hub.trouble = {"GET": [(503, {})] * 100}
    with pytest.raises(BaseModelError, match="The hub answered 503"):
        fetch(locate("emi/base"))
    assert len(hub.trouble["GET"]) == 95


def test_a_refusal_is_not_asked_again(hub: StubHub, soon: None) -> None:
    hub.trouble = {"GET": [(418, {})] * 100}
    with pytest.raises(BaseModelError, match="The hub answered 418"):
        fetch(locate("emi/base"))
    assert len(hub.trouble["GET"]) == 99


@pytest.mark.parametrize(("wish", "least", "most"), [("1", 1.0, 3.0), ("100000", 0.0, 1.0), ("later", 0.0, 1.0)])
def test_the_hub_is_given_the_time_that_it_asks_for_within_reason(
    hub: StubHub, soon: None, monkeypatch: pytest.MonkeyPatch, wish: str, least: float, most: float
) -> None:
    monkeypatch.setattr("loratui.hub.large_files._LONGEST_WISH", 1 if wish == "1" else 0.1)
    hub.trouble = {"GET": [(429, {"Retry-After": wish})]}
    started = time.monotonic()
    fetch(locate("emi/base"))
    assert least <= time.monotonic() - started < most


def test_room_is_asked_of_the_nearest_folder_that_may_be_seen(hub: StubHub, tmp_path: Path) -> None:
    home = tmp_path / "hf"
    home.mkdir(exist_ok=True)
    home.chmod(0)
    try:
        with pytest.raises(BaseModelError, match="There is not enough disk space for emi/base"):
            bound_by_permissions(lambda: check_room(locate("emi/base"), 10**18))
    finally:
        home.chmod(0o700)
