"""Files made to do harm, given to everything that reads them: each ends in a sentence, soon and in little memory."""

import contextlib
import json
import os
import random
import re
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loratui.errors import LoraFileError
from loratui.lora_file.converting import convert_lora
from loratui.lora_file.header import read_header
from loratui.lora_file.inspect import summarise
from loratui.lora_file.layouts import read_layout
from loratui.lora_file.merging import merge_loras, read_ingredient
from loratui.lora_file.module_paths import module_path
from loratui.lora_file.modules import read_lora
from loratui.lora_file.naming import Component

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
Reader = Callable[[Path], object]
READERS: dict[str, Reader] = {
    "inspect": summarise,
    "to diffusers": lambda path: convert_lora(path, "diffusers", path.with_name("out"), force=True),
    "to kohya": lambda path: convert_lora(path, "kohya", path.with_name("out"), force=True),
    "merge": lambda path: merge_loras([read_ingredient(f"{path}:0.7")] * 2, path.with_name("out"), force=True),
    "cut": lambda path: merge_loras([read_ingredient(str(path))], path.with_name("out"), rank=1, force=True),
}

# Alphabets near to what is meant, so that more than the first check is reached.
SCRAPS = st.sampled_from(
    re.split(
        " ",
        "lora_unet_ lora_te_ lora_te2_ unet. text_encoder. base_model.model. down_blocks_0_ input_blocks_4_1_ to_q "
        "out_2 attn1.processor.to_q_lora .lora_down.weight .lora_A.default.weight .alpha .up _0 ٣ \x1b[2J \x00 "
        ".hada_w1_a .dora_scale bundle_emb. 999999999999999999999 _ .. /",
    )
)
COMPONENTS: tuple[Component, ...] = ("unet", "text_encoder")
NAMES = st.lists(st.one_of(SCRAPS, st.text(max_size=5)), max_size=8).map("".join)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
RELAXED = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(st.lists(NAMES, max_size=12))
@RELAXED
def test_names_of_any_kind_are_read_and_none_is_lost(names: list[str]) -> None:
    layout = read_layout(names)
    told = [key for module in layout.modules for key in module.parts.values()]
    told += [key for keys in layout.unsupported.values() for key in keys] + list(layout.foreign)
    assert sorted(told) == sorted(names)


@given(NAMES)
@RELAXED
def test_a_path_is_plain_and_spelled_again_gives_itself(name: str) -> None:
    for component in COMPONENTS:
        path = module_path(component, name)
        if path is not None:
            assert all(re.fullmatch("[a-z0-9_]+", part) for part in path.split("."))
            assert module_path(component, path.replace(".", "_")) == path


@given(st.dictionaries(st.one_of(st.just("__metadata__"), NAMES), JSON, max_size=4), st.binary(max_size=16))
@RELAXED
def test_a_header_of_any_json_is_refused_or_true(tmp_path: Path, entries: dict[str, Any], data: bytes) -> None:
    text = json.dumps(entries).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    said = ""
    try:
        header = read_header(path)
    except LoraFileError as error:
        said = str(error)
    else:
        assert all(info.stop <= header.size for info in header.tensors.values())
    assert "\x1b" not in said


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [KEY, f"{KEY}_", "unet.mid_block.attentions.0.proj_in", "lora_te_text_model_encoder_layers_0_x"]
            ),
            st.sampled_from(["lora_down.weight", "lora_up.weight", "lora_A.weight", "lora_B.weight", "alpha", "diff"]),
            st.sampled_from(["F16", "BF16", "F32", "F64", "I8", "I64", "BOOL", "F8_E4M3"]),
            st.lists(st.integers(0, 3), max_size=4),
            st.sampled_from([b"\0", b"\xff", b"\x7c", b"\x3c"]),
        ),
        max_size=6,
    ),
    st.dictionaries(
        st.sampled_from(["lora_adapter_metadata", "loratui_kohya", "ss_tag_frequency", "ss_v2"]), JSON.map(json.dumps)
    ),
)
@RELAXED
def test_tensors_of_any_form_are_used_or_refused(
    tmp_path: Path, craft: Any, tensors: list[tuple[str, str, str, list[int], bytes]], metadata: dict[str, str]
) -> None:
    bits = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I8": 1, "I64": 8, "BOOL": 1, "F8_E4M3": 1}
    whole = {}
    for key, part, dtype, shape, fill in tensors:
        count = bits[dtype]
        for side in shape:
            count *= side
        whole[f"{key}.{part}"] = (dtype, shape, fill * count)
    path = tmp_path / "x.safetensors"
    path.write_bytes(craft.file_of(whole, metadata))
    for read in READERS.values():
        with contextlib.suppress(LoraFileError):
            read(path)
        assert {entry.name for entry in tmp_path.iterdir()} <= {"x.safetensors", "out.safetensors"}


