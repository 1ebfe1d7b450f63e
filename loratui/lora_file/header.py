"""Reads the header of a safetensors file that may come from anywhere, and trusts nothing in it.

Knows the container (https://github.com/huggingface/safetensors#format), not what its tensors mean. Tensor data is
never loaded, only hashed. Every refusal is one `LoraFileError` that says what the file is, or where it is broken.
"""

import difflib
import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from loratui.errors import LoraFileError
from loratui.lora_file.other_files import other_file
from loratui.safe_text import printable

# The library's own limit. Texts may fill it, as tags of a large data set do, but not lists and tables: each of their
# entries costs a hundred times its bytes in memory, and the largest models have some ten thousand.
MAX_HEADER_BYTES = 100_000_000
_MAX_TOKENS = 2_000_000
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[,\[{]', re.DOTALL)
_MAX_ELEMENTS = 2**63 - 1

# Bits per element of every type that safetensors 0.8 knows.
_BITS = {
    **dict.fromkeys(["F64", "I64", "U64", "C64"], 64),
    **dict.fromkeys(["F32", "I32", "U32"], 32),
    **dict.fromkeys(["F16", "BF16", "I16", "U16"], 16),
    **dict.fromkeys(["BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"], 8),
    **dict.fromkeys(["F6_E2M3", "F6_E3M2"], 6),
    "F4": 4,
}

_DOWNLOAD_AGAIN = "Download or copy it again."
# Likeness to thousands of names would be felt.
_MOST_COMPARED = 500
_EXPECTED = "A LoRA file here is a .safetensors file as kohya's tools and loratui write it."
# What the older of kohya's hashes looks at: 64 KiB at 1 MiB.
WINDOW_START, WINDOW_STOP = 0x100000, 0x110000


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies: its type as safetensors spells it, its shape, and the bytes start … stop of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """What a file says of itself; `data_start` is the first byte after the header."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorInfo]
    data_start: int
    size: int


class _Refused(Exception):
    """A reason, in words that follow “… is damaged: ”."""


def read_header(path: str | Path) -> Header:
    """Return the checked header of the safetensors file at `path`.

    Raises:
        LoraFileError: the file is missing, is something else, is cut off, or contradicts itself.
    """
    name = printable(path)
    try:
        # A pipe named like a model would block in open().
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise LoraFileError(f"{name} is {'a directory' if os.path.isdir(path) else 'no regular file'}.", _EXPECTED)
        with open(path, "rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size, name)
    except FileNotFoundError:
        raise LoraFileError(f"There is no file {name}.", _instead_of(Path(path))) from None
    except OSError as error:
        raise LoraFileError(
            f"{name} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error


def _instead_of(path: Path) -> str:
    """What a person may have meant by a path where nothing is."""
    whole = path.parent / f"{path.name}.safetensors"
    try:
        if whole.is_file():
            return f"Did you mean {printable(whole)}?"
        present = [file.name for file in islice(path.parent.glob("*.safetensors"), _MOST_COMPARED)]
    except OSError:
        present = []
    near = difflib.get_close_matches(path.name, present, n=1)
    return f"Did you mean {printable(path.parent / near[0])}?" if near else "Check the path."


def model_hash(path: str | Path) -> str:
    """Return `sshs_model_hash`: the sha256 of everything after the header, so that edited metadata changes nothing.

    Raises:
        LoraFileError: as `read_header`.
    """
    start = read_header(path).data_start
    with open(path, "rb") as file:
        file.seek(start)
        return hashlib.file_digest(file, "sha256").hexdigest()


def legacy_hash(data: bytes) -> str:
    """Return `sshs_legacy_hash`: 8 digits of the sha256 over 64 KiB at 1 MiB of the file with `ss_*` metadata only."""
    return hashlib.sha256(data[WINDOW_START:WINDOW_STOP]).hexdigest()[:8]


def file_sha256(path: str | Path) -> str:
    """Return the sha256 of a whole file, as hexadecimal digits.

    Raises:
        LoraFileError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LoraFileError(f"{printable(path)} cannot be read: {error.strerror}.") from error


def file_legacy_hash(path: str | Path) -> str:
    """Return 8 digits of the sha256 over 64 KiB at 1 MiB of any file: kohya's `ss_sd_model_hash` of a base.

    Raises:
        LoraFileError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            file.seek(WINDOW_START)
            return hashlib.sha256(file.read(WINDOW_STOP - WINDOW_START)).hexdigest()[:8]
    except OSError as error:
        raise LoraFileError(f"{printable(path)} cannot be read: {error.strerror}.") from error


def _read(file: BinaryIO, size: int, name: str) -> Header:
    opening = file.read(512)
    length = int.from_bytes(opening[:8], "little")
    if size < 8 or length > MAX_HEADER_BYTES or (length > size - 8 and opening[8:9] != b"{"):
        what, todo = other_file(opening)
        raise LoraFileError(f"{name} is {what}.", todo or _EXPECTED)
    if length > size - 8:
        raise LoraFileError(
            f"{name} is cut off: {_amount(size, 8 + length)} are there, and even its table of contents is incomplete.",
            _DOWNLOAD_AGAIN,
        )
    file.seek(8)
    text = file.read(length)
    data_start = 8 + length
    try:
        metadata, tensors = _parse(text, data_start)
        end = _check_layout(tensors, data_start)
    except _Refused as refusal:
        raise LoraFileError(f"{name} is damaged: {refusal}.", _DOWNLOAD_AGAIN) from None
    if end > size:
        raise LoraFileError(f"{name} is cut off: {_amount(size, end)} are there.", _DOWNLOAD_AGAIN)
    if end < size:
        raise LoraFileError(
            f"{name} is damaged: {size - end} bytes follow its last tensor and belong to nothing.", _DOWNLOAD_AGAIN
        )
    return Header(metadata, tensors, data_start, size)


def _parse(text: bytes, data_start: int) -> tuple[dict[str, str], dict[str, TensorInfo]]:
    if not text.startswith(b"{"):
        raise _Refused("its header is not a JSON object")
    _check_amount(text)
    try:
        entries = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _Refused("its header is not UTF-8") from None
    except RecursionError:
        raise _Refused("its header is nested too deeply") from None
    except ValueError:
        raise _Refused("its header is not valid JSON") from None
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _Refused("its metadata is not a table of texts")
    if not _encodable([*entries, *metadata, *metadata.values()]):
        raise _Refused("its header holds half of a surrogate pair")
    return metadata, {name: _tensor(name, entry, data_start) for name, entry in entries.items()}


def _check_amount(text: bytes) -> None:
    """Refuse more entries than memory is worth, before any is made."""
    if next(islice(_TOKENS.finditer(text), _MAX_TOKENS, None), None):
        raise _Refused("its header lists more than any model has")


def _tensor(name: str, entry: object, data_start: int) -> TensorInfo:
    shown = printable(name)[:120]
    if not isinstance(entry, dict):
        raise _Refused(f"tensor “{shown}” has no description")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise _Refused(f"tensor “{shown}” has an unknown type, {printable(repr(dtype))[:40]}")
    if not isinstance(shape, list) or not all(_is_count(dimension) for dimension in shape):
        raise _Refused(f"the shape of tensor “{shown}” is not a list of sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_count(offset) for offset in offsets):
        raise _Refused(f"the position of tensor “{shown}” is not a pair of offsets")
    elements = 1
    for dimension in shape:
        elements *= dimension
        if elements > _MAX_ELEMENTS:
            raise _Refused(f"the shape of tensor “{shown}” is impossibly large")
    start, stop = offsets
    if start > stop or (stop - start) * 8 != elements * _BITS[dtype]:
        raise _Refused(f"the shape and the size of tensor “{shown}” contradict each other")
    return TensorInfo(dtype, tuple(shape), data_start + start, data_start + stop)


def _check_layout(tensors: Mapping[str, TensorInfo], data_start: int) -> int:
    """Return where the last tensor ends, having seen that they follow one another without overlap or hole."""
    end = data_start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
        if tensor.start != end:
            fault = "overlaps its neighbour" if tensor.start < end else "follows a hole"
            raise _Refused(f"tensor “{printable(name)[:120]}” {fault}")
        end = tensor.stop
    return end


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise _Refused("its header names something twice")
    return table


def _no_constant(constant: str) -> NoReturn:
    raise _Refused(f"its header holds {constant}, which is no JSON")


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_ELEMENTS


def _encodable(texts: list[str]) -> bool:
    try:
        for text in texts:
            text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _amount(present: int, whole: int) -> str:
    for unit, name in ((1_000_000, "MB"), (1_000, "kB")):
        if whole >= 10 * unit and present // unit != whole // unit:
            return f"{present // unit} of {whole // unit} {name}"
    return f"{present:,} of {whole:,} bytes"
