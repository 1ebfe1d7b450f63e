"""Pictures as files: their size from the header, whether they can be read to the end, and their pixels as trained.

EXIF orientation is honoured and transparency laid on white. Refuses to know captions, folders and tensors.
"""

import hashlib
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from pathlib import Path

from PIL import Image, ImageFile, ImageOps

from loratui.dataset.buckets import Placement
from loratui.dataset.problems import DatasetFault
from loratui.dataset.regular_files import open_regular
from loratui.safe_text import printable

MAX_SIDE = 16_384
MAX_PIXELS = 8_192 * 8_192
MAX_BYTES = 512 << 20

# Tried by content, whatever the extension says: a WebP named .png is common. Nothing here runs other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF")
_LARGE_PIXELS = 12_000_000
_one_large_at_a_time = threading.Lock()
_EXIF_ORIENTATION = 0x0112
_SIXTEEN_BIT_GREY = {"I", "I;16", "I;16B", "I;16L", "I;16N"}


@dataclass(frozen=True)
class Header:
    """What the first bytes of a picture say: width and height in pixels (as shown, after EXIF), and if it moves."""

    width: int
    height: int
    animated: bool


@dataclass(frozen=True)
class Examined:
    """A picture that was decoded to the end: the sha256 of its file (hex) and its true width and height."""

    sha256: str
    width: int
    height: int


@cache
def image_extensions() -> frozenset[str]:
    """Extensions of pictures that can be trained on, in lower case; `.avif` when this Pillow reads it."""
    registered = Image.registered_extensions()
    return frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"} | ({".avif"} & registered.keys()))


def read_header(path: Path) -> Header:
    """Read a picture's size without decoding it.

    Raises:
        DatasetFault: "empty-image", "image-too-large", "unreadable-image", or as `open_regular`.
    """
    with open_regular(path) as file:
        image = _identify(path, file)
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(width, height, _moves(image))


def examine(path: Path) -> Examined:
    """Hash a picture's file and decode it to the end, large ones one at a time so that memory stays bounded.

    Raises:
        DatasetFault: As `read_header`, and "truncated-image".
    """
    with open_regular(path) as file:
        image = _identify(path, file)
        large = image.width * image.height > _LARGE_PIXELS
        with _one_large_at_a_time if large else nullcontext():
            _decode(path, image)
            width, height = image.size
            if _orientation(image, decoded=True) >= 5:
                width, height = height, width
        file.seek(0)
        return Examined(hashlib.file_digest(file, "sha256").hexdigest(), width, height)


def open_rgb(path: Path) -> Image.Image:
    """The picture as it is trained: fully decoded, upright after its EXIF orientation, transparency on white, RGB.

    Raises:
        DatasetFault: As `examine`.
    """
    with open_regular(path) as file:
        image: Image.Image = _identify(path, file)
        _decode(path, image)
        if 2 <= _orientation(image, decoded=True) <= 8:
            image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            pixels = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", pixels.size, "white"), pixels).convert("RGB")
        if image.mode in _SIXTEEN_BIT_GREY:
            # Pillow would clip 16-bit grey at 255, which turns nearly everything white.
            image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        return image.convert("RGB")


def prepare(image: Image.Image, placement: Placement, flip: bool = False) -> Image.Image:
    """Scale `image` and cut its bucket out of it: an RGB picture of `placement.bucket` size.

    Shrinking averages areas (Hamming window), enlarging uses Lanczos, as kohya's trainers do.

    Args:
        image: An upright RGB picture, from `open_rgb`.
        placement: Where it goes.
        flip: Mirror left and right, after the crop.
    """
    (width, height), (left, top) = placement.bucket, placement.crop
    across, down = image.width / placement.resized[0], image.height / placement.resized[1]
    # Only the bucket's part is computed: a very long picture would otherwise grow to hundreds of megapixels.
    part = (
        left * across,
        top * down,
        min((left + width) * across, image.width),
        min((top + height) * down, image.height),
    )
    resample = Image.Resampling.LANCZOS if min(across, down) < 1 else Image.Resampling.HAMMING
    prepared = image.resize((width, height), resample, box=part)
    return prepared.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else prepared


def _identify(path: Path, file: BufferedReader) -> ImageFile.ImageFile:
    """Read the header only, and refuse sizes that must never be decoded.

    Pillow's own `Image.open` guards by warnings on stderr and hides the size; this asks the same readers directly.
    """
    name = printable(path.name)
    length = file.seek(0, 2)
    file.seek(0)
    if length == 0:
        raise DatasetFault(
            "empty-image", f"{name}: the file is empty (0 bytes).", "Copy the picture again, or delete the file."
        )
    if length > MAX_BYTES:
        raise _too_large(name, f"the file is {length >> 20} MiB long", f"at most {MAX_BYTES >> 20} MiB are read")
    image = _read_with_any(file)
    if image is None:
        raise DatasetFault(
            "unreadable-image",
            f"{name}: this is no picture that can be read (PNG, JPEG, WebP or BMP).",
            "Open it in an image program and save it again as PNG, or take it away.",
        )
    width, height = image.size
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        allowed = f"at most {MAX_SIDE} pixels a side and {MAX_PIXELS // 10**6} megapixels are read"
        raise _too_large(name, f"the picture is {width}×{height} pixels", allowed)
    return image


def _read_with_any(file: BufferedReader) -> ImageFile.ImageFile | None:
    Image.init()
    start = file.read(16)
    for name in _FORMATS:
        if name not in Image.OPEN:
            continue
        reader, accept = Image.OPEN[name]
        if accept is not None and accept(start) is not True:
            continue
        file.seek(0)
        try:
            return reader(file, "")
        except Exception:  # broken headers surface as almost any exception; the next reader may know better
            continue
    return None


def _decode(path: Path, image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, … on damaged data
        raise DatasetFault(
            "truncated-image",
            f"{printable(path.name)}: the picture is damaged or cut short ({printable(error)}).",
            "Copy or download it again, or open it in an image program and save it anew.",
        ) from error


def _orientation(image: Image.Image, decoded: bool = False) -> int:
    """EXIF orientation, 1 to 8; 1 when there is none or the EXIF data are broken."""
    if not decoded and image.format == "PNG" and not {"exif", "Raw profile type exif"} & image.info.keys():
        return 1  # Pillow would decode the whole picture to look for a late chunk
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # as with headers: broken EXIF raises almost anything, and is no reason to refuse a picture
        return 1
    return value if isinstance(value, int) else 1


def _moves(image: ImageFile.ImageFile) -> bool:
    if image.format == "MPO":
        return False  # a multi-picture JPEG from a phone holds previews, not movement
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # counting the frames of a damaged file; decoding it will say what is wrong
        return False


def _too_large(name: str, found: str, allowed: str) -> DatasetFault:
    return DatasetFault(
        "image-too-large",
        f"{name}: {found}; {allowed}.",
        "Scale it down in an image program (2,048 pixels are plenty).",
    )
