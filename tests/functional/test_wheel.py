"""The wheel holds what the demo needs: base, sample pictures, licence."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip does."""
    [path] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return Path(path)


def test_base_and_sample_pictures_are_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "loratui/demo/base/unet/diffusion_pytorch_model.safetensors" in names
    assert {"loratui/demo/sample_dataset/5_emi_person/1.png", "loratui/demo/sample_dataset/5_emi_person/1.txt"} <= names
    assert {"loratui/diffusion/configs/sd1/unet/config.json", "loratui/cli.py"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_an_unpacked_wheel_finds_its_own_pictures(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "from loratui.profile.demo import sample_dataset_path; from loratui.hub.models import locate;"
        "print(sample_dataset_path()); print(locate('demo').path)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    pictures, base = map(Path, told.stdout.split())
    assert pictures == tmp_path / "site" / "loratui" / "demo" / "sample_dataset"
    assert (base / "model_index.json").is_file()
    assert base.is_relative_to(tmp_path)
