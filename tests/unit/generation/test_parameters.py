import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from loratui.errors import GenerationError
from loratui.generation.parameters import Parameters, write_png

PARAMETERS = Parameters(
    prompt="Emi, smile <lora:emi:0.8>",
    negative_prompt="bad hands",
    steps=20,
    sampler="Euler a",
    guidance=7.0,
    seed=7,
    width=512,
    height=768,
    model="sd15",
    model_hash="0123456789abcdef",
    lora_hashes=(("emi", "f" * 64), ("other", "a" * 64)),
)


def test_the_chunk_is_a1111s() -> None:
    assert PARAMETERS.text() == (
        "Emi, smile <lora:emi:0.8>\n"
        "Negative prompt: bad hands\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 7, Size: 512x768, Model hash: 0123456789, Model: sd15, "
        'Lora hashes: "emi: ffffffffffff, other: aaaaaaaaaaaa"'
    )


def test_what_is_not_there_is_left_out() -> None:
    bare = replace(PARAMETERS, prompt="Emi", negative_prompt="", model_hash="", lora_hashes=(), guidance=4.5)
    assert bare.text() == "Emi\nSteps: 20, Sampler: Euler a, CFG scale: 4.5, Seed: 7, Size: 512x768, Model: sd15"


def test_clip_skip_is_said_when_it_skips() -> None:
    assert "Model: sd15, Clip skip: 2, Lora hashes" in replace(PARAMETERS, clip_skip=2).text()


def test_a_name_that_would_break_the_line_is_quoted() -> None:
    assert 'Model: "a, b: \\"c\\"", Lora' in replace(PARAMETERS, model='a, b: "c"').text()


def test_a1111s_own_expression_finds_every_value() -> None:
    line = replace(PARAMETERS, model="odd, name", clip_skip=2).text().splitlines()[-1]
    # modules/infotext_utils.py: re_param_code
    pairs = dict(re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', line))
    assert json.loads(pairs["Lora hashes"]) == "emi: ffffffffffff, other: aaaaaaaaaaaa"
    assert json.loads(pairs["Model"]) == "odd, name"
    assert (pairs["Steps"], pairs["Size"], pairs["Clip skip"]) == ("20", "512x768", "2")


@pytest.mark.parametrize("prompt", ["Emi, smile", "猫耳の少女", "é – ü"])
def test_the_png_carries_the_chunk(tmp_path: Path, prompt: str) -> None:
    path = tmp_path / "cells" / "one.png"
    parameters = replace(PARAMETERS, prompt=prompt)
    write_png(Image.new("RGB", (4, 4), "red"), path, parameters)
    with Image.open(path) as picture:
        assert picture.text["parameters"] == parameters.text()
        assert picture.getpixel((0, 0)) == (255, 0, 0)
    assert [entry.name for entry in path.parent.iterdir()] == ["one.png"]


def test_bytes_that_a_chunk_cannot_hold_do_not_stop_it(tmp_path: Path) -> None:
    write_png(Image.new("RGB", (4, 4)), tmp_path / "one.png", replace(PARAMETERS, prompt="a\0b\udcff"))
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.text["parameters"].startswith("ab?\n")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cells").write_text("a file, not a folder")
    with pytest.raises(GenerationError, match="could not be written"):
        write_png(Image.new("RGB", (4, 4)), tmp_path / "cells" / "one.png", PARAMETERS)
