"""Writing captions in groups, with a journal that can take every group back as one, also in a later session.

Refuses to know pictures and settings; how one file is read and written is in `caption_files.py`.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loratui.dataset.caption_files import EditableCaption, read_content, refuse_read_only, replace_content
from loratui.dataset.problems import DatasetFault, counted, name_some
from loratui.locks import take_lock
from loratui.paths import data_directory
from loratui.safe_text import printable

# A person takes back what was done a moment ago; older groups are forgotten.
_GROUPS_KEPT = 200
_SECONDS_FOR_LOCK = 10.0
# What flock says on network disks without locks: there one wizard at a time has to do.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Written:
    """What came of writing a group: the files that changed, and those that somebody else had changed meanwhile."""

    changed: tuple[Path, ...]
    left_alone: tuple[Path, ...]


@dataclass(frozen=True)
class Undone:
    """What came of taking back a group: its label, the files that are as before, and those left as they are."""

    label: str
    restored: tuple[Path, ...]
    left_alone: tuple[Path, ...]


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

    @property
    def last_files(self) -> tuple[Path, ...]:
        """The files that `undo` would change."""
        groups = self._groups()
        return tuple(path for path, _, _ in _read_group(groups[-1])) if groups else ()

    def write(
        self, captions: Mapping[Path, str], label: str, found: Mapping[Path, EditableCaption] | None = None
    ) -> Written:
        """Write captions as one group.

        Args:
            captions: For each file, existing or not, its new first line.
            label: What is done, for a person: "caption of 4.png".
            found: What files said when the new captions were thought of; one that says something else by now is left
                alone.

        Raises:
            DatasetFault: "caption-read-only", and nothing was written; or "caption-not-written", and what was written
                until then can be taken back.
        """
        changes: list[tuple[Path, bytes | None, bytes]] = []
        left_alone: list[Path] = []
        for path, caption in captions.items():
            before = read_content(path)
            if found is not None and path in found and found[path].content != before:
                left_alone.append(path)
                continue
            after = EditableCaption.of(before).edited(caption).content
            if after is not None and after != before:
                refuse_read_only(path)
                changes.append((path, before, after))
        if not changes:
            return Written((), tuple(left_alone))
        group = self._put_down(label, changes)
        changed: list[Path] = []
        for path, before, after in changes:
            try:
                # Putting it down waits for a disk; somebody may have been quicker.
                if read_content(path) == before:
                    replace_content(path, after)
                    changed.append(path)
                else:
                    left_alone.append(path)
            except DatasetFault:
                left_alone.append(path)
            except OSError as error:
                raise _not_written(path, error, len(changed), len(changes)) from error
        if not changed:
            group.unlink(missing_ok=True)
        return Written(tuple(changed), tuple(left_alone))

    def undo(self) -> Undone | None:
        """Take the newest group back: files that were changed again since are left alone. None when there is none.

        Raises:
            DatasetFault: "caption-read-only" or "caption-not-written"; the group is kept, so that it can be tried
                again.
        """
        groups = self._groups()
        if not groups:
            return None
        group = _read_group(groups[-1])
        restored: list[Path] = []
        left_alone: list[Path] = []
        for path, before, after in group:
            try:
                now = read_content(path)
            except DatasetFault:
                left_alone.append(path)
                continue
            if now not in (before, after):
                left_alone.append(path)
                continue
            if now != before:
                refuse_read_only(path)
                try:
                    _restore(path, before)
                except OSError as error:
                    raise _not_written(path, error, len(restored), len(group)) from error
            restored.append(path)
        label = _label(groups[-1])
        groups[-1].unlink(missing_ok=True)
        return Undone(label, tuple(restored), tuple(left_alone))

    def _groups(self) -> list[Path]:
        return sorted(self._directory.glob("[0-9]*.json"))

    def _put_down(self, label: str, changes: Sequence[tuple[Path, bytes | None, bytes]]) -> Path:
        # Paths and contents as latin-1 text: every byte has a place in it, whatever the encoding was.
        entries = [
            [_as_text(os.fsencode(path)), None if before is None else _as_text(before), _as_text(after)]
            for path, before, after in changes
        ]
        content = json.dumps({"label": label, "changes": entries}).encode()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._one_at_a_time():
                groups = self._groups()
                number = int(groups[-1].stem) + 1 if groups else 1
                group = self._directory / f"{number:08}.json"
                replace_content(group, content, durable=True)
                for old in groups[: max(0, len(groups) + 1 - _GROUPS_KEPT)]:
                    old.unlink(missing_ok=True)
        except OSError as error:
            raise DatasetFault(
                "caption-not-written",
                f"Nothing was changed: what is needed to take it back cannot be kept in {printable(self._directory)} "
                f"({printable(error.strerror or error)}).",
                "Make room on that disk, or make the folder writable.",
            ) from error
        return group

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Keep other wizards that show the same dataset from taking the same number."""
        try:
            descriptor = take_lock(self._directory / ".lock", _SECONDS_FOR_LOCK)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            descriptor = None
        else:
            if descriptor is None:
                raise TimeoutError(errno.ETIMEDOUT, "another loratui does not let go of it")
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)


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


def _restore(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        replace_content(path, before)


def _not_written(path: Path, error: OSError, done: int, of: int) -> DatasetFault:
    so_far = f" {counted(done, 'caption')} of {of} had been written; they can be taken back." if done else ""
    return DatasetFault(
        "caption-not-written",
        f"{name_some([path])}: the caption cannot be written ({printable(error.strerror or error)}).{so_far}",
        f"Make {printable(path.parent)} writable, or make room on its disk.",
    )
