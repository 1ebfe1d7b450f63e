"""Tokens are counted as the training counts them, without torch and by the base's own files."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratui.dataset.tokens import load_tokens
from loratui.errors import DatasetError
from loratui.hub.models import locate

CAPTIONS = [
    "",
    "Emi",
    "Emi, cute girl, sleeping, smiling, closed eyes, lying in bed",
    "  it's   A 2nd café\t(night:1.2)  ",
    "エミ, 女の子, カフェで本を読んでいる",
    "<|endoftext|> a <|startoftext|>",
    "🙂🙂 naïve e\u0301",
]


@pytest.fixture(scope="module")
def demo() -> Path:
    """The tokenizer of the packaged base."""
    path = locate("demo").path
    assert path is not None
    return path / "tokenizer"


@pytest.mark.parametrize("only_vocabulary", [False, True])
def test_as_many_as_the_training_reads(demo: Path, tmp_path: Path, only_vocabulary: bool) -> None:
    from transformers import CLIPTokenizer

    from loratui.diffusion.text import tokenise

    reference = CLIPTokenizer.from_pretrained(demo)
    folder = demo
    if only_vocabulary:
        for name in ("vocab.json", "merges.txt"):
            (tmp_path / name).write_bytes((demo / name).read_bytes())
        folder = tmp_path
    tokens = load_tokens(folder)
    for caption in CAPTIONS:
        assert tokens.count(caption) == len(tokenise(reference, caption)), caption


def test_the_cut_is_where_the_model_stops_reading(demo: Path) -> None:
    tokens = load_tokens(demo)
    caption = "Emi, smiling, café, night"
    assert tokens.cut(caption, 75) == (tokens.count(caption), len(caption))
    for learnt in ("Emi", "Emi, smiling", "Emi, smiling, café,"):
        count, seen = tokens.cut(caption, tokens.count(learnt))
        assert count == tokens.count(caption)
        assert caption[:seen].rstrip() == learnt
    places = [tokens.cut(caption, longest)[1] for longest in range(tokens.count(caption))]
    assert places == sorted(places)
    assert places[0] == 0


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_can_be_cut(text: str) -> None:
    path = locate("demo").path
    assert path is not None
    count, seen = load_tokens(path / "tokenizer").cut(text, 5)
    assert 0 <= seen <= len(text)
    assert count <= 5 or seen < len(text) or not text.strip()


def test_a_lone_surrogate_is_counted_rather_than_refused(demo: Path) -> None:
    assert load_tokens(demo).count("Emi \udce9") >= 2


def test_a_damaged_tokenizer_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(DatasetError, match="cannot be read") as caught:
        load_tokens(tmp_path)
    assert "Download" in caught.value.todo


def test_no_torch_is_needed(demo: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from loratui.dataset.tokens import load_tokens; "
        f"load_tokens(Path({str(demo)!r})).count('Emi'); "
        "print({'torch', 'transformers'} & sys.modules.keys())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
