import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.problems import DatasetFault
from loratui.dataset.shrinking import open_shrunk


def test_a_small_picture_keeps_its_size(tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), "red").save(tmp_path / "1.png")
    assert open_shrunk(tmp_path / "1.png", (100, 100)).size == (640, 480)


def test_a_large_picture_fits_its_room_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4000, 2000), "red").save(tmp_path / "1.jpg", exif=exif)
    image = open_shrunk(tmp_path / "1.jpg", (300, 400))
    assert image.size == (200, 400)
    assert image.mode == "RGB"
    assert image.getpixel((100, 200))[0] > 250  # type: ignore[index]


def test_a_large_picture_that_is_cut_off_says_so(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.effect_noise((2400, 2400), 90).save(file, format="png")
    (tmp_path / "9.png").write_bytes(file.getvalue()[:200_000])
    with pytest.raises(DatasetFault, match=r"9\.png: the picture is damaged or cut short"):
        open_shrunk(tmp_path / "9.png", (300, 300))


def test_a_name_like_an_option_is_a_name(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 2000), "red").save(tmp_path / "--help.png")
    assert open_shrunk(tmp_path / "--help.png", (400, 400)).size == (400, 200)


def test_a_large_picture_takes_no_memory_here(tmp_path: Path) -> None:
    Image.new("RGB", (8000, 8000), "red").save(tmp_path / "1.png")
    code = (
        "import resource, sys; from pathlib import Path; from loratui.dataset.shrinking import open_shrunk\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert open_shrunk(Path(sys.argv[1]), (300, 300)).size == (300, 300)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "1.png")], capture_output=True, check=True)
    assert int(done.stdout) < 20_000 < 8000 * 8000 * 3 // 1024
