"""Opening files that strangers named: only regular ones, and never waiting for one.

A pipe named `1.png` would block the opener for ever; a device could answer without end.
"""

import os
import stat
from io import BufferedReader
from pathlib import Path

from loratui.dataset.problems import DatasetFault
from loratui.safe_text import printable

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path) -> BufferedReader:
    """Open `path` for reading if it is a regular file or a link to one; close it as any file.

    Raises:
        DatasetFault: "not-a-file" (says what it is), "broken-link" or "unreadable-file".
    """
    name = printable(path.name)
    try:
        _refuse_irregular(name, os.stat(path).st_mode)
        # Looked at again once open: the name may have changed hands in between, and non-blocking keeps that harmless.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        if path.is_symlink() and not os.path.exists(path):
            raise DatasetFault(
                "broken-link",
                f"{name}: the link leads nowhere.",
                "Bring back the file that it points to, or delete the link.",
            ) from error
        raise DatasetFault(
            "unreadable-file",
            f"{name}: the file cannot be opened ({printable(error.strerror or error)}).",
            "Check that the file is still there and that you may read it.",
        ) from error
    try:
        _refuse_irregular(name, os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _refuse_irregular(name: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise DatasetFault("not-a-file", f"{name}: this is {kind}, not a file.", "Rename it or move it away.")
