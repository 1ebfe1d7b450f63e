"""Batches: every tensor a function of the position, every setting of the dataset in its place."""

from pathlib import Path

import pytest
import torch

from loratui.dataset.manifest import Manifest
from loratui.dataset.schedule import Sample, epoch_batches
from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import joined
from loratui.profile.schema import Profile
from loratui.training.batches import BatchBuilder
from loratui.training.captions import CaptionEncoder
from loratui.training.latents import cached_latents
from loratui.training.objective import Batch
from tests.small_dataset import frozen, small_profile, write_pictures


def builder_of(base: BaseModel, profile: Profile, tmp_path: Path) -> tuple[BatchBuilder, Manifest]:
    manifest = frozen(profile)
    latents = cached_latents(
        base, manifest, tmp_path / "cache.safetensors", flip=profile.dataset.flip, report=lambda done, of: None
    )
    captions = CaptionEncoder(base, max_token_length=75, learns=True)
    return BatchBuilder(base, profile, manifest, latents, captions), manifest


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "2_disc")


def same(first: Batch, second: Batch) -> bool:
    assert first.conditioning.sizes is None
    assert second.conditioning.pooled is None
    pairs = [(first.conditioning.states, second.conditioning.states)]
    pairs += [(getattr(first, name), getattr(second, name)) for name in ("latents", "noise", "timesteps", "weights")]
    return all(torch.equal(one, other) for one, other in pairs)


SAMPLES = (Sample(0, 0), Sample(1, 1), Sample(2, 0), Sample(2, 1))


def test_a_batch_is_the_same_every_time(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    profile = small_profile(tiny_base_directory, pictures, tmp_path, dataset={"shuffle": True, "flip": True})
    builder, _ = builder_of(base, profile, tmp_path)
    first = builder.build(SAMPLES, epoch=1, step=5, position=0)
    torch.manual_seed(123)
    assert same(first, builder.build(SAMPLES, epoch=1, step=5, position=0))


def test_a_batch_cut_in_two_holds_the_same_samples(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    builder, _ = builder_of(base, small_profile(tiny_base_directory, pictures, tmp_path), tmp_path)
    whole = builder.build(SAMPLES, epoch=1, step=5, position=0)
    halves = [builder.build(SAMPLES[at : at + 2], epoch=1, step=5, position=at) for at in (0, 2)]
    for name in ("latents", "noise", "timesteps", "weights"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(half, name) for half in halves]))
    torch.testing.assert_close(whole.conditioning.states, joined([half.conditioning for half in halves]).states)


def test_noise_changes_with_step_and_latents_with_epoch(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    builder, _ = builder_of(base, small_profile(tiny_base_directory, pictures, tmp_path), tmp_path)
    first = builder.build(SAMPLES, epoch=1, step=5, position=0)
    later = builder.build(SAMPLES, epoch=1, step=6, position=0)
    assert torch.equal(first.latents, later.latents)
    assert not torch.equal(first.noise, later.noise)
    assert not torch.equal(first.latents, builder.build(SAMPLES, epoch=2, step=5, position=0).latents)
    # Two repeats of one picture are two draws from its moments.
    assert not torch.equal(first.latents[2], first.latents[3])


def test_noise_offset_shifts_whole_channels(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    plain, _ = builder_of(base, small_profile(tiny_base_directory, pictures, tmp_path), tmp_path)
    profile = small_profile(tiny_base_directory, pictures, tmp_path, training={"noise_offset": 0.1})
    shifted, _ = builder_of(base, profile, tmp_path)
    difference = (
        shifted.build(SAMPLES, epoch=1, step=0, position=0).noise
        - plain.build(SAMPLES, epoch=1, step=0, position=0).noise
    )
    assert difference.std(dim=(2, 3)).max() < 1e-5
    assert 0.01 < difference.abs().mean() < 0.3


def test_regularisation_pictures_count_by_the_prior_weight(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    regular = write_pictures(tmp_path / "reg" / "1_disc", count=3)
    profile = small_profile(
        tiny_base_directory,
        pictures,
        tmp_path,
        dataset={"regularisation_path": str(regular), "prior_loss_weight": 0.25},
        training={"min_snr_gamma": 0.0},
    )
    builder, manifest = builder_of(base, profile, tmp_path)
    own = sum(image.repeats for image in manifest.images if not image.regularisation)
    others = sum(image.repeats for image in manifest.images if image.regularisation)
    assert own == others == 12
    for samples in epoch_batches(manifest, batch_size=3, seed=1, epoch=1):
        weights = builder.build(samples, epoch=1, step=0, position=0).weights.tolist()
        assert weights == [0.25 if manifest.images[s.image].regularisation else 1.0 for s in samples]


def test_min_snr_weighs_samples_by_their_timestep(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    builder, _ = builder_of(base, small_profile(tiny_base_directory, pictures, tmp_path), tmp_path)
    batch = builder.build(SAMPLES, epoch=1, step=0, position=0)
    assert torch.equal(batch.weights, base.schedule.min_snr_weight(batch.timesteps, 5.0))


def test_mirrored_samples_use_the_mirrored_picture(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    profile = small_profile(tiny_base_directory, pictures, tmp_path, dataset={"flip": True})
    builder, manifest = builder_of(base, profile, tmp_path)
    latents = cached_latents(base, manifest, tmp_path / "cache.safetensors", flip=True, report=lambda done, of: None)
    seen = set()
    for epoch in range(1, 9):
        batch = builder.build((Sample(3, 0),), epoch=epoch, step=0, position=0)
        either = [
            latents.sample(3, flip=flip, seed=profile.training.seed, epoch=epoch, repeat=0) for flip in (False, True)
        ]
        assert not torch.equal(*either)
        seen.add(next(i for i, candidate in enumerate(either) if torch.equal(candidate, batch.latents[0])))
    assert seen == {0, 1}


def test_validation_is_stratified_and_fixed(
    base: BaseModel, tiny_base_directory: Path, pictures: Path, tmp_path: Path
) -> None:
    builder, _ = builder_of(base, small_profile(tiny_base_directory, pictures, tmp_path), tmp_path)
    batches = list(builder.validation(4, 16))
    assert len(batches) == 6
    for batch in batches:
        assert [int(t) // 250 for t in batch.timesteps] == [0, 1, 2, 3]
    assert all(same(a, b) for a, b in zip(batches, builder.validation(4, 16), strict=True))
    assert len(list(builder.validation(4, 3))) == 3
