"""A freshly loaded tiny base for tests that attach something to it."""

from pathlib import Path

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.profile.schema import Model


@pytest.fixture
def base(tiny_base_directory: Path) -> BaseModel:
    """The tiny base in fp32 on the CPU."""
    return load_base(Model(base=str(tiny_base_directory)), device=torch.device("cpu"), dtype=torch.float32)
