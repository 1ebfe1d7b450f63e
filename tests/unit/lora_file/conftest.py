"""Safetensors files made by hand, byte by byte: valid ones and ones that no library would write."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import pytest

Tensors = Mapping[str, tuple[str, list[int], bytes]]


class Craft:
    """Makes the bytes of files."""

    @staticmethod
    def framed(header: bytes, data: bytes = b"") -> bytes:
        """Put the length before a header of any kind and data behind it."""
        return struct.pack("<Q", len(header)) + header + data

    @staticmethod
    def described(entries: Mapping[str, Any], data: bytes = b"") -> bytes:
        """A file whose header is any JSON table."""
        return Craft.framed(json.dumps(entries).encode(), data)

    @staticmethod
    def file_of(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
        """A valid file of tensors, each (type, shape, bytes)."""
        entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata is not None else {}
        position, data = 0, b""
        for name, (dtype, shape, content) in tensors.items():
            entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(content)]}
            position += len(content)
            data += content
        return Craft.described(entries, data)

    @staticmethod
    def lora_of(
        *keys: str, rank: int = 4, width: int = 768, alpha: tuple[str, bytes] | None = ("F16", struct.pack("<e", 2.0))
    ) -> dict[str, tuple[str, list[int], bytes]]:
        """The tensors of linear modules with zero weights in half precision."""
        tensors: dict[str, tuple[str, list[int], bytes]] = {}
        for key in keys:
            if alpha:
                tensors[f"{key}.alpha"] = (alpha[0], [], alpha[1])
            tensors[f"{key}.lora_down.weight"] = ("F16", [rank, width], bytes(2 * rank * width))
            tensors[f"{key}.lora_up.weight"] = ("F16", [8, rank], bytes(2 * 8 * rank))
        return tensors


@pytest.fixture(scope="session")
def craft() -> type[Craft]:
    """What makes safetensors files."""
    return Craft
