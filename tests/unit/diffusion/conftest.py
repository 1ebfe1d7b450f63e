"""A freshly loaded tiny base for tests that attach something to it."""

from pathlib import Path

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.profile.schema import Model
from tests.tiny_base import write_tiny_base, write_tiny_sd2, write_tiny_xl


@pytest.fixture
def base(tiny_base_directory: Path) -> BaseModel:
    """The tiny base in fp32 on the CPU."""
    return load_base(Model(base=str(tiny_base_directory)), device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseModel]:
    """A tiny base of each family in fp32 on the CPU, for tests that leave them as they were."""
    writers = {"sd1": write_tiny_base, "sd2": write_tiny_sd2, "sdxl": write_tiny_xl}
    directories = {family: write(tmp_path_factory.mktemp(family) / family) for family, write in writers.items()}
    return {
        family: load_base(Model(base=str(directory)), device=torch.device("cpu"), dtype=torch.float32)
        for family, directory in directories.items()
    }
