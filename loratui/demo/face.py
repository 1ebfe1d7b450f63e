"""Head, eyes, mouth and glasses."""

from __future__ import annotations

from loratui.demo.character import EYE_COLOURS, GLASSES_COLOURS, HAIR_COLOURS, Character, Colour
from loratui.demo.pen import Pen, darker, lighter, mirrored, mix, oval, smooth

SKIN: Colour = (255, 226, 204)
SKIN_LINE: Colour = (170, 106, 92)
INK: Colour = (62, 38, 48)
EYE_X, EYE_Y = 0.42, 0.26
"""Middle of an eye, in head radii from the middle of the head."""


def draw_head(pen: Pen, character: Character) -> None:
    """The bare head with its features, before fringe and glasses."""
    outline = [(0.0, -0.96), (0.68, -0.72), (0.97, -0.05), (0.84, 0.5), (0.4, 0.87), (0.0, 0.96)]
    pen.shape(smooth(mirrored(outline)[:-1]), SKIN, SKIN_LINE)
    for side in (-1, 1):
        pen.blob(oval(0.64 * side, 0.56, 0.15, 0.09), mix(SKIN, (255, 120, 130), 0.5))
        shut = character.eyes == "closed" or (character.eyes == "winking" and side > 0)
        _draw_eye(pen, character, side, shut)
    pen.blob(oval(0, 0.47, 0.03, 0.02), SKIN_LINE)
    _draw_mouth(pen, character.mouth)


def _draw_eye(pen: Pen, character: Character, side: int, shut: bool) -> None:
    x, y = EYE_X * side, EYE_Y
    if shut:
        if character.pose == "lying in bed":
            pen.stroke(oval(x, y - 0.04, 0.2, 0.16, 15, 165), INK, 0.08)
        else:
            pen.stroke(oval(x, y + 0.12, 0.2, 0.18, 195, 345), INK, 0.08)
        return
    colour = EYE_COLOURS[character.eye_colour]
    pen.blob(oval(x, y, 0.2, 0.26), (255, 255, 255))
    pen.blob(oval(x, y + 0.01, 0.175, 0.25), darker(colour, 0.4))
    pen.blob(oval(x, y + 0.05, 0.15, 0.2), colour)
    pen.blob(oval(x, y + 0.15, 0.1, 0.08), lighter(colour, 0.45))
    pen.blob(oval(x, y, 0.075, 0.11), INK)
    pen.blob(oval(x - 0.06, y - 0.1, 0.065, 0.07), (255, 255, 255))
    pen.stroke(oval(x, y + 0.02, 0.21, 0.28, 200, 340), INK, 0.08)


def _draw_mouth(pen: Pen, mouth: str) -> None:
    if mouth == "smiling":
        pen.stroke(oval(0, 0.56, 0.19, 0.14, 20, 160), INK, 0.06)
    elif mouth == "open mouth":
        pen.shape(oval(0, 0.58, 0.2, 0.24, 0, 180), (176, 40, 56), INK)
        pen.blob(oval(0, 0.74, 0.11, 0.06), (250, 130, 130))
    elif mouth == "serious":
        pen.stroke([(-0.14, 0.69), (0.14, 0.69)], INK, 0.06)
    else:
        pen.shape(oval(0, 0.69, 0.08, 0.1), (176, 40, 56), INK)


def draw_brows(pen: Pen, character: Character) -> None:
    """Eyebrows lie over the fringe, as they do in anime."""
    colour = darker(HAIR_COLOURS[character.hair_colour], 0.55)
    inner, outer = {"serious": (-0.04, -0.16), "surprised": (-0.2, -0.16)}.get(character.mouth, (-0.13, -0.1))
    for side in (-1, 1):
        pen.stroke([(0.24 * side, inner), (0.54 * side, outer)], colour, 0.045)


def draw_glasses(pen: Pen, character: Character) -> None:
    """Round frames, thick enough to keep their colour at 64 pixels."""
    if not character.glasses:
        return
    colour = GLASSES_COLOURS[character.glasses]
    for side in (-1, 1):
        ring = oval(EYE_X * side, EYE_Y + 0.02, 0.34, 0.33)
        pen.stroke(ring, colour, 0.11)
        pen.stroke([(0.76 * side, EYE_Y - 0.03), (0.97 * side, EYE_Y - 0.1)], colour, 0.09)
    pen.stroke([(-0.09, EYE_Y), (0.09, EYE_Y)], colour, 0.1)
