"""Captions: reading them from files, putting the trigger in front, and varying them while training.

Refuses to know pictures and tokenizers.
"""

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loratui.dataset.problems import DatasetFault
from loratui.dataset.regular_files import open_regular
from loratui.safe_text import printable

MAX_BYTES = 1 << 20
# A comparison without prompts of its own is drawn from this many captions.
PROMPTS_FROM_CAPTIONS = 3
_BRACKETS = re.compile(r"[\\()\[\]]")
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class CaptionVariation(Protocol):
    """Settings that vary a caption from epoch to epoch; a profile's `dataset` section and a manifest both have them."""

    @property
    def shuffle(self) -> bool: ...
    @property
    def keep_tokens(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def tag_dropout(self) -> float: ...


@dataclass(frozen=True)
class CaptionFile:
    """What a caption file says: its first line, stripped, and whether further lines hold text that is not used."""

    text: str
    further_lines: bool


def read_caption_file(path: Path) -> CaptionFile:
    """Read a caption as kohya does: UTF-8 with or without a byte order mark, first line, without spaces at its ends.

    Raises:
        DatasetFault: "caption-not-utf8" (says line and byte), or the file cannot be read ("not-a-file", "broken-link",
            "unreadable-file", "caption-too-long").
    """
    with open_regular(path) as file:
        content = file.read(MAX_BYTES + 1)
    name = printable(path.name)
    if len(content) > MAX_BYTES:
        raise DatasetFault(
            "caption-too-long",
            f"{name}: the file is larger than {MAX_BYTES // 1024} KiB, which is no caption.",
            "Put the caption into its first line and take the rest out, or move the file away.",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(name, content, error) from error
    first, *others = re.split(r"\r\n|\r|\n", text)
    return CaptionFile(first.strip(), any(line.strip() for line in others))


def _not_utf8(name: str, content: bytes, error: UnicodeDecodeError) -> DatasetFault:
    if content.startswith(UTF_16_MARKS):
        found = "it is UTF-16"
    else:
        # Counted in `error.object`, from which the byte order mark is already gone; it adds no line.
        line = error.object.count(b"\n", 0, error.start) + 1
        start = len(content) - len(error.object) + error.start
        found = f"line {line}, byte {start + 1} of the file is 0x{content[start]:02x}"
    return DatasetFault(
        "caption-not-utf8",
        f"{name}: the caption is not UTF-8 text ({found}).",
        "Save the file as UTF-8 (in an editor: Save as, encoding UTF-8), or take it away.",
    )


def with_trigger(caption: str, trigger: str) -> str:
    """`caption` with `trigger` in front as its own tag, unless the trigger already stands in it as a word."""
    trigger = trigger.strip()
    if not trigger or re.search(rf"(?<!\w){re.escape(trigger)}(?!\w)", caption, re.IGNORECASE):
        return caption
    return f"{trigger}, {caption}" if caption else trigger


def as_prompt(caption: str) -> str:
    r"""`caption` as a prompt that means its very words: `emi (fate)` → `emi \(fate\)`.

    Training takes captions as they stand, as kohya does unless told otherwise; prompts weigh words by brackets.
    """
    return _BRACKETS.sub(r"\\\g<0>", caption)


def vary_caption(
    caption: str,
    *,
    rng: random.Random,
    shuffle: bool,
    keep_tokens: int,
    dropout: float,
    tag_dropout: float,
) -> str:
    """One drawing of a caption: dropout → keep_tokens → shuffle → tag dropout, in kohya's order.

    The text is split at commas and rejoined with ", " only when tags are shuffled or dropped; else it is untouched.

    Args:
        caption: The caption as frozen in the manifest.
        rng: Source of the draws, used up in a fixed order.
        shuffle: Bring the tags into a random order.
        keep_tokens: This many tags at the front neither move nor drop out.
        dropout: Probability that the whole caption is empty.
        tag_dropout: Probability that a single tag is left out.
    """
    if rng.random() < dropout:
        return ""
    if not shuffle and tag_dropout <= 0:
        return caption
    tags = [tag for tag in (part.strip() for part in caption.split(",")) if tag]
    kept, others = tags[:keep_tokens], tags[keep_tokens:]
    if shuffle:
        # Sorting by random() instead of rng.shuffle: only random() is promised to stay the same between Pythons.
        others.sort(key=lambda _: rng.random())
    if tag_dropout > 0:
        others = [tag for tag in others if rng.random() >= tag_dropout]
    return ", ".join(kept + others)
