"""The demo base's training pictures and their ever-changing captions (pillow and numpy, no torch)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loratui.demo.character import CLOTHES_COLOURS, GLASSES_COLOURS, Character, caption, random_character, tags
from loratui.demo.drawing import draw

SIZE = 64
"""Side of the base's pictures in pixels."""


@dataclass(frozen=True)
class Corpus:
    """Pictures [N, 64, 64, 3] uint8 and the characters they show."""

    pictures: NDArray[np.uint8]
    characters: tuple[Character, ...]


def draw_corpus(count: int, seed: int, cache: Path | None = None) -> Corpus:
    """Draw `count` random characters once; a `cache` file (.npy) keeps the pictures for a resumed build."""
    rng = random.Random(seed)
    characters = tuple(random_character(rng) for _ in range(count))
    if cache is not None and cache.exists():
        pictures: NDArray[np.uint8] = np.load(cache)
        if len(pictures) == count:
            return Corpus(pictures, characters)
    pictures = np.stack([np.asarray(draw(character, SIZE)) for character in characters])
    if cache is not None:
        np.save(cache, pictures)
    return Corpus(pictures, characters)


def varied_caption(character: Character, rng: random.Random) -> str:
    """One of many true captions of a picture.

    A tenth are empty (classifier-free guidance). Each tag is left out one time in ten, in a fifth of the captions
    one time in two, for short prompts; glasses and clips seldom, so that who is not said to wear them does not. The
    order is mostly random. A colour is left out now and then ("cardigan", "glasses"), and some captions open with a
    made-up name, so that a name the base does not know leaves the rest of the caption in force.
    """
    if rng.random() < 0.1:
        return ""
    silence = 0.5 if rng.random() < 0.2 else 0.1
    said = []
    for tag in tags(character):
        if rng.random() >= (0.04 if tag.endswith(("glasses", "hair clip")) else silence):
            said.append(_loosened(tag, rng))
    if rng.random() < 0.75:
        rng.shuffle(said)
    if rng.random() < 0.15:
        said.insert(0, made_up_name(rng))
    return ", ".join(said)


def _loosened(tag: str, rng: random.Random) -> str:
    if tag == "girl":
        return rng.choice(("girl", "cute girl"))
    colour, _, thing = tag.partition(" ")
    clothes = thing != "background" and colour in CLOTHES_COLOURS and not thing.endswith(("hair", "eyes", "clip"))
    if rng.random() < 0.2 and (clothes or (thing == "glasses" and colour in GLASSES_COLOURS)):
        return thing
    return tag


def made_up_name(rng: random.Random) -> str:
    """A pronounceable name that is not Emi's."""
    while True:
        syllables = [
            "".join((rng.choice("bdfghjklmnprstvz"), rng.choice("aeiou"))) for _ in range(rng.choice((1, 2, 2, 3)))
        ]
        name = (
            rng.choice(("", "", "a", "e", "i", "o", "u")) + "".join(syllables) + rng.choice(("", "", "n", "r"))
        ).title()
        if len(name) > 2 and "emi" not in name.lower():
            return name


def sample_captions(count: int, seed: int) -> list[str]:
    """Full captions for the tokenizer to learn its words from."""
    rng = random.Random(seed)
    return [caption(random_character(rng)) for _ in range(count)] + ["cute girl"] * (count // 2)
