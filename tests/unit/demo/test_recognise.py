"""The recogniser is right about real drawings, so it may judge generated ones."""

from __future__ import annotations

import random
from dataclasses import replace

from loratui.demo.character import PLAIN_BACKGROUNDS, Character, random_character
from loratui.demo.drawing import FRAMES, draw
from loratui.demo.emi import EMI, emi
from loratui.demo.recognise import background_colour, emi_features, emi_score, hair_colour


def upright(count: int, seed: int) -> list[Character]:
    rng = random.Random(seed)
    crowd = []
    while len(crowd) < count:
        character = replace(random_character(rng), tone="plain", background=rng.choice(tuple(PLAIN_BACKGROUNDS)))
        if character.pose != "lying in bed":
            crowd.append(character)
    return crowd


def test_names_hair_and_background_of_drawings() -> None:
    for character in upright(50, seed=31):
        picture = draw(character, 64)
        assert hair_colour(picture, character) == character.hair_colour
        assert background_colour(picture, character) == character.background


def test_is_not_led_by_what_was_asked_for() -> None:
    character = Character(hair_colour="red", background="green")
    picture = draw(replace(character, hair_colour="blue", background="pink"), 64)
    assert hair_colour(picture, character) == "blue"
    assert background_colour(picture, character) == "pink"


def test_emi_score_separates_emi_from_everybody_else() -> None:
    hers = [c for c, _ in EMI if c.tone == "plain" and c.pose in ("standing", "waving")]
    assert min(emi_score(draw(c, 512), c.framing) for c in hers) > 0.9
    assert max(emi_score(draw(c, 64), c.framing) for c in upright(60, seed=5)) < 0.55


def test_each_feature_sees_its_own_absence() -> None:
    for framing in FRAMES:
        own = emi(framing=framing, background="blue")
        assert min(emi_features(draw(own, 64), framing).values()) > 0.9
        absences = {
            "glasses": replace(own, glasses="black"),
            "star": replace(own, clip="flower", clip_colour="white"),
            "hair": replace(own, hair_colour="blonde"),
            "cardigan": replace(own, clothes_colour="blue"),
        }
        for name, character in absences.items():
            found = emi_features(draw(character, 64), framing)
            assert found[name] < 0.15, (framing, name, found)
            assert min(score for other, score in found.items() if other not in (name, "star")) > 0.8
        assert emi_features(draw(replace(own, clothes="sweater"), 64), framing)["cardigan"] < 0.15
