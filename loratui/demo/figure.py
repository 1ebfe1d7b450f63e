"""Neck, clothes, arms and what the hands hold."""

from __future__ import annotations

from loratui.demo.character import CLOTHES_COLOURS, Character, Colour
from loratui.demo.face import SKIN, SKIN_LINE
from loratui.demo.pen import Pen, Point, darker, lighter, mirrored, mix, oval, smooth

NAVY: Colour = (44, 62, 122)
WHITE: Colour = (248, 248, 250)
TORSO: list[Point] = [(0.28, 1.0), (0.62, 1.12), (0.84, 1.4), (0.8, 2.1), (0.92, 3.6)]


def draw_body(pen: Pen, character: Character) -> None:
    """Torso with its clothes, and arms hanging down where the pose leaves them free."""
    colour = CLOTHES_COLOURS[character.clothes_colour]
    clothes = character.clothes
    if clothes == "hoodie":
        pen.shape(oval(0, 1.12, 0.78, 0.34), darker(colour, 0.2))
    if character.pose != "lying in bed":
        for side in (-1, 1):
            if character.pose == "standing" or (character.pose == "waving" and side < 0):
                _draw_arm(pen, character, [(0.76 * side, 1.45), (0.98 * side, 2.05), (0.9 * side, 2.75)])
    torso = smooth(mirrored(TORSO))
    if clothes == "school uniform":
        pen.shape(torso, WHITE)
    else:
        pen.shape(torso, colour)
    pen.shape(
        smooth(mirrored([(0.24, 0.78), (0.22, 1.02), (0.3, 1.12), (0.0, 1.3)])), mix(SKIN, SKIN_LINE, 0.12), SKIN_LINE
    )
    _CLOTHES[clothes](pen, colour)


def _t_shirt(pen: Pen, colour: Colour) -> None:
    pen.stroke(oval(0, 1.05, 0.36, 0.26, 10, 170), darker(colour, 0.25), 0.07)


def _dress(pen: Pen, colour: Colour) -> None:
    for side in (-1, 1):
        collar = [(0.02, 1.28), (0.16, 1.08), (0.4, 1.04), (0.5, 1.22), (0.3, 1.4)]
        pen.shape(smooth([(x * side, y) for x, y in collar]), WHITE)
    pen.shape([(-0.84, 2.2), (0.84, 2.2), (0.84, 2.36), (-0.84, 2.36)], darker(colour, 0.3))
    pen.shape(oval(0, 1.36, 0.1, 0.1), darker(colour, 0.3))


def _hoodie(pen: Pen, colour: Colour) -> None:
    pen.stroke(oval(0, 1.02, 0.46, 0.34, 5, 175), darker(colour, 0.22), 0.16)
    for side in (-1, 1):
        pen.stroke([(0.17 * side, 1.38), (0.2 * side, 1.72)], WHITE, 0.07)
    pen.shape([(-0.42, 2.3), (0.42, 2.3), (0.55, 2.75), (-0.55, 2.75)], darker(colour, 0.08))


def _cardigan(pen: Pen, colour: Colour) -> None:
    pen.shape([(-0.24, 1.08), (0.0, 1.3), (0.24, 1.08), (0.3, 1.5), (0.2, 3.6), (-0.2, 3.6), (-0.3, 1.5)], WHITE)
    for side in (-1, 1):
        edge: list[Point] = [(0.26 * side, 1.06), (0.34 * side, 1.5), (0.24 * side, 3.6)]
        pen.stroke(smooth(edge, closed=False), darker(colour, 0.38), 0.13)
        pen.stroke(smooth(edge, closed=False), darker(colour, 0.14), 0.07)
    for y in (1.75, 2.15, 2.55):
        pen.blob(oval(0.32, y, 0.055, 0.055), darker(colour, 0.6))


def _sweater(pen: Pen, colour: Colour) -> None:
    pen.shape(smooth(mirrored([(0.3, 0.92), (0.34, 1.14), (0.16, 1.2)])), lighter(colour, 0.12))
    for y in (1.6, 2.0, 2.4):
        pen.stroke([(-0.7, y), (0.7, y)], darker(colour, 0.16), 0.05)


def _school_uniform(pen: Pen, _: Colour) -> None:
    for side in (-1, 1):
        collar: list[Point] = [(0.26, 1.02), (0.72, 1.14), (0.8, 1.5), (0.02, 1.78), (0.02, 1.5)]
        pen.shape([(x * side, y) for x, y in collar], NAVY)
        bow: list[Point] = [(0.0, 1.66), (0.3, 1.54), (0.34, 1.86), (0.0, 1.76)]
        pen.shape([(x * side, y) for x, y in bow], (224, 48, 60))
    pen.blob(oval(0, 1.7, 0.08, 0.09), (180, 30, 46))


