"""A comparison that cannot be drawn is refused before the training."""

from pathlib import Path

import pytest

from loratui.dataset.buckets import Placement
from loratui.dataset.manifest import Manifest, ManifestImage
from loratui.errors import LoratuiError
from loratui.generation.check import check_comparison, prompts_from_captions
from loratui.profile.schema import Comparison, Output, Profile


def manifest(*captions: str) -> Manifest:
    placement = Placement((64, 64), (64, 64), (0, 0))
    images = tuple(
        ManifestImage(f"{n}.png", "0" * 64, 64, 64, caption, 1, False, "folder", placement)
        for n, caption in enumerate(captions)
    )
    return Manifest(images, seed=1, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)


def profile(**settings: object) -> Profile:
    return Profile(output=Output(name="emi"), comparison=Comparison(**settings))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"prompts": ["Emi <lora:>"]}, "lora"),
        ({"prompts": ["Emi <lora:nosuch:1>"]}, "nosuch"),
        ({"prompts": ["Emi [smile:laugh:0.5]"]}, "switches words"),
        ({"prompts": ["Emi AND a cat"]}, "AND"),
        ({"negative_prompt": "[blurry|lowres]"}, "switches words"),
        ({"other_loras": ["missing.safetensors:0.6"]}, "missing"),
        ({"prompts": ["a"] * 64, "seeds": list(range(64))}, "large|many|rows"),
    ],
    ids=[
        "malformed tag",
        "unknown LoRA",
        "prompt editing",
        "AND",
        "editing the negative prompt",
        "missing file",
        "too large a grid",
    ],
)
def test_what_cannot_be_drawn_is_refused(settings: dict[str, object], what: str, tmp_path: Path) -> None:
    with pytest.raises(LoratuiError, match=what):
        check_comparison(profile(**settings), manifest("Emi, girl"))


def test_the_own_lora_may_be_named_before_it_exists() -> None:
    check_comparison(profile(prompts=["Emi <lora:emi:0.8>"]), manifest("Emi, girl"))


def test_and_is_a_word_of_a_negative_prompt_as_in_a1111() -> None:
    check_comparison(profile(negative_prompt="(blurry AND lowres:1.2)"), manifest("Emi, girl"))


def test_a_comparison_that_is_not_drawn_is_not_checked() -> None:
    check_comparison(profile(enabled=False, prompts=["<lora:nosuch:1>"]), manifest("Emi"))


def test_prompts_come_from_different_captions_without_tags() -> None:
    captions = ["a", "a", "b", "<lora:x:1> c", "d", "e", "f", "g"]
    assert prompts_from_captions(manifest(*captions)) == ["a", "d", "f"]
    assert prompts_from_captions(manifest("only")) == ["only"]


def test_captions_become_prompts_that_mean_their_very_words() -> None:
    captions = ["rem (re:zero), [x|y]", r"a \(b\)", "this AND that", "on BREAK now", "brand AND_ BREAKFAST"]
    assert prompts_from_captions(manifest(*captions)) == [
        r"rem \(re:zero\), \[x|y\]",
        r"a \\\(b\\\)",
        "brand AND_ BREAKFAST",
    ]
    check_comparison(profile(), manifest(*captions))
