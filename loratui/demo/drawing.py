"""Draws an anime character with pillow, and draws the sample dataset: `python -m loratui.demo.drawing sample_dataset`.

The picture is a function of the character and the size alone. This module knows nothing of models or tensors.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from loratui.demo.character import Character
from loratui.demo.emi import EMI, folder_name
from loratui.demo.face import draw_brows, draw_glasses, draw_head
from loratui.demo.figure import draw_action, draw_body
from loratui.demo.hair import draw_back_hair, draw_clip, draw_front_hair
from loratui.demo.pen import Pen
from loratui.demo.scenery import draw_background, light

OVERSAMPLING = 4
FRAMES = {"close-up": (0.500, 0.475, 0.275), "upper body": (0.500, 0.400, 0.215)}
"""Middle of the head (x, y) and radius of the head, in shares of the picture's side."""


def draw(character: Character, size: int = 512) -> Image.Image:
    """Draw the character on a square RGB picture of `size` pixels, antialiased by oversampling."""
    side = size * OVERSAMPLING
    picture = Image.new("RGB", (side, side))
    x, y, radius = FRAMES[character.framing]
    unit = radius * character.zoom * side
    x, y = (x + character.shift_x) * side, (y + character.shift_y) * side
    body = Pen(picture, x, y, unit)
    head = Pen(picture, x, y, unit, angle=character.tilt)
    draw_background(Pen(picture, 0, 0, side, line=0.008), character)
    draw_back_hair(head, character)
    draw_body(body, character)
    draw_head(head, character)
    draw_front_hair(head, character)
    draw_brows(head, character)
    draw_glasses(head, character)
    draw_clip(head, character)
    draw_action(body, character)
    picture = picture.resize((size, size), Image.Resampling.BOX)
    return light(picture, character.tone)


def draw_sample_dataset(folder: Path, size: int = 512) -> list[Path]:
    """Write Emi's pictures and captions as 1.png, 1.txt … into the dataset folder inside `folder`."""
    target = folder / folder_name()
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (character, text) in enumerate(EMI, start=1):
        path = target / f"{number}.png"
        draw(character, size).save(path, optimize=True)
        path.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
        written.append(path)
    return written


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m loratui.demo.drawing FOLDER", file=sys.stderr)
        return 2
    for path in draw_sample_dataset(Path(arguments[0])):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
