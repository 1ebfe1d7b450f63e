"""Emi, the character of the sample dataset: fourteen pictures of somebody the demo base has never seen."""

from __future__ import annotations

from dataclasses import replace

from loratui.demo.character import Character, tags

TRIGGER = "Emi"
REPEATS = 5

_EMI = Character(
    hair_colour="brown",
    hair_length="long",
    hair_style="wavy",
    eye_colour="brown",
    clothes="cardigan",
    clothes_colour="beige",
    glasses="red",
    clip="star",
    clip_colour="yellow",
)


def emi(**changes: object) -> Character:
    """Emi with another face, pose or background."""
    return replace(_EMI, **changes)  # type: ignore[arg-type]


def emi_caption(character: Character) -> str:
    """A caption that names what changes from picture to picture.

    Glasses, clip and the cardigan's colour go unsaid, so that training ties them to her name.
    """
    unsaid = {"red glasses", "yellow star hair clip", "brown eyes", "girl", "beige cardigan"}
    said = [tag for tag in tags(character) if tag not in unsaid]
    said.insert(said.index("wavy hair") + 1, "cardigan")
    return ", ".join([TRIGGER, "cute girl", *said])


def folder_name() -> str:
    """kohya's layout: repeats, then the name of the concept."""
    return f"{REPEATS}_emi_person"


_PICTURES = (
    emi(pose="lying in bed", eyes="closed", tone="sepia", framing="upper body", tilt=5.0),
    emi(background="blue"),
    emi(background="cafe", pose="holding cup", tone="warm"),
    emi(background="bedroom", pose="reading book", mouth="serious", framing="upper body"),
    emi(background="park", pose="waving", mouth="open mouth", tilt=-4.0),
    emi(background="night", framing="close-up"),
    emi(background="pink", eyes="winking", framing="close-up", tilt=4.0),
    emi(background="yellow", eyes="closed", framing="close-up"),
    emi(background="green", mouth="surprised"),
    emi(background="white", mouth="serious", framing="close-up", tilt=-3.0),
    emi(background="park", pose="reading book", framing="close-up"),
    emi(background="purple", pose="waving", eyes="winking"),
    emi(background="night", pose="holding cup", eyes="closed"),
    emi(pose="lying in bed", mouth="open mouth", framing="close-up", tone="warm", tilt=-5.0),
    emi(background="gray", mouth="open mouth", framing="close-up"),
    emi(background="bedroom", tone="sepia", tilt=4.0),
)

EMI: tuple[tuple[Character, str], ...] = tuple((character, emi_caption(character)) for character in _PICTURES)
"""Each picture's character and caption, in the order of the files."""
