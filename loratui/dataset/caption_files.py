"""Caption files as an editor needs them: the first line in whatever encoding, and writing it back by rename.

What follows the first line is kept as it stands. Refuses to know pictures, settings and what was done before.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loratui.dataset.captions import MAX_BYTES, UTF_16_MARKS, with_trigger
from loratui.dataset.problems import DatasetFault
from loratui.dataset.regular_files import open_regular
from loratui.safe_text import printable
from loratui.whole_files import write_whole

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class EditableCaption:
    """A caption as an editor shows it.

    Attributes:
        text: The first line.
        encoding: In which the file was found.
        content: All bytes of the file as they were read; None where there is no file.
    """

    text: str
    encoding: str
    content: bytes | None

    @classmethod
    def of(cls, content: bytes | None) -> "EditableCaption":
        """The caption in a file that has this content."""
        if content is None:
            return cls("", "UTF-8", None)
        text, encoding = _decoded(content)
        return cls(_LINE_BREAK.split(text, maxsplit=1)[0].strip(), encoding, content)

    def edited(self, text: str) -> "EditableCaption":
        """What becomes of it with `text` as the caption; the same where UTF-8 says so already, or there is nothing."""
        line = _one_line(text)
        if line == self.text and (self.content is None or self.encoding == "UTF-8"):
            return self
        return EditableCaption.of(with_first_line(self.content, line))


@dataclass(frozen=True)
class TriggerChanges:
    """The trigger word in front of captions: what would be written, what the files say now, and which cannot change."""

    captions: Mapping[Path, str]
    found: Mapping[Path, EditableCaption]
    left_alone: tuple[Path, ...]


def read_for_editing(path: Path) -> EditableCaption:
    """Read a caption file in whatever encoding it has; a missing file is an empty caption.

    Raises:
        DatasetFault: As `read_caption_file`, except that other encodings than UTF-8 are understood.
    """
    return EditableCaption.of(read_content(path))


def refuse_read_only(path: Path) -> None:
    """Respect a file that somebody has protected, which a rename would pass over.

    Raises:
        DatasetFault: "caption-read-only".
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # there is none yet, or whoever opens it will say what is wrong
    if not mode & 0o222 or not os.access(path, os.W_OK):
        raise DatasetFault(
            "caption-read-only",
            f"{printable(path.name)}: the caption is read-only and stays as it is.",
            "To change it, allow writing first: chmod u+w.",
        )


def with_first_line(content: bytes | None, caption: str) -> bytes:
    """The bytes of a caption file whose first line is now `caption`: UTF-8 without a byte order mark.

    Args:
        content: The file as it is; None where there is none.
        caption: The new caption; its own line breaks become spaces.
    """
    line = _one_line(caption)
    if content is None:
        return f"{line}\n".encode()
    text, _ = _decoded(content)
    end = _LINE_BREAK.search(text)
    return (line + text[end.start() :] if end else line).encode()


def put_trigger_in_front(paths: Sequence[Path], trigger: str) -> TriggerChanges:
    """The captions that `trigger` must still be written into, and the files that cannot be read or written.

    Args:
        paths: Caption files that exist.
        trigger: The word; captions that hold it already, and empty ones, stay as they are.
    """
    captions: dict[Path, str] = {}
    found: dict[Path, EditableCaption] = {}
    left_alone: list[Path] = []
    for path in dict.fromkeys(paths):
        try:
            now = read_for_editing(path)
            if now.text and (caption := with_trigger(now.text, trigger)) != now.text:
                refuse_read_only(path)
                captions[path], found[path] = caption, now
        except DatasetFault:
            left_alone.append(path)
    return TriggerChanges(captions, found, tuple(left_alone))


def read_content(path: Path) -> bytes | None:
    """All bytes of a caption file; None where there is none.

    Raises:
        DatasetFault: "caption-too-long", or as `open_regular`.
    """
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


def replace_content(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write beside the file and rename; a symbolic link stays one, and the file keeps its permissions.

    A hard link is parted: other names of the file keep the old text. Writing in place would spare it, but could leave
    half a caption behind, and copies made by linking are mostly meant to be apart.

    Args:
        path: The file.
        content: All of it.
        durable: Wait for the disk. Captions themselves need not: the journal, which does, holds both versions.
    """
    write_whole(os.path.realpath(path), content, durable=durable)


def _one_line(caption: str) -> str:
    return _LINE_BREAK.sub(" ", caption).strip()


def _decoded(content: bytes) -> tuple[str, str]:
    """Text and the encoding's name: UTF-8, UTF-16 by its mark, else what Windows editors once wrote."""
    if content.startswith(UTF_16_MARKS):
        with suppress(UnicodeDecodeError):
            return content.decode("utf-16"), "UTF-16"
    for codec, name in (("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252")):
        with suppress(UnicodeDecodeError):
            return content.decode(codec), name
    return content.decode("latin-1"), "Latin-1"
