"""The cache of VAE moments."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from loratui.diffusion.base_model import BaseModel
from loratui.errors import DatasetError
from loratui.training.latents import LatentCache, cached_latents
from tests.small_dataset import frozen, small_profile, write_pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "2_disc", count=3)


def encode(base: BaseModel, base_directory: Path, pictures: Path, tmp_path: Path) -> tuple[LatentCache, list[int]]:
    reports: list[int] = []
    manifest = frozen(small_profile(base_directory, pictures, tmp_path))
    cache = cached_latents(
        base, manifest, tmp_path / "cache" / "l.safetensors", flip=False, report=lambda done, of: reports.append(done)
    )
    return cache, reports


def test_moments_are_the_vaes_own(base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path) -> None:
    cache, _ = encode(base, tiny_base_directory, pictures, tmp_path)
    with Image.open(pictures / "1.png") as picture:
        pixels = torch.tensor(list(picture.convert("RGB").getdata())).view(32, 32, 3).permute(2, 0, 1) / 127.5 - 1
    with torch.no_grad():
        expected = base.vae.encode(pixels[None]).latent_dist
    factor = base.vae.config.scaling_factor
    torch.testing.assert_close(cache.mean(0), expected.mean[0] * factor)
    draws = torch.stack([cache.sample(0, flip=False, seed=1, epoch=1, repeat=r) for r in range(400)])
    torch.testing.assert_close(draws.std(0).mean(), expected.std[0].mean() * factor, rtol=0.05, atol=0)


def test_a_second_start_reads_the_cache(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    first, encoded = encode(base, tiny_base_directory, pictures, tmp_path)
    second, encoded_again = encode(base, tiny_base_directory, pictures, tmp_path)
    assert (encoded, encoded_again) == ([1, 2, 3], [])
    assert all(torch.equal(first.mean(index), second.mean(index)) for index in range(3))


def test_other_pictures_or_a_damaged_cache_are_encoded_anew(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    encode(base, tiny_base_directory, pictures, tmp_path)
    file = tmp_path / "cache" / "l.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    assert encode(base, tiny_base_directory, pictures, tmp_path)[1] == [1, 2, 3]
    Image.new("RGB", (32, 32), "pink").save(pictures / "2.png")
    assert encode(base, tiny_base_directory, pictures, tmp_path)[1] == [1, 2, 3]


@pytest.mark.parametrize("change", ["edited", "gone"])
def test_a_picture_changed_after_the_launch_is_not_trained(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path, change: str
) -> None:
    manifest = frozen(small_profile(tiny_base_directory, pictures, tmp_path))
    if change == "edited":
        Image.new("RGB", (32, 32), "pink").save(pictures / "2.png")
    else:
        (pictures / "2.png").unlink()
    with pytest.raises(DatasetError, match=r"2\.png"):
        cached_latents(base, manifest, tmp_path / "l.safetensors", flip=False, report=lambda done, of: None)
