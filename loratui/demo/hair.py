"""Hair, hair clips and what lies behind the head."""

from __future__ import annotations

import math

from loratui.demo.character import CLIP_COLOURS, HAIR_COLOURS, Character
from loratui.demo.pen import Pen, Point, darker, lighter, mirrored, oval, smooth

LENGTHS = {"short": 0.75, "medium": 1.3, "long": 2.25}
"""How far down the back hair reaches, in head radii below the middle of the head."""
CLIP_PLACE: Point = (0.62, -0.52)


def draw_back_hair(pen: Pen, character: Character) -> None:
    """Everything that hangs behind the neck."""
    colour = HAIR_COLOURS[character.hair_colour]
    style, end = character.hair_style, LENGTHS[character.hair_length]
    back = darker(colour, 0.14)
    if style == "ponytail":
        tail = [(0.35, -1.0), (1.05, -1.2), (1.62, -0.6), (1.66, 0.2), (1.4, end * 0.55), (1.2, end * 0.75)]
        tail += [(1.22, end * 0.45), (1.12, 0.0), (0.95, -0.5)]
        pen.shape(smooth(tail), colour)
        pen.stroke([(0.72, -1.08), (0.98, -0.82)], (232, 70, 90), 0.16)
        pen.shape(smooth(mirrored([(0.3, -1.05), (1.02, -0.5), (1.02, 0.3), (0.8, 0.62)])), back)
    elif style == "twintails":
        for side in (-1, 1):
            tail = [(0.85, -0.75), (1.35, -0.8), (1.7, -0.1), (1.72, end * 0.45), (1.42, end * 0.8)]
            tail += [(1.38, end * 0.45), (1.22, 0.1), (0.9, -0.3)]
            pen.shape(smooth([(x * side, y) for x, y in tail]), colour)
            pen.stroke([(0.92 * side, -0.82), (1.08 * side, -0.5)], (232, 70, 90), 0.16)
        pen.shape(smooth(mirrored([(0.3, -1.05), (1.02, -0.5), (1.02, 0.3), (0.8, 0.62)])), back)
    elif style == "bob":
        pen.shape(smooth(mirrored([(0.35, -1.12), (1.1, -0.6), (1.24, 0.3), (1.12, 0.88), (0.7, 0.98)])), back)
    else:
        pen.shape(smooth(mirrored(_curtain(end, wave=0.13 if style == "wavy" else 0.0))), back)


def _curtain(end: float, wave: float) -> list[Point]:
    side: list[Point] = [(0.35, -1.12), (0.9, -0.82), (1.12, -0.3)]
    steps = max(3, round((end + 0.1) * (4 if wave else 2)))
    for i in range(steps):
        y = -0.1 + (end + 0.1) * (i + 1) / steps
        spread = 1.14 + 0.1 * y / 2.2
        side.append((spread + wave * math.sin(y * 7.0), y))
    return [*side, (0.75, end + 0.1), (0.4, end - 0.02), (0.12, end + 0.08)]


def draw_front_hair(pen: Pen, character: Character) -> None:
    """The fringe, the locks beside the face, and a shine."""
    colour = HAIR_COLOURS[character.hair_colour]
    style = character.hair_style
    crown: list[Point] = [
        (-1.06, 0.2),
        (-1.1, -0.35),
        (-0.75, -0.98),
        (0, -1.2),
        (0.75, -0.98),
        (1.1, -0.35),
        (1.06, 0.2),
    ]
    top = smooth(crown, closed=False)
    fringes: dict[str, list[Point]] = {
        "straight": [
            (0.84, -0.05),
            (0.62, -0.2),
            (0.4, -0.12),
            (0.2, -0.2),
            (0, -0.12),
            (-0.2, -0.2),
            (-0.4, -0.12),
            (-0.62, -0.2),
            (-0.84, -0.05),
        ],
        "wavy": [(0.9, 0.1), (0.78, -0.3), (0.45, -0.42), (0.1, -0.2), (-0.3, -0.12), (-0.66, -0.08), (-0.9, 0.14)],
        "ponytail": [
            (0.9, -0.1),
            (0.7, -0.45),
            (0.5, -0.12),
            (0.2, -0.5),
            (-0.05, -0.12),
            (-0.35, -0.5),
            (-0.6, -0.1),
            (-0.75, -0.4),
            (-0.92, -0.05),
        ],
        "twintails": [
            (0.92, -0.1),
            (0.7, -0.22),
            (0.35, -0.1),
            (0, -0.48),
            (-0.35, -0.1),
            (-0.7, -0.22),
            (-0.92, -0.1),
        ],
        "bob": [(0.92, 0.0), (0.8, -0.16), (0.3, -0.1), (-0.3, -0.1), (-0.8, -0.16), (-0.92, 0.0)],
    }
    fringe = fringes[style]
    if style != "ponytail":
        fringe = smooth(fringe, closed=False)
    pen.shape([*top, *fringe], colour)
    lock_end = {"short": 0.6, "medium": 1.0, "long": 1.25}[character.hair_length]
    if style in ("straight", "wavy", "bob"):
        for side in (-1, 1):
            bend = 0.1 if style == "wavy" else 0.0
            lock: list[Point] = [(1.08, -0.3), (1.12 + bend, 0.25), (1.1 - bend, lock_end * 0.7), (0.98, lock_end)]
            lock += [(0.86 - bend / 2, lock_end * 0.65), (0.9, 0.2), (0.86, -0.2)]
            pen.shape(smooth([(x * side, y) for x, y in lock]), colour)
            pen.blob([(x * side, y) for x, y in oval(0.93, -0.22, 0.13, 0.22)], colour)
    shine = lighter(colour, 0.42)
    pen.stroke(oval(0, -0.2, 0.74, 0.6, 205, 245), shine, 0.1)
    pen.stroke(oval(0, -0.2, 0.74, 0.6, 253, 262), shine, 0.1)


def draw_clip(pen: Pen, character: Character) -> None:
    """The hair clip, on the right of the picture, large enough to be seen at 64 pixels."""
    if not character.clip:
        return
    x, y = CLIP_PLACE
    colour = CLIP_COLOURS[character.clip_colour]
    if character.clip == "star":
        points: list[Point] = []
        for i in range(10):
            r, a = (0.37, 0.17)[i % 2], math.radians(-90 + 36 * i + 10)
            points.append((x + r * math.cos(a), y + r * math.sin(a)))
        pen.shape(points, colour, (196, 132, 0))
    elif character.clip == "flower":
        for i in range(5):
            a = math.radians(-90 + 72 * i)
            pen.shape(oval(x + 0.17 * math.cos(a), y + 0.17 * math.sin(a), 0.14, 0.14), colour)
        pen.shape(oval(x, y, 0.1, 0.1), (255, 240, 190))
    elif character.clip == "heart":
        half: list[Point] = [(0.1, -0.22), (0.28, -0.2), (0.32, -0.02), (0.18, 0.17), (0.0, 0.3)]
        outline = [(0.0, -0.12), *smooth([(0.0, -0.12), *half], closed=False)]
        points = [*outline, *((-px, py) for px, py in reversed(outline))]
        pen.shape([(x + px, y + py) for px, py in points], colour)
    else:
        for side in (-1, 1):
            wing: list[Point] = [(0.0, -0.02), (0.34, -0.24), (0.4, 0.0), (0.34, 0.24), (0.0, 0.06)]
            pen.shape([(x + side * px, y + py) for px, py in wing], colour)
        pen.shape(oval(x, y, 0.1, 0.11), darker(colour, 0.15))
