"""What a check of a dataset found: the pictures that are trained, the problems, and the figures of an epoch.

Values only; how they come about is `checks.py`'s matter.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from loratui.dataset.buckets import Placement, Size
from loratui.dataset.problems import Problem
from loratui.dataset.repeats import count_batches
from loratui.dataset.scan import FoundImage, Scan


@dataclass(frozen=True)
class CheckedImage:
    """A picture that is trained: decoded to the end, hashed, and given its place.

    Attributes:
        found: The picture and its caption, with its true size.
        sha256: Of the file, in hex.
        placement: Its bucket.
        repeats: Times in an epoch; for regularisation balanced against the training pictures.
    """

    found: FoundImage
    sha256: str
    placement: Placement
    repeats: int


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        scan: Folders and the pictures that can be used; empty when there was nothing to look through.
        images: The same pictures, in the same order, ready to be frozen.
        problems: The most serious first.
        batch_size: Of the run that was asked about.
        epochs: Of the run that was asked about.
    """

    scan: Scan
    images: tuple[CheckedImage, ...]
    problems: tuple[Problem, ...]
    batch_size: int
    epochs: int

    @property
    def stops(self) -> tuple[Problem, ...]:
        """The problems that forbid a run."""
        return tuple(problem for problem in self.problems if problem.severity == "stop")

    @property
    def samples_per_epoch(self) -> int:
        """Pictures × repeats, regularisation included."""
        return sum(image.repeats for image in self.images)

    @property
    def batches_per_epoch(self) -> int:
        """Σ over buckets of ceil(samples ÷ batch size)."""
        return count_batches(((image.placement.bucket, image.repeats) for image in self.images), self.batch_size)

    @property
    def buckets(self) -> dict[Size, int]:
        """Samples of an epoch in each bucket, in ascending order of size."""
        counts: Counter[Size] = Counter()
        for image in self.images:
            counts[image.placement.bucket] += image.repeats
        return dict(sorted(counts.items()))

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values for `json.dumps`, which escapes control characters."""
        return {
            "root": str(self.scan.root),
            "ok": not self.stops,
            "folders": [{**asdict(folder), "path": str(folder.path)} for folder in self.scan.folders],
            "images": [_image_as_json(image) for image in self.images],
            "buckets": [
                {"width": width, "height": height, "samples": samples}
                for (width, height), samples in self.buckets.items()
            ],
            "samples_per_epoch": self.samples_per_epoch,
            "batch_size": self.batch_size,
            "batches_per_epoch": self.batches_per_epoch,
            "epochs": self.epochs,
            "problems": [
                {**asdict(problem), "path": None if problem.path is None else str(problem.path)}
                for problem in self.problems
            ],
        }


def _image_as_json(image: CheckedImage) -> dict[str, Any]:
    return {
        "path": str(image.found.path),
        "width": image.found.width,
        "height": image.found.height,
        "caption": image.found.caption,
        "repeats": image.repeats,
        "regularisation": image.found.folder.regularisation,
        "bucket": list(image.placement.bucket),
    }
