"""The LoRA tags that people write into prompts, as AUTOMATIC1111 reads them: `<lora:NAME:TE[:UNET]>`.

Knows only the text. Which file a name stands for, and what a tag does, is decided in `combination`. Emphasis such as
`(word:1.2)` is left in the text as it stands, for `diffusion.emphasis` to read. As in A1111 a backslash escapes no tag,
and brackets in a LoRA's name are part of the name.

AND in capitals, by which A1111 draws several prompts at once (composable diffusion), is refused: the UNet would have to
run once for each. In a negative prompt it is a word, there as here.
"""

import math
import re
from dataclasses import dataclass
from typing import NoReturn

from loratui.diffusion.emphasis import parse_emphasis
from loratui.errors import GenerationError
from loratui.safe_text import printable

# The expression of A1111's modules/extra_networks.py: any word, a colon, anything up to the next ">".
_TAG = re.compile(r"<(\w+):([^>]+)>")
_LEFT_OVER = re.compile(r"<lora:[^>]*>?", re.IGNORECASE)
_AND = re.compile(r"\bAND\b")
_SPACES = re.compile(r"[^\S\n]+")
_SPACES_AT_LINE_END = re.compile(r" ?\n ?")
_HOW_TO_WRITE = "Write it as <lora:NAME:0.8>, or <lora:NAME:0.8:0.6> for text encoder and UNet apart."
FORBIDDEN_IN_NAMES = ":>=,"


@dataclass(frozen=True)
class LoraTag:
    """One tag: the LoRA's name and its strength in the text encoder and in the UNet."""

    name: str
    text_encoder: float = 1.0
    unet: float = 1.0

    def __str__(self) -> str:
        """The tag as A1111 reads it; characters that a name cannot hold there are left out."""
        name = "".join(character for character in self.name if character not in FORBIDDEN_IN_NAMES)
        second = "" if self.unet == self.text_encoder else f":{self.unet:g}"
        return f"<lora:{name}:{self.text_encoder:g}{second}>"


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt without its tags, and the tags in the order in which they stood."""

    text: str
    loras: tuple[LoraTag, ...] = ()


def parse_prompt(text: str) -> ParsedPrompt:
    """Take the LoRA tags out of a prompt.

    As in A1111 the UNet's strength defaults to the text encoder's and that to 1; `te=` and `unet=` win over the
    positions; commas around a tag stay. White space is made single, which changes no token.

    Raises:
        GenerationError: a tag is not complete, a strength is not a number, or it is not a LoRA's tag; the text joins
            prompts with AND, or `parse_emphasis` refuses it.
    """
    loras: list[LoraTag] = []

    def take(match: re.Match[str]) -> str:
        loras.append(_read_tag(match.group(0), match.group(1), match.group(2)))
        return ""

    rest = _TAG.sub(take, text)
    if left_over := _LEFT_OVER.search(rest):
        _refuse(left_over.group(0), "is not complete", _HOW_TO_WRITE)
    if _AND.search(rest):
        raise GenerationError(
            "The prompt joins several prompts with AND, which is not understood here.",
            "Write a comma or a small “and”, or make each of them a prompt of its own.",
        )
    rest = _SPACES_AT_LINE_END.sub("\n", _SPACES.sub(" ", rest)).strip()
    parse_emphasis(rest)
    return ParsedPrompt(rest, tuple(loras))


def _read_tag(tag: str, kind: str, arguments: str) -> LoraTag:
    if kind != "lora":
        _refuse(tag, "is not a LoRA's tag, the only kind understood here", _HOW_TO_WRITE)
    positions: list[str] = []
    named: dict[str, str] = {}
    for argument in arguments.split(":"):
        key, equals, value = argument.partition("=")
        if equals:
            named[key.strip()] = value
        else:
            positions.append(argument.strip())
    name = positions[0] if positions else ""
    if not name:
        _refuse(tag, "names no LoRA", _HOW_TO_WRITE)
    if len(positions) > 3:
        _refuse(tag, "has more than a name and two strengths", _HOW_TO_WRITE)
    if unknown := sorted(named.keys() - {"te", "unet"}):
        _refuse(tag, f"has the unknown argument {printable(unknown[0])}=", "Only te= and unet= are understood.")
    if "," in name:
        _refuse(tag, "has a comma in its name", _HOW_TO_WRITE)
    text_encoder = _strength(tag, named.get("te", positions[1] if len(positions) > 1 else "1"))
    unet = named.get("unet", positions[2] if len(positions) > 2 else None)
    return LoraTag(name, text_encoder, text_encoder if unet is None else _strength(tag, unet))


def _strength(tag: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        _refuse(tag, f"has the strength {printable(text)!r}, which is not a number", _HOW_TO_WRITE)
    return value


def _refuse(tag: str, why: str, todo: str) -> NoReturn:
    shown = tag if len(tag) <= 80 else tag[:79] + "…"
    raise GenerationError(f"The tag {printable(shown)} in the prompt {why}.", todo)
