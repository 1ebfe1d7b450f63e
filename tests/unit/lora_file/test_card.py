import json
from pathlib import Path

import pytest
from PIL import Image

from loratui.errors import LoraFileError
from loratui.lora_file.card import Card, write_card


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cell.png"
    Image.new("RGB", (8, 8)).save(path)
    return path


def test_a_card_is_a_picture_and_what_the_tools_read(tmp_path: Path, picture: Path) -> None:
    lora = tmp_path / "lora" / "emi.v2.safetensors"
    lora.parent.mkdir()
    png, described = write_card(lora, Card(picture, 0.8, "Emi"))
    assert (png.name, described.name) == ("emi.v2.png", "emi.v2.json")
    assert png.read_bytes() == picture.read_bytes()
    assert json.loads(described.read_text(encoding="utf-8")) == {"preferred weight": 0.8, "activation text": "Emi"}
    assert sorted(path.name for path in lora.parent.iterdir()) == ["emi.v2.json", "emi.v2.png"]


def test_what_a_person_wrote_into_the_card_stays(tmp_path: Path, picture: Path) -> None:
    words = {"notes": "夜", "activation text": "Emi, hairpin", "preferred weight": 1}
    (tmp_path / "emi.json").write_text(json.dumps(words), encoding="utf-8-sig")
    _, described = write_card(tmp_path / "emi.safetensors", Card(picture, 0.7, "Emi"))
    assert json.loads(described.read_text(encoding="utf-8")) == {**words, "preferred weight": 0.7}


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
