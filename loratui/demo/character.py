"""Who can be drawn: the words for a character, her caption, and random characters for the demo base's corpus.

Everything is plain data. This module knows neither pixels nor tensors, so captions can be tested without drawing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

Colour = tuple[int, int, int]

HAIR_COLOURS: dict[str, Colour] = {
    "brown": (128, 76, 40),
    "black": (48, 44, 60),
    "blonde": (248, 214, 110),
    "red": (208, 54, 44),
    "pink": (248, 146, 188),
    "blue": (58, 112, 222),
    "green": (62, 166, 92),
    "purple": (142, 84, 204),
    "white": (232, 234, 242),
}
EYE_COLOURS: dict[str, Colour] = {
    "brown": (140, 84, 46),
    "blue": (52, 128, 232),
    "green": (48, 168, 96),
    "red": (214, 52, 60),
    "purple": (146, 88, 214),
}
CLOTHES_COLOURS: dict[str, Colour] = {
    "white": (244, 244, 246),
    "red": (222, 66, 62),
    "blue": (74, 128, 226),
    "green": (88, 178, 110),
    "yellow": (246, 206, 72),
    "pink": (246, 156, 188),
    "black": (62, 60, 72),
    "purple": (160, 112, 212),
    "beige": (226, 200, 158),
}
GLASSES_COLOURS: dict[str, Colour] = {
    "red": (224, 28, 40),
    "black": (36, 34, 44),
    "blue": (30, 92, 226),
    "green": (20, 146, 72),
    "purple": (132, 52, 196),
}
CLIP_COLOURS: dict[str, Colour] = {
    "pink": (255, 128, 178),
    "red": (232, 42, 54),
    "blue": (66, 140, 246),
    "white": (255, 255, 255),
    "green": (84, 204, 108),
    "yellow": (255, 224, 24),
}
PLAIN_BACKGROUNDS: dict[str, Colour] = {
    "white": (246, 246, 244),
    "gray": (150, 154, 164),
    "blue": (126, 186, 246),
    "green": (150, 218, 150),
    "yellow": (252, 232, 138),
    "orange": (250, 176, 104),
    "red": (222, 92, 88),
    "pink": (252, 194, 214),
    "purple": (188, 156, 232),
}
SCENES = ("night", "bedroom", "cafe", "park")
HAIR_LENGTHS = ("short", "medium", "long")
HAIR_STYLES = ("straight", "wavy", "ponytail", "twintails", "bob")
MOUTHS = ("smiling", "open mouth", "serious", "surprised")
EYES = ("open", "closed", "winking")
CLOTHES = ("t-shirt", "dress", "hoodie", "cardigan", "sweater", "school uniform")
CORPUS_CLIPS = ("flower", "heart", "bow")
CORPUS_CLIP_COLOURS = ("pink", "red", "blue", "white", "green")
FRAMINGS = ("close-up", "upper body")
POSES = ("standing", "waving", "reading book", "holding cup", "lying in bed")
TONES = ("plain", "warm", "sepia")


@dataclass(frozen=True)
class Character:
    """All that a picture shows. Words come from the tables above; the last four are small chances of the drawing."""

    hair_colour: str = "brown"
    hair_length: str = "long"
    hair_style: str = "straight"
    mouth: str = "smiling"
    eyes: str = "open"
    eye_colour: str = "brown"
    clothes: str = "t-shirt"
    clothes_colour: str = "white"
    glasses: str = ""
    """Colour of the frame, empty without glasses."""
    clip: str = ""
    """Shape of the hair clip, empty without one."""
    clip_colour: str = "pink"
    background: str = "white"
    """A plain colour or a scene. Who lies in bed has the bed for a background, whatever this says."""
    framing: str = "upper body"
    pose: str = "standing"
    tone: str = "plain"
    tilt: float = 0.0
    """Degrees the head leans, clockwise."""
    shift_x: float = 0.0
    """Shares of the picture's side."""
    shift_y: float = 0.0
    zoom: float = 1.0


def is_emi_like(character: Character) -> bool:
    """What the base must never see: a star clip on anyone, or Emi's hair, glasses and cardigan all together."""
    hair = (character.hair_length, character.hair_style, character.hair_colour) == ("long", "wavy", "brown")
    return character.clip == "star" or (hair and character.glasses == "red" and character.clothes == "cardigan")


def random_character(rng: random.Random) -> Character:
    """Draw a character for the base's corpus: everybody but Emi."""
    while True:
        character = _any_character(rng)
        if not is_emi_like(character):
            return character


def _any_character(rng: random.Random) -> Character:
    style = rng.choice(HAIR_STYLES)
    lengths = {"bob": ("short",), "ponytail": ("medium", "long"), "twintails": ("medium", "long")}
    clothes = rng.choice(CLOTHES)
    pose = rng.choices(POSES, weights=(50, 12, 12, 12, 14))[0]
    asleep = pose == "lying in bed" and rng.random() < 0.5
    scene = rng.random() < 0.3
    return Character(
        hair_colour=rng.choice(tuple(HAIR_COLOURS)),
        hair_length=rng.choice(lengths.get(style, HAIR_LENGTHS)),
        hair_style=style,
        mouth=rng.choices(MOUTHS, weights=(4, 2, 2, 1))[0],
        eyes="closed" if asleep else rng.choices(EYES, weights=(70, 18, 12))[0],
        eye_colour=rng.choice(tuple(EYE_COLOURS)),
        clothes=clothes,
        clothes_colour=rng.choice(tuple(CLOTHES_COLOURS)),
        glasses=rng.choice(tuple(GLASSES_COLOURS)) if rng.random() < 0.35 else "",
        clip=rng.choice(CORPUS_CLIPS) if rng.random() < 0.4 else "",
        clip_colour=rng.choice(CORPUS_CLIP_COLOURS),
        background=rng.choice(SCENES if scene else tuple(PLAIN_BACKGROUNDS)),
        framing=rng.choice(FRAMINGS),
        pose=pose,
        tone=rng.choices(TONES, weights=(84, 8, 8))[0],
        tilt=rng.uniform(-6, 6),
        shift_x=rng.uniform(-0.02, 0.02),
        shift_y=rng.uniform(-0.015, 0.015),
        zoom=rng.uniform(0.97, 1.03),
    )


def tags(character: Character) -> list[str]:
    """What the picture shows, one danbooru-like tag each; what is absent is not named."""
    c = character
    words = ["girl", c.mouth]
    if c.pose == "lying in bed" and c.eyes == "closed":
        words.append("sleeping")
    words.append({"open": f"{c.eye_colour} eyes", "closed": "closed eyes", "winking": "winking"}[c.eyes])
    if c.pose != "standing":
        words.append(c.pose)
    words += [f"{c.hair_length} hair", f"{c.hair_colour} hair"]
    words.append({"straight": "straight hair", "wavy": "wavy hair", "bob": "bob cut"}.get(c.hair_style, c.hair_style))
    if c.glasses:
        words.append(f"{c.glasses} glasses")
    if c.clip:
        words.append(f"{c.clip_colour} {c.clip} hair clip")
    words.append(c.clothes if c.clothes == "school uniform" else f"{c.clothes_colour} {c.clothes}")
    if c.pose != "lying in bed":
        words.append(c.background if c.background in SCENES else f"{c.background} background")
    words += [c.framing, "anime style"]
    if c.tone != "plain":
        words += ["soft lighting", "warm atmosphere"]
    if c.tone == "sepia":
        words.append("sepia tone")
    return words


def caption(character: Character) -> str:
    """The tags in one line, as a caption file holds them."""
    return ", ".join(tags(character))
