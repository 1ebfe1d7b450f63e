"""The order in which a training becomes smaller and slower."""

from loratui.training.adjustments import Adjustments


def test_checkpointing_level_by_level_then_pieces_then_resolution() -> None:
    adjustments: Adjustments | None = Adjustments()
    words = []
    while adjustments is not None:
        words.append(adjustments.in_words(4, levels=3))
        adjustments = adjustments.smaller(4, levels=3, may_lower_resolution=True)
    assert words == [
        "as the profile says",
        "gradient checkpointing of 1 of 3 levels",
        "gradient checkpointing of 2 of 3 levels",
        "gradient checkpointing",
        "2 × 2 pictures a step (same effective batch), gradient checkpointing",
        "4 × 1 picture a step (same effective batch), gradient checkpointing",
        "4 × 1 picture a step (same effective batch), gradient checkpointing, pictures at 75% of their side",
        "4 × 1 picture a step (same effective batch), gradient checkpointing, pictures at 56% of their side",
    ]


def test_where_the_profile_checkpoints_anyway_pieces_come_first() -> None:
    smaller = Adjustments().smaller(4, levels=0, may_lower_resolution=True)
    assert smaller is not None
    assert smaller.in_words(4, levels=0) == "2 × 2 pictures a step (same effective batch)"


def test_resolution_stays_unless_the_profile_allows() -> None:
    smallest = Adjustments(pictures_at_once=1, checkpointed_levels=3)
    assert smallest.smaller(4, levels=3, may_lower_resolution=False) is None
    assert Adjustments(pictures_at_once=1).smaller(4, levels=0, may_lower_resolution=False) is None


def test_slower_halves_the_rate_and_counts() -> None:
    slower = Adjustments(pictures_at_once=2).slower().slower()
    assert (slower.lr_factor, slower.rollbacks, slower.pictures_at_once) == (0.25, 2, 2)
