"""Presets: what they would change, and that the result can be trained."""

import pytest

from loratui.profile.demo import demo_profile
from loratui.profile.groups import changed
from loratui.profile.presets import PRESETS, Preset, what_changes
from loratui.profile.schema import Profile, Training

BY_ID = {preset.id: preset for preset in PRESETS}


def test_there_are_four_each_with_a_sentence() -> None:
    assert list(BY_ID) == ["character", "style", "low_memory", "fast_try"]
    assert all(preset.sentence.endswith(".") for preset in PRESETS)


@pytest.mark.parametrize("preset", PRESETS, ids=list(BY_ID))
@pytest.mark.parametrize("profile", [Profile(), demo_profile()], ids=["new", "demo"])
def test_a_preset_gives_a_profile_that_is_accepted_and_is_then_satisfied(preset: Preset, profile: Profile) -> None:
    after = changed(profile, preset.changes(profile))
    assert what_changes(preset, after) == ()


def test_what_would_change_is_told_with_both_values() -> None:
    changes = {change.name: change for change in what_changes(BY_ID["style"], Profile())}
    assert (changes["network.rank"].title, changes["network.rank"].before, changes["network.rank"].after) == (
        "Rank",
        "16",
        "32",
    )
    assert changes["dataset.flip"].after == "true"


def test_a_new_profile_is_made_for_a_character() -> None:
    assert what_changes(BY_ID["character"], Profile()) == ()


def test_low_memory_learns_from_as_many_pictures_an_update() -> None:
    profile = Profile(training=Training(batch_size=4, gradient_accumulation=2))
    after = changed(profile, BY_ID["low_memory"].changes(profile)).training
    assert (after.batch_size, after.gradient_accumulation, after.gradient_checkpointing) == (1, 8, True)