def test_bytes_changed_at_random_end_in_a_sentence(tmp_path: Path, craft: Any) -> None:
    path = tmp_path / "x.safetensors"
    whole = craft.file_of(
        craft.lora_of(KEY, "lora_te_text_model_encoder_layers_0_mlp_fc1", rank=2, width=4), {"ss_network_dim": "2"}
    )
    length = 8 + int.from_bytes(whole[:8], "little")
    draw, refused = random.Random(7), 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(8, length) if draw.random() < 0.8 else draw.randrange(len(content))
            content[at] = draw.choice(b'0123456789"[]{},:FIB_.\xff') if at < length else draw.randrange(256)
        path.write_bytes(content)
        for read in READERS.values():
            try:
                read(path)
            except LoraFileError:
                refused += 1
    assert refused > 400


def deep(kind: str) -> bytes:
    return {"lists": b"[" * 50_000, "tables": b'{"a":' * 50_000}[kind]


HOSTILE = {
    "a pickle": b"\x80\x04\x95" + bytes(60),
    "a zip": b"PK\x03\x04" + bytes(60),
    "a huge length": struct.pack("<Q", 2**63 - 1) + b"{}",
    "deep lists": struct.pack("<Q", 50_005) + b'{"a":' + deep("lists"),
    "deep tables": struct.pack("<Q", 250_000) + deep("tables"),
    "one name twice": struct.pack("<Q", 15) + b'{"a": 1,"a": 2}',
    "not a number": struct.pack("<Q", 8) + b'{"a":NaN' + b"}",
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_lora_is_refused_by_every_reader(tmp_path: Path, what: str, reader: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(HOSTILE[what])
    with pytest.raises(LoraFileError):
        READERS[reader](path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("elements", [2**20, 2**28 + 1, 2**38])
def test_a_sparse_file_that_claims_gigabytes_costs_nothing(tmp_path: Path, reader: str, elements: int) -> None:
    header = {
        f"{KEY}.lora_down.weight": {"dtype": "F16", "shape": [1, elements], "data_offsets": [0, 2 * elements]},
        f"{KEY}.lora_up.weight": {"dtype": "F16", "shape": [1, 1], "data_offsets": [2 * elements, 2 * elements + 2]},
    }
    text = json.dumps(header).encode()
    path = tmp_path / "x.safetensors"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        try:
            file.truncate(8 + len(text) + 2 * elements + 2)
        except OSError:
            pytest.skip("the disk has no sparse files of this size")
    began = time.monotonic()
    tracemalloc.start()
    try:
        if elements == 2**20 or (elements == 2**28 + 1 and reader == "inspect"):
            READERS[reader](path)
        else:
            with pytest.raises(LoraFileError, match="GB"):
                READERS[reader](path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150_000_000
    assert time.monotonic() - began < 20


# Beginning, what is repeated, end.
CROWDED = {
    "lists": (b'{"a":[', b"[],", b"[]]}"),
    "texts": (b'{"__metadata__":{"a":"', b'",', b'"}}'),
    "tags": (b'{"__metadata__":{"a":"', b",{[", b'"}}'),
}
MEASURED = """
import resource, struct, sys
from loratui.lora_file.modules import read_lora
from loratui.errors import LoraFileError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_lora(sys.argv[1])
except LoraFileError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize("kind", CROWDED)
def test_a_header_as_long_as_is_allowed_costs_a_small_multiple_of_its_length(tmp_path: Path, kind: str) -> None:
    head, repeated, tail = CROWDED[kind]
    text = head + repeated * (95_000_000 // len(repeated)) + tail
    path = tmp_path / "x.safetensors"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
    length = len(text)
    del text
    began = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True, env=os.environ
    )
    assert int(told.stdout) < 4 * length
    assert time.monotonic() - began < 30


def test_as_many_modules_and_patterns_as_a_header_may_hold_take_seconds(tmp_path: Path) -> None:
    places = [0, 0]
    entries: dict[str, Any] = {}
    for number in range(10_000):
        key = f"unet.down_blocks.{number}.x"
        entries[f"{key}.lora_A.weight"] = {"dtype": "F16", "shape": [1, 0], "data_offsets": places}
        entries[f"{key}.lora_B.weight"] = {"dtype": "F16", "shape": [0, 1], "data_offsets": places}
    patterns = {f"down_blocks.{number}.x": number for number in range(10_000)}
    entries["__metadata__"] = {"lora_adapter_metadata": json.dumps({"unet.alpha_pattern": patterns})}
    text = json.dumps(entries).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    began = time.monotonic()
    modules = read_lora(path).modules
    assert [module.alpha for module in modules] == list(range(10_000))
    assert time.monotonic() - began < 15  # compared pair by pair it would be minutes
