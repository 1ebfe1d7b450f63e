"""Drawings are deterministic, and the sample dataset in the repository is the one the program draws."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loratui.demo.character import random_character
from loratui.demo.drawing import draw, draw_sample_dataset
from loratui.demo.emi import EMI

SAMPLE = Path(__file__).parents[3] / "sample_dataset" / "5_emi_person"


@pytest.mark.parametrize("size", [64, 200])
def test_the_same_random_numbers_draw_the_same_picture(size: int) -> None:
    pictures = [draw(random_character(random.Random(8)), size) for _ in range(2)]
    assert pictures[0].size == (size, size)
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_sample_dataset_is_drawn_again(tmp_path: Path) -> None:
    """Captions to the letter; pixels up to what another pillow may round differently."""
    written = draw_sample_dataset(tmp_path)
    assert len(written) == len(EMI)
    assert {path.name for path in SAMPLE.iterdir()} == {path.name for path in written[0].parent.iterdir()}
    for path in written:
        kept = SAMPLE / path.name
        assert kept.with_suffix(".txt").read_bytes() == path.with_suffix(".txt").read_bytes()
        with Image.open(path) as fresh, Image.open(kept) as old:
            assert old.size == (512, 512)
            difference = np.asarray(fresh, dtype=np.int16) - np.asarray(old, dtype=np.int16)
        assert np.abs(difference).mean() < 0.5
        assert kept.stat().st_size < 100_000


def test_drawing_does_not_import_torch() -> None:
    code = "import sys, loratui.demo.drawing, loratui.demo.emi; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
