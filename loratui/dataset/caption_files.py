"""Writing captions: the first line of a file, by rename, with a journal that can take every change back.

What follows the first line is kept as it stands. Refuses to know pictures and settings.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loratui.dataset.captions import MAX_BYTES, UTF_16_MARKS, with_trigger
from loratui.dataset.problems import DatasetFault, counted, name_some
from loratui.dataset.regular_files import open_regular
from loratui.paths import data_directory
from loratui.safe_text import printable

# A person takes back what was done a moment ago; older groups are forgotten.
_GROUPS_KEPT = 200
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class EditableCaption:
    """A caption as an editor shows it: the first line, and the encoding in which the file was found."""

    text: str
    encoding: str


@dataclass(frozen=True)
class Undone:
    """What came of taking back a group: its label, the files that are as before, and those left as they are."""

    label: str
    restored: tuple[Path, ...]
    left_alone: tuple[Path, ...]


def read_for_editing(path: Path) -> EditableCaption:
    """Read the first line of a caption file in whatever encoding it has; a missing file is an empty caption.

    Raises:
        DatasetFault: As `read_caption_file`, except that other encodings than UTF-8 are understood.
    """
    content = _content(path)
    if content is None:
        return EditableCaption("", "UTF-8")
    text, encoding = _decoded(content)
    return EditableCaption(_LINE_BREAK.split(text, maxsplit=1)[0].strip(), encoding)


def with_first_line(content: bytes | None, caption: str) -> bytes:
    """The bytes of a caption file whose first line is now `caption`: UTF-8 without a byte order mark.

    Args:
        content: The file as it is; None where there is none.
        caption: The new caption; its own line breaks become spaces.
    """
    line = _LINE_BREAK.sub(" ", caption).strip()
    if content is None:
        return f"{line}\n".encode()
    text, _ = _decoded(content)
    end = _LINE_BREAK.search(text)
    return (line + text[end.start() :] if end else line).encode()


def put_trigger_in_front(paths: Sequence[Path], trigger: str) -> tuple[dict[Path, str], tuple[Path, ...]]:
    """The captions that `trigger` must still be written into, and the files that cannot be read.

    Args:
        paths: Caption files that exist.
        trigger: The word; captions that hold it already, and empty ones, stay as they are.
    """
    changes: dict[Path, str] = {}
    unreadable: list[Path] = []
    for path in dict.fromkeys(paths):
        try:
            text = read_for_editing(path).text
        except DatasetFault:
            unreadable.append(path)
            continue
        if text and (caption := with_trigger(text, trigger)) != text:
            changes[path] = caption
    return changes, tuple(unreadable)


class CaptionJournal:
    """Writes captions in groups, each of which can be taken back as one, also by a later session.

    A group is put down before its first file is touched; so a change that was cut short can be taken back too.
    """

    def __init__(self, directory: Path) -> None:
        """Open the journal that is kept in `directory`, which need not exist yet."""
        self._directory = directory

    @classmethod
    def of(cls, root: Path) -> "CaptionJournal":
        """The journal of the dataset at `root`, among what loratui keeps for itself."""
        name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:16]
        return cls(data_directory() / "caption-journals" / name)

    @property
    def last(self) -> str:
        """The label of the group that `undo` would take back; empty when there is none."""
        groups = self._groups()
        return _label(groups[-1]) if groups else ""

    def write(self, captions: Mapping[Path, str], label: str) -> tuple[Path, ...]:
        """Write captions as one group and return the files that changed.

        Args:
            captions: For each file, existing or not, its new first line.
            label: What is done, for a person: "caption of 4.png".

        Raises:
            DatasetFault: "caption-not-written"; what was written until then can be taken back.
        """
        changes = [
            (path, before, after)
            for path, caption in captions.items()
            if (after := with_first_line(before := _content(path), caption)) != before and (before or after.strip())
        ]
        if not changes:
            return ()
        self._put_down(label, changes)
        for number, (path, _, after) in enumerate(changes):
            try:
                _replace(path, after)
            except OSError as error:
                raise _not_written(path, error, number, len(changes)) from error
        return tuple(path for path, _, _ in changes)

    def undo(self) -> Undone | None:
        """Take the newest group back: files that were changed again since are left alone. None when there is none.

        Raises:
            DatasetFault: "caption-not-written"; the group is kept, so that it can be tried again.
        """
        groups = self._groups()
        if not groups:
            return None
        group = _read_group(groups[-1])
        restored: list[Path] = []
        left_alone: list[Path] = []
        for path, before, after in group:
            try:
                now = _content(path)
                if now not in (before, after):
                    left_alone.append(path)
                    continue
                if now != before:
                    _restore(path, before)
                restored.append(path)
            except DatasetFault:
                left_alone.append(path)
            except OSError as error:
                raise _not_written(path, error, len(restored), len(group)) from error
        label = _label(groups[-1])
        groups[-1].unlink(missing_ok=True)
        return Undone(label, tuple(restored), tuple(left_alone))

    def _groups(self) -> list[Path]:
        return sorted(self._directory.glob("[0-9]*.json"))

    def _put_down(self, label: str, changes: Sequence[tuple[Path, bytes | None, bytes]]) -> None:
        groups = self._groups()
        number = int(groups[-1].stem) + 1 if groups else 1
        # Paths and contents as latin-1 text: every byte has a place in it, whatever the encoding was.
        entries = [
            [_as_text(os.fsencode(path)), None if before is None else _as_text(before), _as_text(after)]
            for path, before, after in changes
        ]
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"label": label, "changes": entries})
            _replace(self._directory / f"{number:08}.json", text.encode(), durable=True)
            for old in groups[: max(0, len(groups) + 1 - _GROUPS_KEPT)]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise DatasetFault(
                "caption-not-written",
                f"Nothing was changed: what is needed to take it back cannot be kept in {printable(self._directory)} "
                f"({printable(error.strerror or error)}).",
                "Make room on that disk, or make the folder writable.",
            ) from error


def _label(group: Path) -> str:
    try:
        return printable(json.loads(group.read_bytes())["label"])
    except (OSError, ValueError, KeyError, TypeError):
        return "captions"


def _as_text(content: bytes) -> str:
    return content.decode("latin-1")


def _read_group(group: Path) -> list[tuple[Path, bytes | None, bytes]]:
    try:
        return [
            (
                Path(os.fsdecode(path.encode("latin-1"))),
                None if before is None else before.encode("latin-1"),
                after.encode("latin-1"),
            )
            for path, before, after in json.loads(group.read_bytes())["changes"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # damaged by somebody else: there is nothing that could be put back


def _content(path: Path) -> bytes | None:
    if not os.path.lexists(path):
        return None
    with open_regular(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DatasetFault(
            "caption-too-long",
            f"{printable(path.name)}: the file is larger than {MAX_BYTES // 1024} KiB, which is no caption.",
            "Put the caption into its first line and take the rest out, or move the file away.",
        )
    return content


def _decoded(content: bytes) -> tuple[str, str]:
    """Text and the encoding's name: UTF-8, UTF-16 by its mark, else what Windows editors once wrote."""
    if content.startswith(UTF_16_MARKS):
        with suppress(UnicodeDecodeError):
            return content.decode("utf-16"), "UTF-16"
    for codec, name in (("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252")):
        with suppress(UnicodeDecodeError):
            return content.decode(codec), name
    return content.decode("latin-1"), "Latin-1"


def _replace(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write beside the file and rename; a link stays a link, and the file keeps its permissions.

    Args:
        path: The file.
        content: All of it.
        durable: Wait for the disk. Captions themselves need not: the journal, which does, holds both versions.
    """
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".loratui-{secrets.token_hex(8)}")
    try:
        # Not by tempfile, whose files are for their owner only: a new caption gets the rights that any file gets.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, target.stat().st_mode & 0o7777)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def _restore(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        _replace(path, before)


def _not_written(path: Path, error: OSError, done: int, of: int) -> DatasetFault:
    so_far = f" {counted(done, 'caption')} of {of} had been written; they can be taken back." if done else ""
    return DatasetFault(
        "caption-not-written",
        f"{name_some([path])}: the caption cannot be written ({printable(error.strerror or error)}).{so_far}",
        f"Make {printable(path.parent)} writable, or make room on its disk.",
    )
