"""What can be known of a comparison before anything is trained or drawn; imports no torch."""

import re
from collections.abc import Sequence
from pathlib import Path

from loratui.dataset.captions import PROMPTS_FROM_CAPTIONS, as_prompt
from loratui.dataset.manifest import Manifest
from loratui.diffusion.emphasis import parse_emphasis
from loratui.generation.combination import NamedLora, read_companions, set_scene
from loratui.generation.grid_picture import check_fits
from loratui.generation.matching import check_bases, check_loras, kind_of
from loratui.profile.fields import split_lora
from loratui.profile.schema import Comparison, Model, Profile

# What a caption cannot say in a prompt: the beginning of a tag such as <lora:…>, and A1111's words in capitals.
_NOT_IN_PROMPTS = re.compile(r"<|\b(?:AND|BREAK)\b")


def check_comparison(profile: Profile, manifest: Manifest) -> None:
    """Refuse a comparison that could not be drawn once its LoRA is there.

    Args:
        profile: With its output named.
        manifest: Gives the prompts where the profile has none.

    Raises:
        GenerationError: A tag is malformed or names an unknown LoRA, a prompt says what is not understood here, or the
            grid would be too large.
        LoraFileError: One of `comparison.other_loras` is missing, damaged, cannot be applied or does not fit a base.
        BaseModelError: One of the bases cannot be used.
    """
    settings, name = profile.comparison, profile.output.name
    if not settings.enabled:
        return
    check_kinds(profile.model, profile.comparison)
    companions = read_companions(settings.other_loras)
    own = [NamedLora(Path(f"{name}.safetensors"), label="last", digest="", output_name=name)]
    prompts = settings.prompts or prompts_from_captions(manifest)
    for prompt in prompts:
        set_scene(prompt, own, companions)
    parse_emphasis(settings.negative_prompt)
    rows = len(prompts) * len(settings.seeds) * (1 + len(settings.epochs)) * (1 + len(settings.other_bases))
    side = profile.dataset.resolution
    check_fits(rows, settings.strengths, (settings.width or side, settings.height or side))


def check_kinds(model: Model, settings: Comparison, own: Sequence[Path] = ()) -> None:
    """Refuse LoRAs and further bases that do not belong with the base of `model`, as far as their headers tell.

    Args:
        own: The compared LoRA's files, where they are there already.

    Raises:
        GenerationError, LoraFileError, BaseModelError: As `check_comparison`.
    """
    base = kind_of(model)
    others = [kind_of(on_base(model, name)) for name in settings.other_bases]
    check_bases(base, others)
    companions = (Path(split_lora(entry)[0]).expanduser() for entry in settings.other_loras)
    check_loras([*own, *companions], [base, *others])


def on_base(model: Model, name: str) -> Model:
    """The settings of another base: what belongs to the run's own base alone does not count there.

    CLIP skip stays: it says how the LoRA learnt to read.
    """
    return Model(base=name, clip_skip=model.clip_skip)


def prompts_from_captions(manifest: Manifest) -> list[str]:
    """Return a few captions of the training pictures as prompts, evenly chosen, without repetition."""
    own = (image.caption for image in manifest.images if image.caption and not image.regularisation)
    captions = [as_prompt(caption) for caption in dict.fromkeys(own) if not _NOT_IN_PROMPTS.search(caption)]
    stride = max(1, len(captions) // PROMPTS_FROM_CAPTIONS)
    return captions[::stride][:PROMPTS_FROM_CAPTIONS]
