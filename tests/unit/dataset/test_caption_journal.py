"""Captions are written in groups, nobody else's change is lost, and every change can be taken back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loratui.dataset.caption_files import read_for_editing
from loratui.dataset.caption_journal import CaptionJournal, Written
from loratui.dataset.captions import MAX_BYTES, read_caption_file
from loratui.dataset.problems import DatasetFault
from tests.permissions import bound_by_permissions


@pytest.fixture
def journal(tmp_path: Path) -> CaptionJournal:
    """A journal beside the pictures."""
    return CaptionJournal(tmp_path / "journal")


def test_a_file_that_is_no_caption_is_not_touched(tmp_path: Path, journal: CaptionJournal) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    for change in (lambda: read_for_editing(path), lambda: journal.write({path: "new"}, "label")):
        with pytest.raises(DatasetFault, match="larger than") as caught:
            change()
        assert caught.value.code == "caption-too-long"
    assert path.stat().st_size == MAX_BYTES + 1
    assert journal.last == ""


def test_writing_and_taking_back(tmp_path: Path, journal: CaptionJournal) -> None:
    old, new = tmp_path / "1.txt", tmp_path / "2.txt"
    old.write_bytes(b"\xef\xbb\xbfEmi\r\nkept\r\n")
    assert journal.write({old: "Emi, smiling", new: "Emi, night"}, "two captions") == Written((old, new), ())
    assert old.read_bytes() == b"Emi, smiling\r\nkept\r\n"
    assert read_caption_file(new).text == "Emi, night"
    assert journal.last == "two captions"
    undone = journal.undo()
    assert undone is not None
    assert (undone.label, undone.restored, undone.left_alone) == ("two captions", (old, new), ())
    assert old.read_bytes() == b"\xef\xbb\xbfEmi\r\nkept\r\n"
    assert not new.exists()
    assert journal.undo() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.txt", "journal"]


def test_what_does_not_change_is_not_written(tmp_path: Path, journal: CaptionJournal) -> None:
    path = tmp_path / "1.txt"
    path.write_text("Emi\n")
    before = path.stat().st_mtime_ns
    assert journal.write({path: "Emi", tmp_path / "2.txt": "  "}, "nothing") == Written((), ())
    assert path.stat().st_mtime_ns == before
    assert not (tmp_path / "2.txt").exists()
    assert journal.last == ""


def test_changes_are_taken_back_one_by_one_by_a_later_session(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    for text in ("one", "two", "three"):
        CaptionJournal(tmp_path / "journal").write({path: text}, text)
    for text in ("two", "one"):
        CaptionJournal(tmp_path / "journal").undo()
        assert read_caption_file(path).text == text
    CaptionJournal(tmp_path / "journal").undo()
    assert not path.exists()


def test_a_file_that_somebody_else_changed_since_is_left_alone(tmp_path: Path, journal: CaptionJournal) -> None:
    mine, theirs = tmp_path / "1.txt", tmp_path / "2.txt"
    mine.write_text("one")
    theirs.write_text("two")
    journal.write({mine: "Emi, one", theirs: "Emi, two"}, "Emi in front")
    theirs.write_text("written in an editor")
    undone = journal.undo()
    assert undone is not None
    assert undone.restored == (mine,)
    assert undone.left_alone == (theirs,)
    assert (mine.read_text(), theirs.read_text()) == ("one", "written in an editor")


def test_a_link_stays_a_link_and_the_rights_stay(tmp_path: Path, journal: CaptionJournal) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "1.txt", tmp_path / "1.txt"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    journal.write({link: "new"}, "label")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_new_caption_has_the_rights_of_any_new_file(tmp_path: Path, journal: CaptionJournal) -> None:
    (tmp_path / "other").write_text("")
    journal.write({tmp_path / "1.txt": "new"}, "label")
    assert (tmp_path / "1.txt").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_folder_that_must_not_be_written_says_what_to_do(tmp_path: Path, journal: CaptionJournal) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    path = folder / "1.txt"
    path.write_text("old")
    folder.chmod(0o555)
    with pytest.raises(DatasetFault, match=r"1\.txt: the caption cannot be written") as caught:
        bound_by_permissions(lambda: journal.write({path: "new"}, "label"))
    folder.chmod(0o755)
    assert "writable" in caught.value.todo
    assert path.read_text() == "old"


def test_what_was_written_before_a_failure_can_be_taken_back(tmp_path: Path, journal: CaptionJournal) -> None:
    first, second = tmp_path / "1.txt", tmp_path / "gone" / "2.txt"
    first.write_text("one")
    with pytest.raises(DatasetFault, match="1 caption of 2 had been written"):
        journal.write({first: "Emi, one", second: "Emi, two"}, "Emi in front")
    assert first.read_text() == "Emi, one"
    undone = journal.undo()
    assert undone is not None
    assert first.read_text() == "one"


def test_names_that_are_not_utf8_can_be_written_and_taken_back(tmp_path: Path, journal: CaptionJournal) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    path.write_text("old")
    journal.write({path: "new"}, "label")
    assert path.read_text() == "new"
    journal.undo()
    assert path.read_text() == "old"


def test_a_damaged_journal_takes_nothing_back_and_does_not_stay_in_the_way(
    tmp_path: Path, journal: CaptionJournal
) -> None:
    path = tmp_path / "1.txt"
    journal.write({path: "one"}, "first")
    journal.write({path: "two"}, "second")
    max((tmp_path / "journal").iterdir()).write_bytes(b"\xff{")
    undone = journal.undo()
    assert undone is not None
    assert undone.restored == ()
    assert journal.last == "first"


def test_datasets_have_journals_of_their_own(tmp_path: Path, loratui_home: Path) -> None:
    CaptionJournal.of(tmp_path / "a").write({tmp_path / "1.txt": "new"}, "in a")
    assert CaptionJournal.of(tmp_path / "a").last == "in a"
    assert CaptionJournal.of(tmp_path / "b").last == ""
    assert loratui_home in next(loratui_home.rglob("00000001.json")).parents


def test_what_somebody_else_wrote_meanwhile_is_left_alone(tmp_path: Path, journal: CaptionJournal) -> None:
    mine, theirs, new = tmp_path / "1.txt", tmp_path / "2.txt", tmp_path / "3.txt"
    mine.write_text("one")
    theirs.write_text("two")
    found = {path: read_for_editing(path) for path in (mine, theirs, new)}
    theirs.write_text("by a tagger")
    new.write_text("by a tagger")
    captions = {path: f"Emi, {one.text}" for path, one in found.items()}
    assert journal.write(captions, "Emi in front", found) == Written((mine,), (theirs, new))
    assert [path.read_text() for path in (mine, theirs, new)] == ["Emi, one", "by a tagger", "by a tagger"]
    undone = journal.undo()
    assert undone is not None
    assert (undone.restored, undone.left_alone) == ((mine,), ())


def test_what_somebody_else_writes_while_the_journal_waits_for_its_disk_is_left_alone(
    tmp_path: Path, journal: CaptionJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1.txt"
    path.write_text("one")
    sync = os.fsync

    def slow_disk(descriptor: int) -> None:
        path.write_text("by a tagger")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", slow_disk)
    assert journal.write({path: "mine"}, "mine") == Written((), (path,))
    assert path.read_text() == "by a tagger"
    assert journal.last == ""


def test_a_mark_and_spaces_that_nobody_touched_stay(tmp_path: Path, journal: CaptionJournal) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(b"\xef\xbb\xbf  Emi\n")
    assert journal.write({path: "Emi"}, "nothing") == Written((), ())
    assert path.read_bytes() == b"\xef\xbb\xbf  Emi\n"


def test_read_only_captions_are_neither_written_nor_taken_back(tmp_path: Path, journal: CaptionJournal) -> None:
    free, fixed = tmp_path / "1.txt", tmp_path / "2.txt"
    for path in (free, fixed):
        path.write_text("old")
    fixed.chmod(0o444)
    with pytest.raises(DatasetFault, match=r"2\.txt: the caption is read-only"):
        journal.write({free: "new", fixed: "new"}, "both")
    assert (free.read_text(), fixed.read_text(), journal.last) == ("old", "old", "")
    fixed.chmod(0o644)
    journal.write({fixed: "new"}, "one")
    fixed.chmod(0o444)
    with pytest.raises(DatasetFault, match=r"2\.txt: the caption is read-only"):
        journal.undo()
    assert (fixed.read_text(), journal.last) == ("new", "one")
    fixed.chmod(0o644)
    assert journal.last_files == (fixed,)
    journal.undo()
    assert (fixed.read_text(), journal.last_files) == ("old", ())


def test_wizards_that_write_at_the_same_time_keep_every_group(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from loratui.dataset.caption_journal import CaptionJournal\n"
        "journal, folder, mine = CaptionJournal(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]\n"
        "for number in range(25): journal.write({folder / f'{mine}-{number}.txt': 'new'}, f'{mine}-{number}')\n"
    )
    directory = tmp_path / "journal"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(directory), str(tmp_path), mine]) for mine in ("a", "b", "c")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    journal, labels = CaptionJournal(directory), set[str]()
    while (undone := journal.undo()) is not None:
        labels.add(undone.label)
        assert len(undone.restored) == 1
    assert labels == {f"{mine}-{number}" for mine in ("a", "b", "c") for number in range(25)}
    assert not list(tmp_path.glob("*.txt"))
