"""A picture as large as it will be shown, whatever its file holds: large ones are decoded in a process of their own.

So the memory of whoever shows it does not grow with the photographs of others. Knows no screen.
"""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from loratui.dataset.images import open_rgb, read_header
from loratui.dataset.problems import DatasetFault
from loratui.safe_text import printable

# Twelve megabytes decoded; a process of its own takes longer to start than this takes to decode.
_LARGEST_HERE = 4_000_000
_PATIENCE = 60.0


def open_shrunk(path: Path, room: tuple[int, int]) -> Image.Image:
    """The upright RGB picture at its own proportions; a large one no larger than `room`.

    Args:
        path: The file.
        room: Width and height in pixels, at least 1 × 1.

    Raises:
        DatasetFault: As `open_rgb`.
    """
    header = read_header(path)
    if header.width * header.height <= _LARGEST_HERE:
        return open_rgb(path)
    command = [sys.executable, "-m", __spec__.name, str(path), *map(str, room)]
    try:
        child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE)
        told, _, pixels = child.stdout.partition(b"\n")
        answer = json.loads(told)
        if len(answer) == 2:
            return Image.frombytes("RGB", (answer[0], answer[1]), pixels)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise DatasetFault(
            "unreadable-image",
            f"{printable(path.name)}: the program that decodes the picture breaks down over it.",
            "Open it in an image program and save it again as PNG, or take it away.",
        ) from error
    raise DatasetFault(*answer)


def main(path: Path, room: tuple[int, int]) -> None:
    """Write the picture to stdout: its size in JSON on a line and its pixels, or what is wrong with it."""
    try:
        image = open_rgb(path)
    except DatasetFault as fault:
        print(json.dumps([fault.code, fault.what, fault.todo]))
        return
    scale = min(1.0, room[0] / image.width, room[1] / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image.resize(size, Image.Resampling.BOX)
    sys.stdout.buffer.write(json.dumps(size).encode() + b"\n" + small.tobytes())


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main(Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])))
