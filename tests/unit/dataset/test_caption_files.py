"""Captions are read in any encoding, written by rename, and keep what is not theirs."""

import os
from pathlib import Path

import pytest

from loratui.dataset.caption_files import (
    EditableCaption,
    put_trigger_in_front,
    read_for_editing,
    refuse_read_only,
    replace_content,
    with_first_line,
)
from loratui.dataset.problems import DatasetFault
from tests.permissions import bound_by_permissions


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, b"new\n"),
        (b"", b"new"),
        (b"old", b"new"),
        (b"old\n", b"new\n"),
        (b"old\r\nsecond\r\n", b"new\r\nsecond\r\n"),
        (b"\nsecond", b"new\nsecond"),
        (b"\xef\xbb\xbfold\nrest", b"new\nrest"),
        ("alt, café\nübrig".encode("cp1252"), "new\nübrig".encode()),
        ("alt\nübrig".encode("utf-16"), "new\nübrig".encode()),
        (b"\x81\x8d\nrest", b"new\nrest"),
    ],
)
def test_only_the_first_line_changes(before: bytes | None, after: bytes) -> None:
    assert with_first_line(before, "new") == after


def test_a_caption_is_one_line() -> None:
    assert with_first_line(None, "  one\ntwo\r\nthree ") == b"one two three\n"


def test_other_encodings_can_be_read_for_editing(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    for content, encoding in [
        ("エミ".encode(), "UTF-8"),
        ("エミ".encode("utf-16"), "UTF-16"),
        ("café".encode("cp1252"), "Windows-1252"),
    ]:
        path.write_bytes(content + (b"" if encoding == "UTF-16" else b"\nmore"))
        found = read_for_editing(path)
        assert found.encoding == encoding
        assert found.text == ("café" if encoding == "Windows-1252" else "エミ")
    assert read_for_editing(tmp_path / "none.txt").text == ""


def test_the_trigger_goes_in_front_of_those_that_lack_it(tmp_path: Path) -> None:
    captions = {"1.txt": "girl, smiling", "2.txt": "emi, girl", "3.txt": "", "4.txt": "Emilia\nmore"}
    for name, text in captions.items():
        (tmp_path / name).write_text(text)
    os.mkfifo(tmp_path / "5.txt")
    paths = [tmp_path / f"{number}.txt" for number in (1, 1, 2, 3, 4, 5)]
    changes = put_trigger_in_front(paths, "Emi")
    assert changes.captions == {tmp_path / "1.txt": "Emi, girl, smiling", tmp_path / "4.txt": "Emi, Emilia"}
    assert changes.left_alone == (tmp_path / "5.txt",)
    assert {path: found.text for path, found in changes.found.items()} == {
        tmp_path / "1.txt": "girl, smiling",
        tmp_path / "4.txt": "Emilia",
    }


def test_a_caption_that_says_so_already_stays_as_it_is() -> None:
    for content in (b"\xef\xbb\xbf  Emi \nrest", b"Emi", b""):
        found = EditableCaption.of(content)
        assert found.edited(f" {found.text}") is found
    nothing = EditableCaption.of(None)
    assert nothing.edited("  ") is nothing
    assert nothing.edited("Emi").content == b"Emi\n"
    other = EditableCaption.of("café\nmore".encode("cp1252")).edited("café ")
    assert (other.content, other.encoding) == ("café\nmore".encode(), "UTF-8")


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_a_read_only_caption_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "1.txt"
    path.write_text("girl")
    path.chmod(mode)
    with pytest.raises(DatasetFault, match=r"1\.txt: the caption is read-only") as caught:
        refuse_read_only(path)
    assert "chmod u+w" in caught.value.todo
    changes = put_trigger_in_front([path], "Emi")
    assert (dict(changes.captions), changes.left_alone) == ({}, (path,))


def test_what_only_others_may_write_is_read_only_too(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.write_text("girl")
    refuse_read_only(path)
    refuse_read_only(tmp_path / "none.txt")
    path.chmod(0o464)
    with pytest.raises(DatasetFault, match="read-only"):
        bound_by_permissions(lambda: refuse_read_only(path))


def test_a_disk_without_permissions_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refused)
    path = tmp_path / "1.txt"
    path.write_text("old")
    replace_content(path, b"new")
    assert path.read_text() == "new"


def test_hard_links_are_parted(tmp_path: Path) -> None:
    path, copy = tmp_path / "1.txt", tmp_path / "copy.txt"
    path.write_text("old")
    os.link(path, copy)
    replace_content(path, b"new")
    assert (path.read_text(), copy.read_text()) == ("new", "old")
