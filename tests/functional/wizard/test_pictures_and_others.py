"""Captions that others write too, disks that are slow, and leaving in the middle: nothing typed is lost."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.dataset.captions import read_caption_file
from loratui.tui.screens import pictures_editing, pictures_view
from tests.functional.wizard.picture_folders import CAPTION, draw, good_folder, looking_at, row, screen
from tests.wizard import see, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good pictures: the folder that holds them."""
    return good_folder(tmp_path) / "5_emi_person"


class SlowDisk:
    """A disk whose flushes wait until they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.waiting = threading.Event()


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    """Every fsync in the background waits for it."""
    disk, sync = SlowDisk(), os.fsync

    def fsync(descriptor: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            disk.waiting.set()
            disk.go.wait(60)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    yield disk
    disk.go.set()


def line(pilot: Pilot[int]) -> str:
    """What the text field says."""
    found = screen(pilot).query_one("CaptionLine")
    return str(getattr(found, "value", ""))


async def written(pilot: Pilot[int]) -> None:
    """Wait until nothing is being written any more."""
    await pilot.pause()
    await until(pilot, lambda: screen(pilot)._queue.is_idle)


# Others write too


@pytest.mark.parametrize("key", ["enter", "escape", "down", "ctrl+n"])
async def test_looking_at_a_caption_does_not_write_it(folder: Path, key: str) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter")
        (folder / "1.txt").write_text("from a tagger")
        pictures = screen(pilot)
        await pilot.press(key)
        await pilot.pause()
        await until(pilot, lambda: pictures._queue.is_idle)
        assert (folder / "1.txt").read_text() == "from a tagger"


async def test_looking_at_captions_keeps_their_bytes(folder: Path) -> None:
    contents = {
        "1.txt": "女孩, 微笑".encode("gbk"),
        "2.txt": b"\xef\xbb\xbfEmi, girl\r\n",
        "3.txt": b"  Emi,\tgirl \nmore",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    async with looking_at(folder) as pilot:
        await pilot.press("enter", "escape", "enter", "down", "down", "down", "up", "enter")
        await written(pilot)
    assert {name: (folder / name).read_bytes() for name in contents} == contents


async def test_a_text_that_somebody_else_was_quicker_with_is_kept_and_offered_again(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", mine")
        (folder / "1.txt").write_text("from a tagger")
        await pilot.press("enter")
        await see(pilot, "1.txt was changed meanwhile and left alone; Enter there brings")
        assert (folder / "1.txt").read_text() == "from a tagger"
        await pilot.press("enter")
        assert line(pilot) == f"{CAPTION}, picture 1, mine"
        await see(pilot, "Enter writes your text, Esc leaves the file as it is.")
        await pilot.press("down", "up")
        await written(pilot)
        assert (folder / "1.txt").read_text() == "from a tagger"
        assert line(pilot) == f"{CAPTION}, picture 1, mine"
        await pilot.press("enter")
        await until(pilot, lambda: (folder / "1.txt").read_text() == f"{CAPTION}, picture 1, mine")
        await pilot.press("z")
        await until(pilot, lambda: (folder / "1.txt").read_text() == "from a tagger")


async def test_a_kept_text_can_be_dropped(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", mine")
        (folder / "1.txt").write_text("from a tagger")
        await pilot.press("enter")
        await see(pilot, "left alone")
        await pilot.press("enter", "escape", "enter")
        assert line(pilot) == "from a tagger"
        assert (folder / "1.txt").read_text() == "from a tagger"


async def test_a_trigger_word_spares_what_changed_while_it_was_asked_for(folder: Path) -> None:
    async with looking_at(folder.parent) as pilot:
        await pilot.press("t", *"Emi", "enter")
        await see(pilot, "6 of 6 caption files lack Emi.")
        (folder / "2.txt").write_text("from a tagger")
        await pilot.press("down", "enter")
        await see(pilot, "1 file changed meanwhile and left alone; 5 captions written.")
        assert (folder / "2.txt").read_text() == "from a tagger"
        assert read_caption_file(folder / "1.txt").text.startswith("Emi, ")


async def test_a_read_only_caption_is_not_opened(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        (folder / "1.txt").chmod(0o444)
        await pilot.press("enter")
        await see(pilot, "1.txt: the caption is read-only and stays as it is.")
        assert not screen(pilot).is_editing


async def test_what_could_not_be_written_is_kept(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", mine")
        (folder / "1.txt").chmod(0o444)
        await pilot.press("enter")
        await see(pilot, "read-only")
        (folder / "1.txt").chmod(0o644)
        await pilot.press("enter")
        assert line(pilot).endswith(", mine")


# Slow disks


async def test_a_caption_is_opened_again_before_it_is_on_the_disk(folder: Path, slow_disk: SlowDisk) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", one", "enter")
        assert await asyncio.to_thread(slow_disk.waiting.wait, 60)
        await pilot.press("enter")
        assert line(pilot).endswith(", one")
        await pilot.press("enter", "enter", *", two", "enter", "enter")
        assert line(pilot).endswith(", one, two")
        slow_disk.go.set()
        await pilot.press("enter")
        await written(pilot)
        assert read_caption_file(folder / "1.txt").text == f"{CAPTION}, picture 1, one, two"
        await pilot.press("z")
        await until(pilot, lambda: read_caption_file(folder / "1.txt").text == f"{CAPTION}, picture 1, one")


async def test_what_is_taken_back_is_opened_as_it_is_then(folder: Path, slow_disk: SlowDisk) -> None:
    slow_disk.go.set()
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", one", "enter")
        await until(pilot, lambda: read_caption_file(folder / "1.txt").text.endswith(", one"))
        await until(pilot, lambda: bool(screen(pilot).undo_label))
        slow_disk.go.clear()
        await pilot.press("down", "enter", *", two", "enter", "up", "z", "enter")
        assert not screen(pilot).is_editing
        slow_disk.go.set()
        await until(pilot, lambda: screen(pilot).is_editing)
        assert read_caption_file(folder / "2.txt").text == f"{CAPTION}, picture 2"
        assert line(pilot).endswith(", one")


# Leaving


@pytest.mark.parametrize("how", ["ctrl+q", "signal"])
async def test_leaving_keeps_what_is_being_typed(
    folder: Path, slow_disk: SlowDisk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures_editing, "_SECONDS_TO_FINISH", 60.0)
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", typed")
        threading.Timer(0.3, slow_disk.go.set).start()
        if how == "signal":
            pilot.app.leave_from_signal(143)  # type: ignore[attr-defined]
        else:
            await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running or pilot.app._exit)
        assert read_caption_file(folder / "1.txt").text.endswith(", typed")


async def test_leaving_does_not_wait_for_ever(folder: Path, slow_disk: SlowDisk) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", typed")
        begin = time.monotonic()
        await screen(pilot).finish_editing()
        assert 1.9 < time.monotonic() - begin < 30
        assert not screen(pilot).is_editing
        slow_disk.go.set()
        await written(pilot)
        assert read_caption_file(folder / "1.txt").text.endswith(", typed")


# Noticing


async def test_what_this_program_writes_is_no_news(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_view, "_SECONDS_BETWEEN_GLANCES", 0.05)
    async with looking_at(folder) as pilot:
        await pilot.pause(0.3)
        look = screen(pilot)._look
        await pilot.press("enter", *", mine", "enter")
        await until(pilot, lambda: read_caption_file(folder / "1.txt").text.endswith(", mine"))
        await pilot.pause(0.5)
        await pilot.press("z")
        await until(pilot, lambda: not read_caption_file(folder / "1.txt").text.endswith(", mine"))
        await pilot.pause(0.5)
        assert screen(pilot)._look == look
        draw(folder / "7.png", 7)
        await see(pilot, "7 pictures × 5")


async def test_a_picture_that_comes_while_a_caption_is_written_is_noticed(folder: Path, slow_disk: SlowDisk) -> None:
    async with looking_at(folder) as pilot:
        await pilot.press("enter", *", mine", "enter")
        assert await asyncio.to_thread(slow_disk.waiting.wait, 60)
        draw(folder / "7.png", 7)
        slow_disk.go.set()
        await see(pilot, "7 pictures × 5")
        assert read_caption_file(folder / "1.txt").text.endswith(", mine")


async def test_a_caption_that_is_edited_in_place_elsewhere_is_noticed(folder: Path) -> None:
    async with looking_at(folder) as pilot:
        before = folder.stat().st_mtime_ns
        with open(folder / "1.txt", "w") as file:
            file.write("from an editor")
        assert folder.stat().st_mtime_ns == before
        await see(pilot, "from an editor")


async def test_a_caption_out_of_sight_that_was_edited_is_noticed_once_it_is_seen(tmp_path: Path) -> None:
    folder = good_folder(tmp_path, 20) / "5_emi_person"
    async with looking_at(folder) as pilot:
        with open(folder / "20.txt", "w") as file:
            file.write("from an editor")
        await pilot.pause(0.1)
        await pilot.press("end")
        assert row(pilot, "20.png").startswith("▸")
        await see(pilot, "from an editor")


async def test_a_disk_that_does_not_answer_holds_one_glance(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_view, "_SECONDS_BETWEEN_GLANCES", 0.05)
    go, waiting, scan = threading.Event(), list[str](), os.scandir

    def scandir(path: object = ".") -> object:
        if str(path) == str(folder) and threading.current_thread() is not threading.main_thread():
            waiting.append(str(path))
            go.wait(30)
        return scan(path)  # type: ignore[call-overload]

    async with looking_at(folder) as pilot:
        monkeypatch.setattr(os, "scandir", scandir)
        try:
            await until(pilot, lambda: waiting)
            await pilot.pause(1)
            assert len(waiting) == 1
        finally:
            go.set()
        await until(pilot, lambda: len(waiting) > 2)
