"""Captions say what is drawn, and the base's corpus never holds Emi."""

from __future__ import annotations

import random
from dataclasses import replace

from loratui.demo.character import HAIR_COLOURS, PLAIN_BACKGROUNDS, Character, caption, is_emi_like, random_character
from loratui.demo.corpus import made_up_name, varied_caption
from loratui.demo.emi import EMI, emi


def test_caption_names_what_the_character_wears_and_does() -> None:
    character = Character(
        hair_colour="pink",
        hair_length="long",
        hair_style="twintails",
        mouth="open mouth",
        eyes="open",
        eye_colour="green",
        clothes="hoodie",
        clothes_colour="blue",
        glasses="black",
        clip="heart",
        clip_colour="red",
        background="yellow",
        framing="close-up",
        pose="waving",
    )
    assert caption(character) == (
        "girl, open mouth, green eyes, waving, long hair, pink hair, twintails, black glasses, red heart hair clip, "
        "blue hoodie, yellow background, close-up, anime style"
    )


def test_caption_is_silent_about_what_is_absent() -> None:
    text = caption(Character())
    assert "glasses" not in text
    assert "clip" not in text


def test_every_caption_names_the_hair_and_a_plain_background() -> None:
    rng = random.Random(4)
    for _ in range(300):
        character = random_character(rng)
        words = caption(character).split(", ")
        assert f"{character.hair_colour} hair" in words
        named = [colour for colour in HAIR_COLOURS if f"{colour} hair" in words]
        assert named == [character.hair_colour]
        if character.background in PLAIN_BACKGROUNDS and character.pose != "lying in bed":
            assert f"{character.background} background" in words


def test_the_corpus_never_shows_emi_nor_says_her_name() -> None:
    rng = random.Random(20)
    for _ in range(12_000):
        character = random_character(rng)
        assert character.clip != "star"
        assert not is_emi_like(character)
        text = varied_caption(character, rng).lower()
        assert "emi" not in text
        assert "star" not in text


def test_random_characters_reject_emis_combination_but_know_its_parts() -> None:
    assert is_emi_like(emi())
    assert is_emi_like(replace(emi(), clip=""))
    assert not is_emi_like(replace(emi(), clip="", glasses="blue"))
    rng = random.Random(1)
    crowd = [random_character(rng) for _ in range(3_000)]
    assert any(c.glasses == "red" for c in crowd)
    assert any(c.clothes == "cardigan" and c.clothes_colour == "beige" for c in crowd)
    assert any((c.hair_length, c.hair_style, c.hair_colour) == ("long", "wavy", "brown") for c in crowd)


def test_made_up_names_are_never_hers() -> None:
    rng = random.Random(9)
    assert not any("emi" in made_up_name(rng).lower() for _ in range(20_000))


def test_emis_captions_open_with_her_name_and_leave_her_marks_unsaid() -> None:
    assert len(EMI) >= 14
    for _, text in EMI:
        assert text.startswith("Emi, cute girl, ")
        assert "cardigan" in text
        for unsaid in ("glasses", "star", "beige", "clip"):
            assert unsaid not in text
