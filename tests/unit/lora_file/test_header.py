import hashlib
import os
import random
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from loratui.errors import LoraFileError
from loratui.lora_file.header import (
    TensorInfo,
    file_legacy_hash,
    file_sha256,
    legacy_hash,
    model_hash,
    read_header,
)


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(LoraFileError) as caught:
        read_header(path)
    assert caught.value.todo
    return caught.value.what


def tensor(shape: Any = (2,), offsets: Any = (0, 4), dtype: Any = "F16") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "emi.safetensors"


def test_a_file_of_the_safetensors_library_is_read(path: Path) -> None:
    arrays = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.array(4, np.float16),
        "empty": np.zeros((0, 4), np.int8),
    }
    save_file(arrays, path, {"ss_output_name": "emí"})

    header = read_header(path)

    assert header.metadata == {"ss_output_name": "emí"}
    assert {name: (info.dtype, info.shape) for name, info in header.tensors.items()} == {
        "a": ("F16", ()),
        "b": ("F32", (2, 3)),
        "empty": ("I8", (0, 4)),
    }
    content, position = path.read_bytes(), header.tensors["b"]
    assert np.frombuffer(content[position.start : position.stop], "<f4").tolist() == [0, 1, 2, 3, 4, 5]
    assert header.size == len(content)


def test_positions_are_those_of_the_file(path: Path, craft: Any) -> None:
    path.write_bytes(craft.file_of({"a": ("F16", [1], b"ab"), "b": ("U8", [2], b"cd")}))
    header = read_header(path)
    start = header.data_start
    assert header.tensors == {
        "a": TensorInfo("F16", (1,), start, start + 2),
        "b": TensorInfo("U8", (2,), start + 2, start + 4),
    }


def test_a_file_without_tensors_is_still_a_file(path: Path, craft: Any) -> None:
    path.write_bytes(craft.described({"__metadata__": {"a": "b"}}))
    assert dict(read_header(path).metadata) == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is empty"),
        (b"abc", "not a safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "web page"),
        (b"\n <html>" + b" " * 99, "web page"),
        (b"\x80\x02}q\x00(X\x05\x00\x00\x00stateq\x01" + bytes(50), "Python pickle"),
        (b'{"error": "Repository not found"}', "JSON text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "picture"),
        (bytes(64), "damaged"),
    ],
)
def test_what_is_something_else_is_named(path: Path, content: bytes, named: str) -> None:
    assert named in refusal(path, content)


def test_a_torch_archive_is_named(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 2000)
    assert "zip archive or a PyTorch pickle" in refusal(path, path.read_bytes())


def test_a_file_cut_off_says_how_much_is_there(path: Path, craft: Any) -> None:
    whole = craft.file_of({"a": ("U8", [37_000_000], bytes(37_000_000))})
    assert "cut off: 12 of 37 MB are there" in refusal(path, whole[:12_500_000])
    assert "table of contents is incomplete" in refusal(path, whole[:30])
    assert "cut off: 37,000,0" in refusal(path, whole[:-1])


def test_bytes_after_the_last_tensor_are_refused(path: Path, craft: Any) -> None:
    assert "5 bytes follow" in refusal(path, craft.file_of({"a": ("U8", [2], b"ab")}) + b"extra")


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ({"a": tensor((2,), (0, 5))}, "contradict"),
        ({"a": tensor((3,), (0, 4))}, "contradict"),
        ({"a": tensor((2,), (4, 0))}, "contradict"),
        ({"a": tensor((-2,), (0, 4))}, "list of sizes"),
        ({"a": tensor((2.0,), (0, 4))}, "list of sizes"),
        ({"a": tensor((True, 2), (0, 4))}, "list of sizes"),
        ({"a": tensor("2", (0, 4))}, "list of sizes"),
        ({"a": tensor((2**62, 2**62), (0, 4))}, "impossibly large"),
        ({"a": tensor((2**40, 0), (0, 4))}, "contradict"),
        ({"a": tensor((2,), (0, 4, 8))}, "pair of offsets"),
        ({"a": tensor((2,), (0, "4"))}, "pair of offsets"),
        ({"a": tensor((2,), (-4, 0))}, "pair of offsets"),
        ({"a": tensor(dtype="F17")}, "unknown type"),
        ({"a": tensor(dtype=["F16"])}, "unknown type"),
        ({"a": 7}, "no description"),
        ({"a": tensor(), "b": tensor((2,), (2, 6))}, "overlaps"),
        ({"a": tensor(), "b": tensor()}, "overlaps"),
        ({"a": tensor(), "b": tensor((1,), (6, 8))}, "follows a hole"),
        ({"a": tensor((2,), (4, 8))}, "follows a hole"),
        ({"__metadata__": ["a"]}, "table of texts"),
        ({"__metadata__": {"a": 1}}, "table of texts"),
        ({"__metadata__": {"a": {"b": "c"}}}, "table of texts"),
        ({"__metadata__": {"a": "\ud800"}}, "surrogate"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(path: Path, craft: Any, entries: Any, fault: str) -> None:
    assert fault in refusal(path, craft.described(entries, bytes(8)))


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"__metadata__": {"a": "1", "a": "2"}}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": ', "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
    ],
)
def test_a_header_that_is_no_clean_json_is_refused(path: Path, craft: Any, header: bytes, fault: str) -> None:
    assert fault in refusal(path, craft.framed(header))