_CLOTHES = {
    "t-shirt": _t_shirt,
    "dress": _dress,
    "hoodie": _hoodie,
    "cardigan": _cardigan,
    "sweater": _sweater,
    "school uniform": _school_uniform,
}


def _draw_arm(pen: Pen, character: Character, points: list[Point]) -> None:
    """Shoulder, elbow, hand; short sleeves leave the forearm bare."""
    colour = WHITE if character.clothes == "school uniform" else CLOTHES_COLOURS[character.clothes_colour]
    shoulder, elbow, hand = points
    bent = smooth(points, closed=False, pieces=8)
    if character.clothes in ("t-shirt", "dress", "school uniform"):
        pen.stroke(bent, SKIN_LINE, 0.3 + 2 * pen.line)
        pen.stroke(bent, SKIN, 0.3)
        pen.tube([shoulder, (shoulder[0] * 0.4 + elbow[0] * 0.6, shoulder[1] * 0.4 + elbow[1] * 0.6)], colour, 0.4)
    else:
        pen.shape(oval(hand[0], hand[1], 0.17, 0.17), SKIN, SKIN_LINE)
        pen.tube(bent[:-3], colour, 0.38)


def draw_action(pen: Pen, character: Character) -> None:
    """Raised arms and held things, in front of everything else."""
    if character.pose == "waving":
        _draw_arm(pen, character, [(0.76, 1.5), (1.36, 1.6), (1.5, 0.86)])
        for dx in (-0.12, 0.0, 0.12):
            pen.stroke([(1.5 + dx * 0.7, 0.8), (1.51 + dx * 1.6, 0.52)], SKIN_LINE, 0.15)
        for dx in (-0.12, 0.0, 0.12):
            pen.stroke([(1.5 + dx * 0.7, 0.82), (1.51 + dx * 1.6, 0.52)], SKIN, 0.09)
        pen.blob(oval(1.5, 0.84, 0.15, 0.16), SKIN)
    elif character.pose == "reading book":
        for side in (-1, 1):
            _draw_arm(pen, character, [(0.78 * side, 1.5), (1.0 * side, 2.1), (0.66 * side, 1.78)])
        cover: Colour = (56, 118, 178)
        for side in (-1, 1):
            page: list[Point] = [(0.0, 1.42), (0.62, 1.3), (0.66, 1.92), (0.0, 2.06)]
            pen.shape([(x * side, y) for x, y in page], cover)
            pen.blob([(x * side * 0.86, y * 0.97 + 0.0) for x, y in page], WHITE)
            for y in (1.46, 1.58, 1.7, 1.82):
                pen.stroke([(0.1 * side, y), (0.44 * side, y - 0.07)], (170, 170, 184), 0.03)
            pen.shape(oval(0.66 * side, 1.74, 0.13, 0.15), SKIN, SKIN_LINE)
    elif character.pose == "holding cup":
        for side in (-1, 1):
            _draw_arm(pen, character, [(0.78 * side, 1.5), (0.98 * side, 2.15), (0.34 * side, 1.84)])
        pen.stroke(oval(0.34, 1.66, 0.15, 0.14), (240, 240, 244), 0.08)
        pen.shape([(-0.3, 1.42), (0.3, 1.42), (0.24, 1.94), (-0.24, 1.94)], (252, 252, 252), (120, 100, 110))
        pen.shape(oval(0, 1.42, 0.3, 0.08), (122, 74, 44), (120, 100, 110))
        for side in (-1, 1):
            pen.shape(oval(0.28 * side, 1.8, 0.13, 0.14), SKIN, SKIN_LINE)
    elif character.pose == "lying in bed":
        _draw_blanket(pen)


def _draw_blanket(pen: Pen) -> None:
    blanket: Colour = (120, 160, 214)
    edge: list[Point] = [
        (-4.0, 1.72),
        (-1.4, 1.6),
        (-0.5, 1.52),
        (0.5, 1.52),
        (1.4, 1.6),
        (4.0, 1.72),
        (4.0, 4.5),
        (-4.0, 4.5),
    ]
    pen.shape(edge, blanket)
    pen.shape([*edge[:6], *((x, y + 0.3) for x, y in reversed(edge[:6]))], (250, 250, 252), (150, 160, 190))
    for side in (-1, 1):
        pen.shape(oval(0.45 * side, 1.54, 0.17, 0.13), SKIN, SKIN_LINE)
    for x in (-1.5, -0.5, 0.5, 1.5):
        pen.blob(oval(x, 2.45, 0.12, 0.12), (168, 198, 236))
