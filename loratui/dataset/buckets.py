"""Buckets: which size a picture is trained at, by kohya's rules. Pure arithmetic; refuses to know pixels.

The rules are those of sd-scripts' `BucketManager`, including its roundings, so that the same folder gives the same
buckets here and there.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.dataset.problems import DatasetFault

if TYPE_CHECKING:
    from loratui.profile.schema import Dataset

Size = tuple[int, int]


@dataclass(frozen=True)
class Placement:
    """How a picture comes into its bucket: scaled to `resized`, then `bucket` is cut out of it at `crop`.

    Attributes:
        bucket: Width and height that are trained.
        resized: Width and height of the whole picture after scaling; nowhere smaller than the bucket.
        crop: Left and top of the bucket inside the resized picture.
    """

    bucket: Size
    resized: Size
    crop: tuple[int, int]

    @property
    def share_cut(self) -> float:
        """The share of the picture that lies outside of the bucket and is not trained: 0 to 1."""
        whole = self.resized[0] * self.resized[1]
        return 1 - self.bucket[0] * self.bucket[1] / whole if whole else 0.0


@dataclass(frozen=True)
class BucketRules:
    """The settings that decide placements; `sizes` is empty when each picture makes its own bucket (no upscaling)."""

    area: int
    step: int
    sizes: tuple[Size, ...]

    def place(self, width: int, height: int) -> Placement:
        """Placement of a picture of `width` × `height` pixels."""
        return (
            _place_in(width, height, self.sizes) if self.sizes else _place_shrunk(width, height, self.area, self.step)
        )


def rules_of(section: "Dataset") -> BucketRules:
    """The rules that a profile's `dataset` section asks for.

    Raises:
        DatasetFault: If the sizes contradict each other ("bucket-range").
    """
    resolution, step = section.resolution, section.bucket_reso_steps
    if not section.bucketing:
        return BucketRules(resolution**2, step, ((resolution, resolution),))
    if section.bucket_no_upscale:
        return BucketRules(resolution**2, step, ())
    if not section.min_bucket_reso <= resolution <= section.max_bucket_reso:
        raise DatasetFault(
            "bucket-range",
            f"dataset.resolution is {resolution}, outside dataset.min_bucket_reso ({section.min_bucket_reso}) to "
            f"dataset.max_bucket_reso ({section.max_bucket_reso}).",
            f"Set them to {resolution // 2} and {resolution * 2}, or dataset.bucketing to false.",
        )
    sizes = bucket_sizes(resolution, section.min_bucket_reso, section.max_bucket_reso, step)
    return BucketRules(resolution**2, step, sizes)


def bucket_sizes(resolution: int, min_size: int, max_size: int, step: int) -> tuple[Size, ...]:
    """Every bucket of about `resolution`² pixels: (width, height) in ascending order.

    Args:
        resolution: Side of the square whose area no bucket exceeds, in pixels.
        min_size: Shortest side; rounded down to a multiple of `step`.
        max_size: Longest side; rounded up to a multiple of `step`.
        step: Every side is a multiple of this many pixels.

    Raises:
        DatasetFault: If not even the square fits ("bucket-range").
    """
    square = resolution // step * step
    if square < 1:
        raise DatasetFault(
            "bucket-range",
            f"dataset.resolution is {resolution}, smaller than dataset.bucket_reso_steps, which is {step}.",
            "Set dataset.bucket_reso_steps to 8 (or another divisor of the resolution).",
        )
    area = resolution**2
    shortest = max(step, min_size // step * step)
    longest = -(-max_size // step) * step
    sizes = {(square, square)}
    for width in range(shortest, longest + 1, step):
        height = min(longest, area // width // step * step)
        if height >= shortest:
            sizes |= {(width, height), (height, width)}
    return tuple(sorted(sizes))


def place(
    width: int,
    height: int,
    *,
    resolution: int,
    min_size: int = 256,
    max_size: int = 1024,
    step: int = 64,
    no_upscale: bool = False,
) -> Placement:
    """Placement of one picture under bucketing; for many pictures take `rules_of(section).place`.

    Args:
        width: The picture's width in pixels, after its EXIF orientation.
        height: Its height.
        resolution: As for `bucket_sizes`; so are `min_size`, `max_size` and `step`.
        no_upscale: Never enlarge: the picture makes its own bucket, and the minimum and maximum do not count.
    """
    sizes = () if no_upscale else bucket_sizes(resolution, min_size, max_size, step)
    return BucketRules(resolution**2, step, sizes).place(width, height)


def scaled(placement: Placement, factor: float, step: int) -> Placement:
    """Placement of the same picture in a smaller bucket: the sides times `factor`, rounded down to `step`.

    Placements of one bucket stay together. A side never falls below `step`; with factor 1 nothing changes.
    """
    if factor == 1:
        return placement
    width, height = (max(step, _down(side * factor, step)) for side in placement.bucket)
    return _cover(*placement.resized, (width, height))


def _place_in(width: int, height: int, sizes: tuple[Size, ...]) -> Placement:
    """The bucket with the nearest width/height ratio; an exact size wins outright, else the first of equals."""
    ratio = width / height
    bucket = (width, height)
    if bucket not in sizes:
        bucket = min(sizes, key=lambda size: abs(size[0] / size[1] - ratio))
    return _cover(width, height, bucket)


def _place_shrunk(width: int, height: int, area: int, step: int) -> Placement:
    """Shrink to `area` when larger, then cut both sides down to multiples of `step`."""
    resized = (width, height) if width * height <= area else _shrink(width / height, area, step)
    bucket = (resized[0] // step * step, resized[1] // step * step)
    if not all(bucket):
        # Thinner than one step: no bucket exists without enlarging, so this one picture is enlarged to one step.
        return _cover(width, height, (max(bucket[0], step), max(bucket[1], step)))
    return _centred(bucket, resized)


def _shrink(ratio: float, area: int, step: int) -> Size:
    """The size of about `area` pixels with one side a multiple of `step`: the side that keeps the ratio better."""
    ideal_width = math.sqrt(area * ratio)
    ideal_height = area / ideal_width
    width, height = _down(ideal_width, step), _down(ideal_height, step)
    height_at_width, width_at_height = _down(width / ratio, step), _down(height * ratio, step)
    error_by_width = abs(width / height_at_width - ratio) if width and height_at_width else math.inf
    error_by_height = abs(width_at_height / height - ratio) if height and width_at_height else math.inf
    if error_by_width < error_by_height:
        return width, _round(width / ratio)
    if math.isinf(error_by_height):  # so long and thin that one side falls below a step
        return max(1, _round(ideal_width)), max(1, _round(ideal_height))
    return _round(height * ratio), height


def _cover(width: int, height: int, bucket: Size) -> Placement:
    """Scale to cover `bucket`, keeping the ratio."""
    wider = width / height > bucket[0] / bucket[1]
    scale = bucket[1] / height if wider else bucket[0] / width
    resized = (max(bucket[0], _round(width * scale)), max(bucket[1], _round(height * scale)))
    return _centred(bucket, resized)


def _centred(bucket: Size, resized: Size) -> Placement:
    return Placement(bucket, resized, ((resized[0] - bucket[0]) // 2, (resized[1] - bucket[1]) // 2))


def _round(value: float) -> int:
    return int(value + 0.5)


def _down(value: float, step: int) -> int:
    return _round(value) // step * step
