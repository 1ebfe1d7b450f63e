"""Pictures are read upright, on white and to the end, and nothing odd blocks or bursts the reader."""

import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.buckets import place
from loratui.dataset.images import examine, image_extensions, open_rgb, prepare, read_header
from loratui.dataset.problems import DatasetFault


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), os.urandom(width * height * 3))


def write_png_header(path: Path, width: int, height: int) -> None:
    """A PNG that claims a size and holds no pixels to speak of."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def code_of(path: Path) -> str:
    with pytest.raises(DatasetFault) as caught:
        examine(path)
    assert path.name in caught.value.what
    assert caught.value.todo
    return caught.value.code


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "bmp"])
def test_every_kind_of_picture_is_read(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"1.{extension}"
    noise(40, 30).save(path)
    assert (read_header(path).width, read_header(path).height) == (40, 30)
    assert (examine(path).width, examine(path).height) == (40, 30)
    image = open_rgb(path)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert f".{extension}" in image_extensions()


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    noise(8, 8).save(tmp_path / "a.webp")
    (tmp_path / "a.webp").rename(tmp_path / "a.png")
    assert examine(tmp_path / "a.png").width == 8


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_exif_orientation_turns_the_picture(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"1.{extension}"
    image = Image.new("RGB", (64, 32), "red")
    image.paste("blue", (32, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif, quality=95)
    assert (read_header(path).width, read_header(path).height) == (32, 64)
    assert (examine(path).width, examine(path).height) == (32, 64)
    upright = open_rgb(path)
    assert upright.size == (32, 64)
    top, bottom = upright.getpixel((16, 4)), upright.getpixel((16, 60))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > 60 > top[2]
    assert bottom[2] > 200 > 60 > bottom[0]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_becomes_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "1.png"
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([255, 0, 0])
        image.save(path, transparency=0)
    else:
        Image.new(mode, (8, 8), 0).save(path)
    assert open_rgb(path).getpixel((3, 3)) == (255, 255, 255)


def test_16_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    Image.frombytes("I;16", (2, 1), struct.pack("<HH", 0x8000, 0xFFFF)).save(path)
    image = open_rgb(path)
    assert image.getpixel((0, 0)) in {(127, 127, 127), (128, 128, 128)}
    assert image.getpixel((1, 0)) == (255, 255, 255)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "bmp"])
def test_a_truncated_picture_is_found(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"1.{extension}"
    noise(200, 200).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert code_of(path) in {"truncated-image", "unreadable-image"}


def test_an_empty_file_and_text_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    assert code_of(tmp_path / "1.png") == "empty-image"
    (tmp_path / "2.png").write_text("<html>404</html>")
    assert code_of(tmp_path / "2.png") == "unreadable-image"


@pytest.mark.parametrize("size", [(20_000, 20_000), (20_000, 10), (10_000, 10_000), (2**31 - 1, 2**31 - 1)])
def test_a_huge_picture_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "1.png"
    write_png_header(path, *size)
    with pytest.raises(DatasetFault, match=f"{size[0]}×{size[1]}") as caught:
        read_header(path)
    assert caught.value.code == "image-too-large"
    assert code_of(path) == "image-too-large"


@pytest.mark.filterwarnings("error")
def test_a_large_but_allowed_picture_gives_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    Image.new("1", (8192, 8192)).save(path)
    assert examine(path).width == 8192


def test_things_that_are_no_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.png")
    (tmp_path / "2.png").mkdir()
    (tmp_path / "3.png").symlink_to("/dev/zero")
    (tmp_path / "4.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "5.png").symlink_to("5.png")
    assert [code_of(tmp_path / f"{number}.png") for number in range(1, 6)] == [
        "not-a-file",
        "not-a-file",
        "not-a-file",
        "broken-link",
        "broken-link",
    ]


def test_a_linked_picture_is_read(tmp_path: Path) -> None:
    noise(8, 8).save(tmp_path / "real.png")
    (tmp_path / "1.png").symlink_to(tmp_path / "real.png")
    assert examine(tmp_path / "1.png") == examine(tmp_path / "real.png")


def test_a_moving_picture_is_noticed(tmp_path: Path) -> None:
    noise(8, 8).save(tmp_path / "1.webp", save_all=True, append_images=[noise(8, 8)])
    noise(8, 8).save(tmp_path / "2.webp")
    assert read_header(tmp_path / "1.webp").animated
    assert not read_header(tmp_path / "2.webp").animated
    assert open_rgb(tmp_path / "1.webp").size == (8, 8)


def test_preparing_gives_the_bucket_and_mirrors() -> None:
    image = Image.new("RGB", (1024, 768), "red")
    image.paste("blue", (512, 0, 1024, 768))
    placement = place(1024, 768, resolution=512)
    plain, mirrored = prepare(image, placement), prepare(image, placement, flip=True)
    assert plain.size == mirrored.size == placement.bucket
    assert plain.getpixel((5, 5)) == mirrored.getpixel((570, 5)) == (255, 0, 0)
    assert plain.getpixel((570, 5)) == (0, 0, 255)


def test_preparing_equals_resizing_the_whole_and_cropping() -> None:
    image = noise(301, 200)
    placement = place(301, 200, resolution=512)
    (width, height), (left, top) = placement.bucket, placement.crop
    whole = image.resize(placement.resized, Image.Resampling.LANCZOS).crop((left, top, left + width, top + height))
    difference = max(abs(a - b) for a, b in zip(whole.tobytes(), prepare(image, placement).tobytes(), strict=True))
    assert difference <= 1


def test_a_picture_of_the_right_size_is_untouched() -> None:
    image = noise(512, 512)
    assert prepare(image, place(512, 512, resolution=512)).tobytes() == image.tobytes()


def test_a_very_long_picture_is_prepared_in_little_memory() -> None:
    placement = place(16_000, 4, resolution=512)
    assert prepare(Image.new("RGB", (16_000, 4), "red"), placement).size == placement.bucket
