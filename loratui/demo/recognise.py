"""Says from pixels alone what a picture of the demo base shows: hair, background, and how much of Emi there is.

Where to look is not written down but drawn: the place of a feature is the set of pixels that change when only that
feature of the character changes. What is there is then the nearest entry of the palette the drawings are made from.
The recogniser names hair and background of real drawings it was not tuned on (see tests/unit/demo), which is what
entitles it to judge generated ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from loratui.demo.character import CLOTHES_COLOURS, HAIR_COLOURS, PLAIN_BACKGROUNDS, Character, Colour
from loratui.demo.corpus import SIZE
from loratui.demo.drawing import FRAMES, draw
from loratui.demo.emi import emi
from loratui.demo.pen import darker, lighter

Mask = NDArray[np.bool_]
Pixels = NDArray[np.float64]


def pixels_of(picture: Image.Image) -> Pixels:
    """The picture as [64, 64, 3], 0..255; larger ones are averaged down."""
    if picture.size != (SIZE, SIZE):
        picture = picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)
    return np.asarray(picture.convert("RGB"), dtype=np.float64)


def centred(character: Character) -> Character:
    """The character without the small chances of its drawing, which a caption does not tell."""
    return replace(character, tilt=0.0, shift_x=0.0, shift_y=0.0, zoom=1.0, tone="plain")


def changed(a: Character, b: Character, least: float = 60.0) -> Mask:
    """Pixels in which the two drawings differ by at least `least` in some channel."""
    difference = np.abs(pixels_of(draw(a, SIZE)) - pixels_of(draw(b, SIZE))).max(axis=-1)
    return np.asarray(difference >= least)


def inner(mask: Mask) -> Mask:
    """The mask without its outermost ring of pixels, unless nothing would be left."""
    shrunk = np.asarray(Image.fromarray(mask).convert("L").filter(ImageFilter.MinFilter(3))) > 0
    return shrunk if shrunk.any() else mask


@lru_cache(maxsize=4096)
def hair_place(character: Character) -> Mask:
    c = centred(character)
    return inner(changed(replace(c, hair_colour="black"), replace(c, hair_colour="white")))


@lru_cache(maxsize=4096)
def background_place(character: Character) -> Mask:
    c = centred(character)
    return inner(changed(replace(c, background="green"), replace(c, background="red")))


def nearest(colours: Pixels, palette: dict[str, Iterable[Colour]]) -> list[str]:
    """For each of the colours [N, 3] the palette's name with the nearest shade (Euclidean in RGB)."""
    names = [name for name, shades in palette.items() for _ in shades]
    shades = np.array([shade for shades in palette.values() for shade in shades], dtype=np.float64)
    distances = np.square(colours[:, None] - shades[None]).sum(axis=-1)
    return [names[i] for i in distances.argmin(axis=1)]


HAIR_PALETTE: dict[str, Iterable[Colour]] = {name: (c, darker(c, 0.14)) for name, c in HAIR_COLOURS.items()}
BACKGROUND_PALETTE: dict[str, Iterable[Colour]] = {name: (c, lighter(c, 0.16)) for name, c in PLAIN_BACKGROUNDS.items()}
CLOTHES_PALETTE: dict[str, Iterable[Colour]] = {name: (c,) for name, c in CLOTHES_COLOURS.items()}


def majority(colours: Pixels, palette: dict[str, Iterable[Colour]]) -> str:
    """The name most of the colours [N, 3] vote for."""
    votes = nearest(colours, palette)
    return max(sorted(set(votes)), key=votes.count)


def hair_colour(picture: Image.Image, character: Character) -> str:
    """Colour of the hair where a character of this length, style, pose and framing has hair."""
    return majority(pixels_of(picture)[hair_place(centred(character))], HAIR_PALETTE)


def background_colour(picture: Image.Image, character: Character) -> str:
    """Plain colour of the background where this character leaves it free."""
    return majority(pixels_of(picture)[background_place(centred(character))], BACKGROUND_PALETTE)


def emi_features(picture: Image.Image, framing: str | None = None) -> dict[str, float]:
    """How much of Emi a picture shows, each from 0 (nothing) to about 1 (as in her own drawing).

    - `glasses`: red (R − max(G, B)) on the rims around the eyes; 0 is Emi without glasses, 1 with them. Skin, hair and
      frames of any other colour are not red in this sense.
    - `star`: yellow (min(R, G) − B) at the clip's place; 0 is her bare brown hair, 1 the star. No clip of the base's
      corpus is yellow; blonde hair reaches 0.4 but then fails `hair`.
    - `hair`: share of the pixels where her long wavy hair is that are nearest to brown in the palette of hair colours.
    - `cardigan`: share of the clothes' pixels nearest to beige times share of the open front's nearest to white.

    Places are those of a standing Emi in the given framing; without one, that framing is taken in which she is most
    herself. Meant for standing poses in plain light: books and blankets hide what is measured.
    """
    if framing is None:
        return max((emi_features(picture, name) for name in FRAMES), key=lambda found: sum(found.values()))
    x = pixels_of(picture)
    rims, clip, hair, sleeves, front = _emi_places(framing)
    own, bare = _emi_references(framing)
    return {
        "glasses": _between(_redness(x[rims]), _redness(bare[rims]), _redness(own[rims])),
        "star": _between(_yellowness(x[clip]), _yellowness(bare[clip]), _yellowness(own[clip])),
        "hair": _share(x[hair], HAIR_PALETTE, "brown"),
        "cardigan": _share(x[sleeves], CLOTHES_PALETTE, "beige") * _share(x[front], CLOTHES_PALETTE, "white"),
    }


def emi_score(picture: Image.Image, framing: str | None = None) -> float:
    """The mean of her four features: one number from 0 to about 1."""
    found = emi_features(picture, framing)
    return sum(found.values()) / len(found)


@lru_cache(maxsize=8)
def _emi_places(framing: str) -> tuple[Mask, Mask, Mask, Mask, Mask]:
    """Rims, clip, hair, the cardigan itself and the white front between its edges."""
    own = emi(framing=framing)
    rims = changed(own, replace(own, glasses="green"))
    clip = inner(changed(own, replace(own, clip="")))
    cardigan = inner(changed(own, replace(own, clothes_colour="black")))
    opened = changed(own, replace(own, clothes="t-shirt"), least=25.0)
    front = opened & (pixels_of(draw(own, SIZE)).min(axis=-1) > 235)
    return rims, clip, hair_place(own), cardigan, front


@lru_cache(maxsize=8)
def _emi_references(framing: str) -> tuple[Pixels, Pixels]:
    own = emi(framing=framing)
    return pixels_of(draw(own, SIZE)), pixels_of(draw(replace(own, glasses="", clip=""), SIZE))


def _redness(colours: Pixels) -> float:
    return float(np.mean(colours[:, 0] - colours[:, 1:].max(axis=1)))


def _yellowness(colours: Pixels) -> float:
    return float(np.mean(colours[:, :2].min(axis=1) - colours[:, 2]))


def _between(value: float, nothing: float, everything: float) -> float:
    return min(1.0, max(0.0, (value - nothing) / (everything - nothing)))


def _share(colours: Pixels, palette: dict[str, Iterable[Colour]], name: str) -> float:
    return nearest(colours, palette).count(name) / len(colours)
