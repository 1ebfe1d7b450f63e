"""What is behind the character, and the light that lies over the finished picture."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageFilter, ImageOps

from loratui.demo.character import PLAIN_BACKGROUNDS, Character, Colour
from loratui.demo.pen import Pen, Point, lighter, oval, smooth


def box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def draw_background(pen: Pen, character: Character) -> None:
    """Fill the picture; the pen's frame here is the picture itself, from (0, 0) to (1, 1)."""
    if character.pose == "lying in bed":
        _bed(pen)
    elif character.background in PLAIN_BACKGROUNDS:
        colour = PLAIN_BACKGROUNDS[character.background]
        pen.blob(box(0, 0, 1, 1), colour)
        pen.blob(oval(0.5, 0.46, 0.44, 0.44), lighter(colour, 0.16))
    else:
        {"night": _night, "bedroom": _bedroom, "cafe": _cafe, "park": _park}[character.background](pen)


def _bed(pen: Pen) -> None:
    pen.blob(box(0, 0, 1, 1), (196, 178, 160))
    pen.shape(box(0.04, 0.06, 0.96, 1.1), (236, 232, 240), (150, 140, 160))
    pillow: list[Point] = [
        (0.08, 0.1),
        (0.5, 0.06),
        (0.92, 0.1),
        (0.95, 0.4),
        (0.92, 0.66),
        (0.5, 0.7),
        (0.08, 0.66),
        (0.05, 0.4),
    ]
    pen.shape(smooth(pillow), (252, 246, 250), (172, 160, 184))


def _night(pen: Pen) -> None:
    pen.blob(box(0, 0, 1, 1), (30, 36, 84))
    pen.blob(box(0, 0.6, 1, 1), (46, 50, 108))
    spots = random.Random(5)
    for _ in range(22):
        r = spots.choice((0.006, 0.009))
        pen.blob(oval(spots.random(), spots.random() * 0.8, r, r), (226, 230, 255))
    pen.blob(oval(0.15, 0.16, 0.095, 0.095), (252, 244, 196))
    pen.blob(oval(0.19, 0.135, 0.08, 0.08), (30, 36, 84))


def _bedroom(pen: Pen) -> None:
    pen.blob(box(0, 0, 1, 1), (240, 214, 204))
    pen.blob(box(0, 0.78, 1, 1), (196, 146, 116))
    pen.shape(box(0.05, 0.1, 0.3, 0.46), (168, 216, 246), (150, 100, 80))
    pen.stroke([(0.175, 0.1), (0.175, 0.46)], (150, 100, 80), 0.014)
    pen.shape(box(0.76, 0.6, 0.98, 0.8), (178, 122, 88))
    pen.stroke([(0.87, 0.6), (0.87, 0.46)], (120, 80, 66), 0.016)
    pen.shape([(0.8, 0.48), (0.83, 0.34), (0.91, 0.34), (0.94, 0.48)], (255, 226, 140), (170, 120, 60))


def _cafe(pen: Pen) -> None:
    pen.blob(box(0, 0, 1, 1), (178, 128, 92))
    for y in (0.2, 0.46):
        pen.blob(box(0, y, 1, y + 0.03), (110, 70, 48))
        for i, x in enumerate((0.04, 0.14, 0.24, 0.74, 0.84, 0.93)):
            shade: Colour = ((236, 230, 220), (206, 90, 70), (110, 160, 140))[(i + round(y * 10)) % 3]
            pen.shape(box(x, y - 0.09, x + 0.055, y), shade)
    pen.shape([(0.42, 0.0), (0.58, 0.0), (0.64, 0.07), (0.36, 0.07)], (255, 214, 120), (130, 80, 40))
    pen.blob(box(0, 0.86, 1, 1), (126, 82, 56))


def _park(pen: Pen) -> None:
    pen.blob(box(0, 0, 1, 1), (158, 214, 250))
    for x, y in ((0.2, 0.14), (0.72, 0.1)):
        for dx, r in ((-0.07, 0.045), (0.0, 0.065), (0.07, 0.045)):
            pen.blob(oval(x + dx, y, r * 1.3, r), (255, 255, 255))
    pen.blob(
        [(0, 0.66), *smooth([(0, 0.66), (0.3, 0.6), (0.7, 0.66), (1, 0.6)], closed=False), (1, 1), (0, 1)],
        (116, 190, 92),
    )
    pen.shape(box(0.87, 0.4, 0.93, 0.7), (134, 90, 58))
    pen.shape(oval(0.9, 0.33, 0.14, 0.17), (66, 150, 74))
    for x, y in ((0.08, 0.8), (0.2, 0.9), (0.86, 0.84), (0.95, 0.93)):
        pen.blob(oval(x, y, 0.02, 0.02), (255, 150, 180))


def light(picture: Image.Image, tone: str) -> Image.Image:
    """Lay the picture's tone over it: nothing, a warm glow from the upper left, or that glow in sepia."""
    if tone == "plain":
        return picture
    width, height = picture.size
    if tone == "sepia":
        brown = ImageOps.colorize(ImageOps.grayscale(picture), (52, 30, 18), (255, 242, 212), mid=(178, 128, 84))
        picture = Image.blend(picture, brown, 0.45)
    glow = Image.new("L", (64, 64), 0)
    Pen(glow, 0, 0, 64).image.paste(150, (4, 0, 40, 34))
    glow = glow.filter(ImageFilter.GaussianBlur(14)).resize((width, height), Image.Resampling.BICUBIC)
    warm = ImageChops.multiply(picture, Image.new("RGB", picture.size, (255, 238, 208)))
    return Image.composite(Image.blend(warm, Image.new("RGB", picture.size, (255, 240, 200)), 0.45), warm, glow)
