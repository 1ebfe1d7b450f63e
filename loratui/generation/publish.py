"""Files that appear whole or not at all: written beside their place, then renamed.

Knows nothing of pictures or JSON; the caller says how the bytes are written.
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from loratui.errors import GenerationError
from loratui.safe_text import printable


def publish(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file through `write`, then rename it to `path`; what stood there is replaced.

    Raises:
        GenerationError: the disk is full or the folder cannot be written; nothing half-written is left.
    """
    partial = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as stream:
            write(stream)
        os.replace(partial, path)
    except OSError as error:
        raise GenerationError(
            f"{printable(path)} could not be written: {error.strerror or error}.",
            "Free some disk space, or check that the folder can be written to.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
