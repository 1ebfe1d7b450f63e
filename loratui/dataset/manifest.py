"""What a run trains on, frozen at launch: files with their hashes, captions, buckets, and what decides the draws.

The order of the images is their identity in every schedule and cache. Refuses to look at the files again.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loratui.dataset.buckets import Placement
from loratui.dataset.checks import Report
from loratui.errors import DatasetError
from loratui.safe_text import printable
from loratui.whole_files import write_whole

if TYPE_CHECKING:
    from loratui.profile.schema import Profile

FORMAT = 1


@dataclass(frozen=True)
class ManifestImage:
    """One image that is trained.

    Attributes:
        path: The file, absolute.
        sha256: Of the file, in hex.
        width: In pixels, upright.
        height: In pixels.
        caption: As it is trained, trigger included, before any shuffle or dropout.
        repeats: Times in an epoch; above 0.
        regularisation: Whether its loss is multiplied by `prior_loss_weight`.
        folder: The folder it was found in, absolute.
        placement: Its bucket.
    """

    path: str
    sha256: str
    width: int
    height: int
    caption: str
    repeats: int
    regularisation: bool
    folder: str
    placement: Placement


@dataclass(frozen=True)
class Manifest:
    """The images in their fixed order, and the settings that decide the draws."""

    images: tuple[ManifestImage, ...]
    seed: int
    flip: bool
    shuffle: bool
    keep_tokens: int
    dropout: float
    tag_dropout: float

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of what a cache of latents and captions depends on here.

        That is every image's bytes, placement and caption, in order, and the flip; not where the files lie, how often
        they are repeated, nor the seed. The base and its VAE are the cache's own business.
        """
        content = {
            "images": [
                {"sha256": image.sha256, "caption": image.caption, "placement": asdict(image.placement)}
                for image in self.images
            ],
            "flip": self.flip,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def freeze(report: Report, profile: "Profile") -> Manifest:
    """Fix what `report` found for a run of `profile`.

    Raises:
        DatasetError: If the report has a problem that stops.
    """
    if report.stops:
        raise DatasetError(report.stops[0].message, report.stops[0].fix)
    section = profile.dataset
    return Manifest(
        images=tuple(
            ManifestImage(
                path=str(image.found.path),
                sha256=image.sha256,
                width=image.found.width,
                height=image.found.height,
                caption=image.found.caption,
                repeats=image.repeats,
                regularisation=image.found.folder.regularisation,
                folder=str(image.found.folder.path),
                placement=image.placement,
            )
            for image in report.images
        ),
        seed=profile.training.seed,
        flip=section.flip,
        shuffle=section.shuffle,
        keep_tokens=section.keep_tokens,
        dropout=section.dropout,
        tag_dropout=section.tag_dropout,
    )


def to_json(manifest: Manifest) -> str:
    """The manifest as JSON text; everything outside ASCII is escaped, so that it is safe in a terminal."""
    return json.dumps({"format": FORMAT, "digest": manifest.digest, **asdict(manifest)}, indent=1) + "\n"


def from_json(text: str) -> Manifest:
    """Read back what `to_json` wrote.

    Raises:
        DatasetError: If the text is not a manifest of this format, or was changed by hand.
    """
    try:
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise DatasetError(
                f"The manifest has format {printable(values['format'])}, this version reads {FORMAT}.",
                "Use the version of loratui that started the run.",
            )
        digest = values["digest"]
        settings = {key: value for key, value in values.items() if key not in ("format", "digest", "images")}
        manifest = Manifest(images=tuple(_image_from_json(image) for image in values["images"]), **settings)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"The manifest cannot be read ({printable(error)}).", "Start the run anew.") from error
    if manifest.digest != digest:
        raise DatasetError("The manifest was changed after the run was launched.", "Start the run anew.")
    return manifest


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write it so that nobody ever sees half a manifest.

    Raises:
        OSError: If the disk refuses.
    """
    write_whole(path, to_json(manifest))


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a run.

    Raises:
        DatasetError: If there is none, or as `from_json`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"The manifest {printable(path)} cannot be read ({printable(error)}).", "Start the run anew."
        ) from error
    return from_json(text)


def _image_from_json(values: dict[str, Any]) -> ManifestImage:
    placement = values["placement"]
    bucket, resized, crop = (
        (int(x), int(y)) for x, y in (placement["bucket"], placement["resized"], placement["crop"])
    )
    return ManifestImage(**{**values, "placement": Placement(bucket, resized, crop)})
