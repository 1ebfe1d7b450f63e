"""Files that a comparison or a preview puts in place: whole or not at all, and a refusal in words.

Knows nothing of pictures or JSON; the caller says how the bytes are written.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from loratui.errors import GenerationError
from loratui.safe_text import printable
from loratui.whole_files import whole_file


def publish(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file through `write`; what stood there is replaced.

    Raises:
        GenerationError: the disk is full or the folder cannot be written; nothing half-written is left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, durable=False) as stream:
            write(stream)
    except OSError as error:
        raise GenerationError(
            f"{printable(path)} could not be written: {error.strerror or error}.",
            "Free some disk space, or check that the folder can be written to.",
        ) from error
