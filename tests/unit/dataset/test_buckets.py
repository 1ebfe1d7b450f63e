"""Buckets give what kohya's trainers give."""

import random

import pytest

from loratui.dataset.buckets import bucket_sizes, place, rules_of
from loratui.errors import DatasetError
from loratui.profile.schema import Dataset


def test_512_has_kohyas_17_buckets() -> None:
    sizes = bucket_sizes(512, 256, 1024, 64)
    assert len(sizes) == 17
    assert sizes == tuple(sorted(sizes))
    assert {(512, 512), (576, 448), (448, 576), (640, 384), (1024, 256), (256, 1024), (832, 256)} <= set(sizes)


@pytest.mark.parametrize(
    ("picture", "no_upscale", "bucket", "resized"),
    [
        ((1024, 768), False, (576, 448), (597, 448)),
        ((1920, 1080), False, (640, 384), (683, 384)),
        ((300, 300), False, (512, 512), (512, 512)),
        ((512, 512), False, (512, 512), (512, 512)),
        ((704, 320), False, (704, 320), (704, 320)),
        ((1024, 768), True, (512, 384), (512, 384)),
        ((300, 300), True, (256, 256), (300, 300)),
    ],
)
def test_placements_match_kohya(
    picture: tuple[int, int], no_upscale: bool, bucket: tuple[int, int], resized: tuple[int, int]
) -> None:
    placement = place(*picture, resolution=512, no_upscale=no_upscale)
    assert (placement.bucket, placement.resized) == (bucket, resized)


def test_the_crop_is_centred() -> None:
    assert place(1920, 1080, resolution=512).crop == (21, 0)
    assert place(300, 300, resolution=512, no_upscale=True).crop == (22, 22)


def test_a_64_pixel_base_has_buckets() -> None:
    sizes = bucket_sizes(64, 32, 128, 8)
    assert (64, 64) in sizes
    assert (128, 32) in sizes
    assert all(width % 8 == height % 8 == 0 and width * height <= 64 * 64 for width, height in sizes)
    assert place(512, 512, resolution=64, min_size=32, max_size=128, step=8).bucket == (64, 64)


def test_limits_between_steps_are_widened_to_steps() -> None:
    assert bucket_sizes(512, 300, 1000, 64) == bucket_sizes(512, 256, 1024, 64)


def test_without_bucketing_there_is_one_square() -> None:
    placement = rules_of(Dataset(resolution=512, bucketing=False)).place(1024, 768)
    assert (placement.bucket, placement.resized, placement.crop) == ((512, 512), (683, 512), (85, 0))


@pytest.mark.parametrize("section", [Dataset(resolution=128), Dataset(resolution=1536)])
def test_a_resolution_outside_the_limits_is_refused(section: Dataset) -> None:
    with pytest.raises(DatasetError, match="outside"):
        rules_of(section)


def test_a_step_above_the_resolution_is_refused() -> None:
    with pytest.raises(DatasetError, match="bucket_reso_steps"):
        bucket_sizes(32, 8, 64, 64)


@pytest.mark.parametrize("no_upscale", [False, True])
@pytest.mark.parametrize(("resolution", "smallest", "largest", "step"), [(512, 256, 1024, 64), (64, 32, 128, 8)])
def test_any_picture_covers_its_bucket(
    resolution: int, smallest: int, largest: int, step: int, no_upscale: bool
) -> None:
    rng = random.Random(5)
    for _ in range(3000):
        width, height = (int(2 ** rng.uniform(0, 14)) for _ in range(2))
        placement = place(
            width,
            height,
            resolution=resolution,
            min_size=smallest,
            max_size=largest,
            step=step,
            no_upscale=no_upscale,
        )
        for side in (0, 1):
            assert placement.bucket[side] >= step
            assert placement.bucket[side] % step == 0
            assert placement.resized[side] >= placement.bucket[side]
            assert placement.crop[side] == (placement.resized[side] - placement.bucket[side]) // 2
        if no_upscale and min(width, height) >= step and max(width / height, height / width) < 8:
            assert placement.resized[0] <= width
            assert placement.resized[1] <= height
            # kohya rounds a side half up before cutting it to steps, so the area may be passed by half a pixel's share.
            shorter = min(placement.bucket)
            assert placement.bucket[0] * placement.bucket[1] <= (resolution * shorter / (shorter - 0.5)) ** 2


def test_turning_a_picture_turns_its_bucket() -> None:
    rng = random.Random(6)
    for _ in range(500):
        width, height = rng.randint(200, 3000), rng.randint(200, 3000)
        lying, standing = place(width, height, resolution=512), place(height, width, resolution=512)
        # Ratios of wide and tall buckets are spaced differently, so only the plain cases must agree.
        if 0.95 < width / height < 1.05:
            assert lying.bucket == standing.bucket[::-1] == (512, 512)
