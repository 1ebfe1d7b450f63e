"""Whole trainings of SD 2.x and SDXL in this process: what the UNet is told, checkpointing, states, memory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from loratui.dataset.buckets import Placement
from loratui.dataset.manifest import ManifestImage
from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.generation.sampler import decode
from loratui.profile.schema import Model, Profile
from loratui.training.latents import LatentCache
from tests.small_dataset import small_profile, write_pictures
from tests.tiny_base import write_tiny_sd2, write_tiny_xl
from tests.training_in_pieces import Killed, Training, kill_at

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def xl_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_xl(tmp_path_factory.mktemp("xl") / "base")


@pytest.fixture
def xl(xl_directory: Path) -> BaseModel:
    return load_base(Model(base=str(xl_directory)), device=CPU, dtype=torch.float32)


@pytest.fixture
def profile(xl_directory: Path, tmp_path: Path) -> Profile:
    """SDXL with everything learning that can."""
    settings = small_profile(xl_directory, write_pictures(tmp_path / "2_disc"), tmp_path / "out")
    settings.network.train_text_encoder = True
    settings.network.conv_rank = 2
    settings.dataset.flip = True
    settings.dataset.shuffle = True
    settings.dataset.max_token_length = 150
    settings.output.precision = "fp32"
    return settings


def losses(training: Training) -> list[float]:
    return [event["loss"] for event in training.events("step")]


def test_sizes_are_those_of_the_picture_and_of_what_was_cut_out() -> None:
    placement = Placement(bucket=(64, 48), resized=(80, 48), crop=(6, 0))
    image = ManifestImage("a.png", "", 500, 300, "", 1, False, "2_a", placement)
    cache = LatentCache({}, 1.0, [image], [placement])
    plain, mirrored = cache.sizes(0), cache.sizes(0, flip=True)
    assert (plain.original, plain.crop, plain.target) == ((300, 500), (0, 6), (48, 64))
    # What is 6 from the left is 80 − 64 − 6 from the right.
    assert (mirrored.original, mirrored.crop, mirrored.target) == ((300, 500), (0, 10), (48, 64))


def test_the_unet_of_sdxl_is_told_the_sizes_of_every_sample(profile: Profile, tmp_path: Path) -> None:
    rows: set[tuple[float, ...]] = set()

    def watch(base: BaseModel) -> None:
        base.unet.register_forward_pre_hook(
            lambda module, _, named: rows.update(map(tuple, named["added_cond_kwargs"]["time_ids"].tolist())),
            with_kwargs=True,
        )

    training = Training(profile, tmp_path / "runs")
    training.go(watch=watch)
    for image in training.run.read_manifest().images:
        (width, height), (left, top) = image.placement.bucket, image.placement.crop
        assert (image.height, image.width, top, left, height, width) in rows


def test_all_parts_of_sdxl_learn(profile: Profile, tmp_path: Path) -> None:
    result = Training(profile, tmp_path / "runs").go()
    moved = {name.split("_")[1] for name, value in load_file(result.lora).items() if "lora_up" in name and value.any()}
    assert moved == {"unet", "te1", "te2"}


def test_checkpointing_trains_sdxl_the_same(profile: Profile, tmp_path: Path) -> None:
    plain = Training(profile, tmp_path / "runs")
    plain.go()
    profile.training.gradient_checkpointing = True
    saved = Training(profile, tmp_path / "runs")
    saved.go()
    assert losses(saved) == pytest.approx(losses(plain), rel=1e-4)


def test_a_killed_training_of_sdxl_goes_on_to_the_same_tensors(profile: Profile, tmp_path: Path) -> None:
    whole = Training(profile, tmp_path / "runs").go()
    killed = Training(profile, tmp_path / "runs")
    with pytest.raises(Killed):
        killed.go(before_forward=kill_at(18))
    assert 0 < len(losses(killed)) < whole.steps
    resumed = killed.go()
    assert [event["step"] for event in killed.events("resumed")]
    first, second = load_file(whole.lora), load_file(resumed.lora)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_sd2_learns_by_velocity(tmp_path: Path) -> None:
    profile = small_profile(write_tiny_sd2(tmp_path / "sd2"), write_pictures(tmp_path / "2_disc"), tmp_path / "out")
    profile.training.epochs = 6
    profile.training.unet_lr = 1e-2
    training = Training(profile, tmp_path / "runs")
    training.go()
    validation = [event["loss"] for event in training.events("validation")]
    assert validation[-1] < 0.9 * validation[0]


class Travelling:
    """Stands for a text encoder on a computer with a GPU: only tells where it was sent."""

    def __init__(self, room: bool = True) -> None:
        self.device = torch.device("cpu")
        self.room = room
        self.weight = torch.ones(1)

    def parameters(self) -> Iterator[torch.Tensor]:
        yield self.weight

    def to(self, device: torch.device | str) -> None:
        self.device = torch.device(device)
        if self.device.type == "cuda" and not self.room:
            raise torch.OutOfMemoryError("no room")


def test_text_encoders_that_were_set_aside_come_for_the_reading_and_go_back(xl: BaseModel) -> None:
    first, second = Travelling(), Travelling()
    base = replace(xl, text_encoder=first, text_encoder_2=second, device=torch.device("cuda"))
    with base.reading():
        assert [text.device.type for text in (first, second)] == ["cuda", "cuda"]
    assert [text.device.type for text in (first, second)] == ["cpu", "cpu"]
    first.to("cuda")
    with base.reading():
        pass
    assert [text.device.type for text in (first, second)] == ["cuda", "cpu"]
    base.set_texts_aside()
    assert first.device.type == "cpu"


def test_a_text_encoder_that_finds_no_room_leaves_none_behind(xl: BaseModel) -> None:
    first, second = Travelling(), Travelling(room=False)
    base = replace(xl, text_encoder=first, text_encoder_2=second, device=torch.device("cuda"))
    with pytest.raises(torch.OutOfMemoryError), base.reading():
        pass
    assert [text.device.type for text in (first, second)] == ["cpu", "cpu"]


def test_a_picture_that_does_not_fit_is_decoded_in_tiles(xl: BaseModel) -> None:
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = decode(xl, latents)
    attempts: list[bool] = []
    whole = xl.vae.decoder.forward

    def narrow(*given: torch.Tensor) -> torch.Tensor:
        attempts.append(xl.vae.use_tiling)
        if not xl.vae.use_tiling:
            raise torch.OutOfMemoryError("no room")
        return whole(*given)

    xl.vae.decoder.forward = narrow
    assert decode(xl, latents).shape == expected.shape
    assert attempts[0] is False
    assert all(attempts[1:])
    assert not xl.vae.use_tiling
