"""The card by which A1111 and Forge show a LoRA: `NAME.png`, its picture, and `NAME.json`, how it is to be used.

Knows files and the keys that those tools read; which picture and which strength is a person's choice.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loratui.errors import LoraFileError
from loratui.safe_text import printable
from loratui.whole_files import write_whole

PREFERRED_WEIGHT = "preferred weight"
ACTIVATION_TEXT = "activation text"
# What pictures of ours name in their `Software` chunk.
SOFTWARE = "loratui"


@dataclass(frozen=True)
class Card:
    """What a card says.

    Attributes:
        picture: A PNG whose `parameters` say how it was drawn.
        strength: What the tool puts into the tag, `<lora:NAME:0.8>`.
        activation: What the tool puts into the prompt beside the tag; "" leaves it open.
    """

    picture: Path
    strength: float
    activation: str = ""


@dataclass(frozen=True)
class WrittenCard:
    """Where a card is.

    Attributes:
        is_own_picture: The picture that was there is a person's own, and stays.
    """

    picture: Path
    described: Path
    is_own_picture: bool


def write_card(lora: Path, card: Card) -> WrittenCard:
    """Write a LoRA file's card beside it.

    What a JSON file that is there says besides stays, an activation text that somebody wrote included; a picture is
    replaced if loratui drew it. Both appear whole or not at all.

    Raises:
        LoraFileError: the picture is gone, the JSON file there is none, or nothing can be written.
    """
    png, described = lora.with_suffix(".png"), lora.with_suffix(".json")
    words = _read(described)
    words[PREFERRED_WEIGHT] = card.strength
    words[ACTIVATION_TEXT] = words.get(ACTIVATION_TEXT) or card.activation
    text = json.dumps(words, ensure_ascii=False, indent=4) + "\n"
    try:
        picture = card.picture.read_bytes()
        is_own = os.path.lexists(png) and not _is_drawn_here(png)
        if not is_own:
            write_whole(png, picture)
        write_whole(described, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise LoraFileError(
            f"The card of {printable(lora)} could not be written: {error.strerror or error}.",
            "Check that its folder can be written and has room.",
        ) from error
    return WrittenCard(png, described, is_own)


def _is_drawn_here(png: Path) -> bool:
    """Whether loratui drew a picture: it says so beside the `parameters`."""
    from PIL import Image

    try:
        with Image.open(png, formats=["PNG"]) as picture:
            return "parameters" in picture.info and picture.info.get("Software") == SOFTWARE
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _read(described: Path) -> dict[str, Any]:
    """What is written about the LoRA already; nothing where there is no file."""
    try:
        words = json.loads(described.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        words = None
    if not isinstance(words, dict):
        raise LoraFileError(
            f"{printable(described)} is there already and is no JSON object.",
            "Look into it, and rename it if it is not needed.",
        )
    return words
