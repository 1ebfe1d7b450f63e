"""Files made to do harm, given to what applies LoRAs and loads bases: each ends in a sentence, in little memory."""

import contextlib
import json
import math
import resource
import struct
import time
from pathlib import Path

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_loading import attach_lora
from loratui.errors import BaseModelError, LoraFileError
from loratui.profile.schema import Model

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
WIDTH = 16
BITS = {
    "BOOL": 8, "I8": 8, "U8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
    "I16": 16, "U16": 16, "I32": 32, "U32": 32, "I64": 64, "U64": 64, "C64": 64, "F16": 16,
}  # fmt: skip
HOSTILE = {
    "a pickle": b"\x80\x04\x95" + bytes(60),
    "a zip": b"PK\x03\x04" + bytes(60),
    "a huge length": struct.pack("<Q", 2**63 - 1) + b"{}",
    "deep lists": struct.pack("<Q", 50_005) + b'{"a":' + b"[" * 50_000,
    "deep tables": struct.pack("<Q", 250_000) + b'{"a":' * 50_000,
    "one name twice": struct.pack("<Q", 15) + b'{"a": 1,"a": 2}',
    "nothing": b"",
}


def write(path: Path, tensors: dict[str, tuple[str, list[int]]]) -> Path:
    """A file of zeros that takes no room on the disk."""
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = math.prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path


def factors(rank: int, dtype: str = "F16", *, wide: int = WIDTH) -> dict[str, tuple[str, list[int]]]:
    return {f"{KEY}.lora_down.weight": (dtype, [rank, wide]), f"{KEY}.lora_up.weight": (dtype, [wide, rank])}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_safetensors_file_is_refused_as_lora_as_base_and_as_vae(
    base: BaseModel, tiny_base_directory: Path, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(HOSTILE[what])
    with pytest.raises(LoraFileError):
        attach_lora(base, path)
    for settings in (Model(base=str(path)), Model(base=str(tiny_base_directory), vae=str(path))):
        with pytest.raises(BaseModelError):
            load_base(settings, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize("dtype", [dtype for dtype in BITS if dtype != "F16"])
def test_factors_that_are_no_plain_numbers_are_refused_for_that(base: BaseModel, tmp_path: Path, dtype: str) -> None:
    path = write(tmp_path / "x.safetensors", factors(4, dtype))
    with pytest.raises(LoraFileError, match=dtype):
        attach_lora(base, path)


@pytest.mark.parametrize("dtype", ["F6_E2M3", "F4", "C64"])
def test_what_lies_beside_the_factors_cannot_raise_anything_else(base: BaseModel, tmp_path: Path, dtype: str) -> None:
    beside = {"bundle_emb.emi.string_to_param.*": (dtype, [4, WIDTH])}
    path = write(tmp_path / "x.safetensors", {**factors(4), **beside})
    with contextlib.suppress(LoraFileError):
        attach_lora(base, path).detach()


def test_a_sparse_file_of_a_huge_rank_costs_nothing(base: BaseModel, tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", factors(2**23))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(LoraFileError, match="rank 8,388,608"):
        attach_lora(base, path)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100_000_000
    assert time.monotonic() - began < 5


def test_what_does_not_fit_is_refused_before_any_of_it_is_read(base: BaseModel, tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", factors(4, wide=2**24))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LoraFileError, match="another size"):
        attach_lora(base, path)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100_000_000


def test_a_rank_larger_than_the_layer_is_applied(base: BaseModel, tmp_path: Path) -> None:
    with attach_lora(base, write(tmp_path / "x.safetensors", factors(1024))) as lora:
        assert lora.layers == 1
