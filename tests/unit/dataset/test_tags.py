"""Tags are counted as CLIP reads them, and completed from what the other captions say."""

import pytest

from loratui.dataset.tags import TagCount, complete_tag, split_tags, tag_counts


def test_a_caption_is_split_at_commas() -> None:
    assert split_tags(" Emi,, long  hair , ,smiling,") == ("Emi", "long hair", "smiling")
    assert split_tags("") == ()


def test_the_most_frequent_comes_first_in_its_most_frequent_spelling() -> None:
    captions = ["Emi, smiling", "emi, Smiling, smiling", "Emi, night", ""]
    assert tag_counts(captions) == (TagCount("Emi", 3), TagCount("smiling", 2), TagCount("night", 1))


@pytest.mark.parametrize(
    ("text", "cursor", "completed"),
    [
        ("Emi, sm", 7, ("Emi, smiling", 12)),
        ("Emi,sm", 6, ("Emi,smiling", 11)),
        ("Emi, SMI, night", 8, ("Emi, smiling, night", 12)),
        ("E", 1, ("Emi", 3)),
        ("Emi, ", 5, None),
        ("Emi, zebra", 10, None),
        ("smiling, sm", 11, ("smiling, small", 14)),
        ("smiling", 7, None),
        ("", 0, None),
    ],
)
def test_completing(text: str, cursor: int, completed: tuple[str, int] | None) -> None:
    known = tag_counts(["Emi, smiling", "Emi, smiling, small", "night"])
    assert complete_tag(text, cursor, known) == completed
