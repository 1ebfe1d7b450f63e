"""Files that appear whole or not at all: written as a draft in the same folder, then renamed.

Knows bytes and permissions; what a file says, and how a person is told that a disk refuses, is the callers' matter.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(path: str | Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A draft to write into, which takes the place of `path` when the block ends well and is gone when it does not.

    A file that stood there keeps its permissions, a new one gets those that any new file gets. A hard link is parted:
    other names of the file keep the old content. So is a symbolic link; whoever wants the file behind it gives
    `os.path.realpath`.

    Args:
        path: The file; its folder is there.
        durable: Wait for the disk, so that after a power cut either the old or the new content is there.

    Raises:
        OSError: The folder cannot be written, or the disk is full; what stood there is as it was.
    """
    path = Path(path)
    mode = _mode(path)
    # The name keeps it out of the lists of other tools, and short where the file's own is as long as names may be.
    draft = path.parent / f".loratui-{secrets.token_hex(8)}.part"
    try:
        # Not by tempfile, whose files nobody else can read, a web server's user included.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o666 if mode is None else mode & 0o777)
        with open(descriptor, "wb") as file:
            if mode is not None:
                with contextlib.suppress(OSError):  # exFAT and CIFS have no permissions to keep
                    os.fchmod(descriptor, mode)
            yield file
            file.flush()
            if durable:
                os.fsync(descriptor)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def write_whole(path: str | Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write a file of which all is known; text in UTF-8. The rest is as with `whole_file`."""
    with whole_file(path, durable=durable) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def _mode(path: Path) -> int | None:
    """The permissions of the file at `path`; None where none is, or something else."""
    try:
        found = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) else None
