"""Tags: how often each stands in the captions, and which could be meant by a beginning. Knows text only."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TagCount:
    """A tag as it is mostly written, and the number of captions that hold it, however they write it."""

    tag: str
    captions: int


def split_tags(caption: str) -> tuple[str, ...]:
    """The tags of a caption: what stands between its commas, without spaces at the ends and without empty ones."""
    return tuple(tag for part in caption.split(",") if (tag := " ".join(part.split())))


def tag_counts(captions: Iterable[str]) -> tuple[TagCount, ...]:
    """Every tag with the number of captions that hold it, the most frequent first, then by name.

    Upper and lower case are one tag, as they are to CLIP; a tag that stands twice in a caption counts once.
    """
    counts: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    for caption in captions:
        tags = split_tags(caption)
        for tag in tags:
            spellings.setdefault(tag.casefold(), Counter())[tag] += 1
        counts.update({tag.casefold() for tag in tags})
    return tuple(
        TagCount(spellings[key].most_common(1)[0][0], count)
        for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def complete_tag(text: str, cursor: int, known: Sequence[TagCount]) -> tuple[str, int] | None:
    """Complete the tag in which the cursor stands with the most frequent known one that begins like it.

    Args:
        text: The caption so far.
        cursor: Number of characters before the cursor.
        known: From `tag_counts`.

    Returns:
        The new text and the new place of the cursor; None where nothing is begun or nothing is known to follow.
    """
    begin = text.rfind(",", 0, cursor) + 1
    begin += len(text[begin:cursor]) - len(text[begin:cursor].lstrip())
    typed = text[begin:cursor]
    if not typed:
        return None
    elsewhere = {tag.casefold() for tag in split_tags(f"{text[:begin]},{text[cursor:]}")}
    for one in known:
        key = one.tag.casefold()
        if key.startswith(typed.casefold()) and key != typed.casefold() and key not in elsewhere:
            return text[:begin] + one.tag + text[cursor:], begin + len(one.tag)
    return None