def test_a_length_beyond_every_limit_is_not_believed(path: Path) -> None:
    assert "not a safetensors file" in refusal(path, struct.pack("<Q", 2**63) + b"{}" + bytes(100))
    assert "not a safetensors file" in refusal(path, struct.pack("<Q", 100_000_001) + b"{}" + bytes(100))


def test_names_in_a_message_cannot_steer_the_terminal(path: Path, craft: Any) -> None:
    assert "\x1b" not in refusal(path, craft.described({"\x1b[2Ja": tensor(dtype="\x1b")}))


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name, what in [("pipe.safetensors", "no regular file"), ("", "a directory"), ("absent", "There is no file")]:
        with pytest.raises(LoraFileError, match=what):
            read_header(tmp_path / name)


def test_model_hash_covers_the_data_alone(tmp_path: Path, craft: Any) -> None:
    tensors = {"a": ("U8", [3], b"abc")}
    for name, metadata in [("one", {"a": "b"}), ("two", {"a": "something longer"})]:
        (tmp_path / name).write_bytes(craft.file_of(tensors, metadata))
    assert model_hash(tmp_path / "one") == model_hash(tmp_path / "two") == hashlib.sha256(b"abc").hexdigest()
    assert file_sha256(tmp_path / "one") == hashlib.sha256((tmp_path / "one").read_bytes()).hexdigest()
    assert file_sha256(tmp_path / "one") != file_sha256(tmp_path / "two")


def test_legacy_hash_covers_64_kib_at_one_mib(path: Path) -> None:
    data = random.Random(1).randbytes(0x120000)
    path.write_bytes(data)
    assert legacy_hash(data) == hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8] == file_legacy_hash(path)
    assert legacy_hash(b"short") == "e3b0c442"  # of nothing, as kohya has it for small files


def test_a_missing_file_cannot_be_hashed(tmp_path: Path) -> None:
    for hashed in (file_sha256, file_legacy_hash, model_hash):
        with pytest.raises(LoraFileError):
            hashed(tmp_path / "absent")


def mutated(seed: bytes, draw: random.Random) -> bytes:
    content = bytearray(seed)
    words = [
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"-1",
        b"1e9",
        b"99999999999999999999",
        b"null",
        b"true",
        b"\xff",
        b"\\ud800",
    ]
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(content) + 1)
        match draw.randrange(5):
            case 0:
                content[at : at + draw.randint(1, 9)] = draw.randbytes(draw.randint(0, 9))
            case 1:
                content[at:at] = draw.choice(words)
            case 2:
                del content[at:]
            case 3:
                content[at : at + 1] = bytes([content[at] ^ 1 << draw.randrange(8)]) if at < len(content) else b"x"
            case _:
                content[:8] = struct.pack("<Q", draw.choice([0, 1, len(content), 2**31, 10**8, 2**40, 2**64 - 1]))
        if draw.random() < 0.6 and len(content) > 8:  # let the damage be found behind the length, too
            content[:8] = struct.pack("<Q", max(0, min(len(content) - 8, int.from_bytes(seed[:8], "little"))))
    return bytes(content)


def test_damage_of_any_kind_ends_in_a_lora_file_error(path: Path, craft: Any) -> None:
    keys = ["lora_unet_mid_block_attentions_0_proj_in", "lora_te_text_model_encoder_layers_0_mlp_fc1"]
    seed = craft.file_of(craft.lora_of(*keys, rank=1, width=3), {"ss_network_dim": "1", "ss_tag_frequency": "{}"})
    draw, refused, began = random.Random(20_240), 0, time.monotonic()
    tracemalloc.start()
    try:
        for _ in range(3_000):
            path.write_bytes(mutated(seed, draw))
            try:
                header = read_header(path)
            except LoraFileError:
                refused += 1
            else:
                assert all(info.stop <= header.size for info in header.tensors.values())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 2_000 < refused < 3_000
    assert peak < 4_000_000
    assert time.monotonic() - began < 30
