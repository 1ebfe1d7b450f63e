"""A pen that draws smooth outlined shapes in a coordinate frame of its own (pillow only).

Coordinates are in head radii around the middle of the head, so one set of numbers serves every size and framing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from loratui.demo.character import Colour

Point = tuple[float, float]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Colour `a` with `share` (0..1) of `b` in it."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def darker(colour: Colour, share: float = 0.35) -> Colour:
    return mix(colour, (40, 20, 40), share)


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    return mix(colour, (255, 255, 255), share)


def mirrored(points: Sequence[Point]) -> list[Point]:
    """Points of a right half, top to bottom, completed by the left half, bottom to top."""
    return [*points, *((-x, y) for x, y in reversed(points))]


def smooth(points: Sequence[Point], closed: bool = True, pieces: int = 6) -> list[Point]:
    """A Catmull-Rom spline through the points."""
    n = len(points)
    curve: list[Point] = []
    for i in range(n if closed else n - 1):
        p = [points[(i + k) % n] if closed else points[min(max(i + k, 0), n - 1)] for k in (-1, 0, 1, 2)]
        for step in range(pieces):
            t = step / pieces
            w = (
                -0.5 * t**3 + t**2 - 0.5 * t,
                1.5 * t**3 - 2.5 * t**2 + 1,
                -1.5 * t**3 + 2 * t**2 + 0.5 * t,
                0.5 * t**3 - 0.5 * t**2,
            )
            curve.append((sum(w[k] * p[k][0] for k in range(4)), sum(w[k] * p[k][1] for k in range(4))))
    if not closed:
        curve.append(points[-1])
    return curve


def oval(x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360) -> list[Point]:
    """An ellipse, or a part of it between two angles in degrees (0 is right, 90 is down)."""
    n = 40
    angles = [math.radians(start + (end - start) * i / n) for i in range(n + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


@dataclass(frozen=True)
class Pen:
    """Draws on `image`; `unit` is the length of 1.0 in pixels, `x` and `y` the place of (0, 0), `angle` in degrees."""

    image: Image.Image
    x: float
    y: float
    unit: float
    angle: float = 0.0
    line: float = 0.045
    """Width of an outline in units."""

    def place(self, points: Sequence[Point]) -> list[Point]:
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        return [
            (self.x + (px * cos - py * sin) * self.unit, self.y + (px * sin + py * cos) * self.unit)
            for px, py in points
        ]

    def shape(self, points: Sequence[Point], fill: Colour, outline: Colour | None = None) -> None:
        """A filled polygon with an outline (a darker shade of the fill unless given)."""
        placed = self.place(points)
        draw = ImageDraw.Draw(self.image)
        draw.polygon(placed, fill=fill)
        self._line(draw, [*placed, placed[0], placed[1]], outline or darker(fill, 0.45), self.line)

    def blob(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon without an outline."""
        ImageDraw.Draw(self.image).polygon(self.place(points), fill=fill)

    def stroke(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """An open line with round ends and joints, `width` in units."""
        draw = ImageDraw.Draw(self.image)
        placed = self.place(points)
        self._line(draw, placed, colour, width)
        r = (max(1, round(width * self.unit)) - 1) / 2
        for px, py in placed:
            draw.ellipse((px - r, py - r, px + r, py + r), fill=colour)

    def tube(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """A thick outlined line: sleeves and arms."""
        self.stroke(points, darker(fill, 0.45), width + 2 * self.line)
        self.stroke(points, fill, width)

    def _line(self, draw: ImageDraw.ImageDraw, placed: Sequence[Point], colour: Colour, width: float) -> None:
        draw.line(list(placed), fill=colour, width=max(1, round(width * self.unit)), joint="curve")
