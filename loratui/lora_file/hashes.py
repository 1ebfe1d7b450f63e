"""The hashes by which tools and sites know a LoRA file, all read from the file as it is.

Knows bytes and the header; loads no weights into memory.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from loratui.lora_file.header import WINDOW_START, WINDOW_STOP, Header, file_legacy_hash, file_sha256, model_hash
from loratui.lora_file.header_bytes import header_bytes


@dataclass(frozen=True)
class FileHashes:
    """Hexadecimal digits, in lower case.

    Args:
        sha256: Of the whole file.
        model: kohya's `sshs_model_hash`: sha256 of the weights alone.
        legacy: kohya's `sshs_legacy_hash`; "" where it cannot be told from the file.
        auto_v1: The old 8 digits over 64 KiB at 1 MiB of the file as it is.
        recorded_legacy: What the metadata says that `legacy` is, or "".
    """

    sha256: str
    model: str
    legacy: str
    auto_v1: str
    recorded_legacy: str = ""

    @property
    def auto_v2(self) -> str:
        """Civitai's AutoV2: the file's first 10 digits."""
        return self.sha256[:10].upper()

    @property
    def short(self) -> str:
        """A1111's short hash, Civitai's AutoV3: the first 12 digits of the weights' hash."""
        return self.model[:12]


def file_hashes(path: Path, header: Header) -> FileHashes:
    """Return all hashes of the LoRA file at `path` whose header is `header`.

    Raises:
        LoraFileError: the file cannot be read.
    """
    return FileHashes(
        file_sha256(path),
        model_hash(path),
        _legacy(path, header),
        file_legacy_hash(path),
        header.metadata.get("sshs_legacy_hash", ""),
    )


def _legacy(path: Path, header: Header) -> str:
    """Hash the window at 1 MiB of the file as it would be with the `ss_*` metadata only.

    Only where that window lies behind the header, of which safetensors does not promise the order, is it certain.
    """
    metadata = {key: value for key, value in header.metadata.items() if key.startswith("ss_")}
    start = len(header_bytes(header.tensors, metadata, header.data_start))
    if start > WINDOW_START:
        return ""
    with open(path, "rb") as file:
        file.seek(header.data_start + WINDOW_START - start)
        return hashlib.sha256(file.read(WINDOW_STOP - WINDOW_START)).hexdigest()[:8]
