import json
import os
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from loratui.errors import LoraFileError
from loratui.generation.parameters import Parameters, write_png
from loratui.lora_file.card import Card, write_card


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return drawn(tmp_path / "cell.png", "black")


def drawn(path: Path, colour: str) -> Path:
    """A picture as loratui draws it."""
    parameters = Parameters("Emi", "", 2, "Euler a", 7.0, 1, 8, 8, "base")
    write_png(Image.new("RGB", (8, 8), colour), path, parameters)
    return path


def test_a_card_is_a_picture_and_what_the_tools_read(tmp_path: Path, picture: Path) -> None:
    lora = tmp_path / "lora" / "emi.v2.safetensors"
    lora.parent.mkdir()
    card = write_card(lora, Card(picture, 0.8, "Emi"))
    assert (card.picture.name, card.described.name, card.is_own_picture) == ("emi.v2.png", "emi.v2.json", False)
    assert card.picture.read_bytes() == picture.read_bytes()
    assert json.loads(card.described.read_text(encoding="utf-8")) == {"preferred weight": 0.8, "activation text": "Emi"}
    assert sorted(path.name for path in lora.parent.iterdir()) == ["emi.v2.json", "emi.v2.png"]


def test_what_a_person_wrote_into_the_card_stays(tmp_path: Path, picture: Path) -> None:
    words = {"notes": "夜", "activation text": "Emi, hairpin", "preferred weight": 1}
    (tmp_path / "emi.json").write_text(json.dumps(words), encoding="utf-8-sig")
    card = write_card(tmp_path / "emi.safetensors", Card(picture, 0.7, "Emi"))
    assert json.loads(card.described.read_text(encoding="utf-8")) == {**words, "preferred weight": 0.7}


@pytest.mark.parametrize("content", ["[]", "not json", ""])
def test_a_file_that_is_no_card_is_left_as_it_is(tmp_path: Path, picture: Path, content: str) -> None:
    (tmp_path / "emi.json").write_text(content)
    with pytest.raises(LoraFileError, match="no JSON object"):
        write_card(tmp_path / "emi.safetensors", Card(picture, 0.7))
    assert (tmp_path / "emi.json").read_text() == content
    assert not (tmp_path / "emi.png").exists()


def test_a_picture_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoraFileError, match="could not be written"):
        write_card(tmp_path / "emi.safetensors", Card(tmp_path / "gone.png", 0.7))


def test_a_picture_that_was_drawn_before_is_replaced(tmp_path: Path, picture: Path) -> None:
    lora = tmp_path / "emi.safetensors"
    drawn(lora.with_suffix(".png"), "white")
    assert not write_card(lora, Card(picture, 0.7)).is_own_picture
    assert lora.with_suffix(".png").read_bytes() == picture.read_bytes()


@pytest.mark.parametrize("made_by", ["a person", "another tool", "nobody knows"])
def test_a_picture_that_a_person_chose_stays(tmp_path: Path, picture: Path, made_by: str) -> None:
    lora, chunk = tmp_path / "emi.safetensors", PngInfo()
    png = lora.with_suffix(".png")
    if made_by == "another tool":
        chunk.add_text("parameters", "Emi <lora:emi:1>\nSteps: 20, Version: v1.10.1")
    Image.new("RGB", (8, 8), "white").save(png, pnginfo=chunk)
    if made_by == "nobody knows":
        png.write_bytes(b"no picture")
    before = png.read_bytes()
    card = write_card(lora, Card(picture, 0.7, "Emi"))
    assert card.is_own_picture
    assert png.read_bytes() == before
    assert json.loads(card.described.read_text(encoding="utf-8")) == {"preferred weight": 0.7, "activation text": "Emi"}


def test_a_card_gets_the_rights_that_any_file_gets_without_touching_the_process(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            # It holds for all threads at once: a file that another one makes would be anybody's to write.
            patched.delattr(os, "umask")
            card = write_card(tmp_path / "emi.safetensors", Card(picture, 0.7))
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (card.picture, card.described)] == [0o640, 0o640]
