"""Writes a LoRA file tensor by tensor, so that one layer is in memory at a time, and whole or not at all.

Knows the container and kohya's two hashes of it. Tensors lie in the order of the safetensors library (larger types
first, then by name), so that the same tensors give the same `sshs_model_hash`, whoever wrote them.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from loratui.errors import LoraFileError
from loratui.lora_file.header import MAX_HEADER_BYTES, WINDOW_START, WINDOW_STOP, TensorInfo, legacy_hash
from loratui.lora_file.header_bytes import header_bytes
from loratui.lora_file.naming import SUFFIX, next_free
from loratui.lora_file.precisions import SIZES
from loratui.safe_text import printable
from loratui.whole_files import whole_file

MODEL_HASH, LEGACY_HASH = "sshs_model_hash", "sshs_legacy_hash"
# As the library's list of types runs, from the end.
_ORDER = ("I64", "F64", "F32", "I32", "BF16", "F16")


@dataclass(frozen=True)
class Piece:
    """A tensor to be written.

    Args:
        name: Its key.
        dtype: As safetensors spells it.
        shape: Its sizes.
        content: Gives its bytes; asked once, in the order of the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: Callable[[], bytes]

    @property
    def size(self) -> int:
        """Number of bytes."""
        return math.prod(self.shape) * SIZES[self.dtype]


def output_path(wanted: str | Path, sources: Iterable[Path], name: str | None = None, *, force: bool = False) -> Path:
    """Return where a file that was asked for as `wanted` goes: there, or where one is already, the next `-v2`.

    Args:
        wanted: A file, or the folder for it.
        sources: Files that are read for it, which it never replaces.
        name: What it is called in a folder; None where `wanted` must name a file.
        force: Replace another file of that name.

    Raises:
        LoraFileError: the folder is missing, the name cannot be a file's, or `force` would replace a source.
    """
    path = Path(wanted).expanduser()
    if path.is_dir():
        if name is None:
            raise LoraFileError(
                f"{printable(path)} is a folder.", f"Name the file too: --output {printable(path)}/NAME"
            )
        folder, stem = path, name
    elif str(wanted).endswith(os.sep):
        raise LoraFileError(f"There is no folder {printable(path)}.", "Create it, or choose another --output.")
    else:
        folder, stem = path.parent, path.name.removesuffix(SUFFIX)
    if not folder.is_dir():
        raise LoraFileError(f"There is no folder {printable(folder)}.", "Create it, or choose another --output.")
    path = folder / (next_free(folder, stem, force=force) + SUFFIX)
    if any(_is_same(path, source) for source in sources):
        raise LoraFileError(
            f"{printable(path)} is one of the files that are read; it is not replaced.",
            "Choose another --output, or leave --force out.",
        )
    return path


def write_lora(path: Path, pieces: Iterable[Piece], metadata: Mapping[str, str], *, hashed: bool = True) -> None:
    """Write the tensors `pieces` and `metadata` as the safetensors file `path`.

    Args:
        path: Where; a file that is there is replaced when the new one is complete.
        pieces: In any order.
        metadata: Without hashes of the file, or with old ones, which are renewed.
        hashed: Whether the file is to have kohya's hashes.

    Raises:
        LoraFileError: there is no room, or the file cannot be written.
    """
    ordered = sorted(pieces, key=lambda piece: (_ORDER.index(piece.dtype), piece.name))
    metadata = {key: text for key, text in metadata.items() if hashed or key not in (MODEL_HASH, LEGACY_HASH)}
    if hashed:  # of the right length: the true ones take this place
        metadata |= {MODEL_HASH: "0" * 64, LEGACY_HASH: "0" * 8}
    header = _header(ordered, metadata)
    if len(header) - 8 > MAX_HEADER_BYTES:
        raise LoraFileError(
            f"{printable(path.name)} would have more than {MAX_HEADER_BYTES // 10**6} MB of names and metadata.",
            "No tool reads that: leave out the file with the longest list of tags.",
        )
    try:
        _check_room(path, len(header) + sum(piece.size for piece in ordered))
        with whole_file(path) as file:
            file.write(header)
            of_weights = _ss_header(ordered, metadata) if hashed else b""
            hashes = _write_data(file, ordered, of_weights)
            if hashed:
                file.seek(0)
                file.write(_header(ordered, metadata | hashes))
    except OSError as error:
        raise LoraFileError(
            f"{printable(path)} could not be written: {error.strerror or error}.",
            "Check that its folder can be written and has room.",
        ) from error


def _is_same(path: Path, source: Path) -> bool:
    """Whether two paths are one file, under whatever name."""
    return path.exists() and source.exists() and path.samefile(source)


def _write_data(file: BinaryIO, pieces: Iterable[Piece], before: bytes) -> dict[str, str]:
    """Write the tensors and return kohya's hashes; `before` is the header that the older one of them supposes."""
    digest, window, position = hashlib.sha256(), bytearray(before[WINDOW_START:WINDOW_STOP]), len(before)
    for piece in pieces:
        data = piece.content()
        assert len(data) == piece.size, piece.name
        file.write(data)
        digest.update(data)
        window += data[max(WINDOW_START - position, 0) : max(WINDOW_STOP - position, 0)]
        position += len(data)
    # `legacy_hash` looks at 1 MiB, so what is before does not matter.
    return {MODEL_HASH: digest.hexdigest(), LEGACY_HASH: legacy_hash(bytes(WINDOW_START) + window)}


def _ss_header(pieces: Iterable[Piece], metadata: Mapping[str, str]) -> bytes:
    return _header(pieces, {key: text for key, text in metadata.items() if key.startswith("ss_")})


def _header(pieces: Iterable[Piece], metadata: Mapping[str, str]) -> bytes:
    tensors, position = {}, 0
    for piece in pieces:
        tensors[piece.name] = TensorInfo(piece.dtype, piece.shape, position, position + piece.size)
        position += piece.size
    return header_bytes(tensors, metadata)


def _check_room(path: Path, size: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise LoraFileError(
            f"{printable(path.name)} would have {size / 1e9:,.1f} GB; {free / 1e9:,.1f} GB are free there.",
            "Make room, or write it to another disk.",
        )
