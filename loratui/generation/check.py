"""What can be known of a comparison before anything is trained or drawn; imports no torch."""

from pathlib import Path

from loratui.dataset.captions import PROMPTS_FROM_CAPTIONS
from loratui.dataset.manifest import Manifest
from loratui.generation.combination import LoraFile, read_companions, set_scene
from loratui.generation.grid_picture import check_fits
from loratui.profile.schema import Profile


def check_comparison(profile: Profile, manifest: Manifest) -> None:
    """Refuse a comparison that could not be drawn once its LoRA is there.

    Args:
        profile: With its output named.
        manifest: Gives the prompts where the profile has none.

    Raises:
        GenerationError: A tag is malformed or names an unknown LoRA, or the grid would be too large.
        LoraFileError: One of `comparison.other_loras` is missing or damaged.
    """
    settings, name = profile.comparison, profile.output.name
    if not settings.enabled:
        return
    companions = read_companions(settings.other_loras)
    own = [LoraFile(Path(f"{name}.safetensors"), label="last", digest="", output_name=name)]
    prompts = settings.prompts or prompts_from_captions(manifest)
    for prompt in prompts:
        set_scene(prompt, own, companions)
    rows = len(prompts) * len(settings.seeds) * (1 + len(settings.epochs)) * (1 + len(settings.other_bases))
    side = profile.dataset.resolution
    check_fits(rows, settings.strengths, (settings.width or side, settings.height or side))


def prompts_from_captions(manifest: Manifest) -> list[str]:
    """Return a few captions of the training pictures, evenly chosen, without repetition."""
    own = (image.caption for image in manifest.images if image.caption and not image.regularisation)
    # "<" would be read as the beginning of a tag such as <lora:…>.
    captions = [caption for caption in dict.fromkeys(own) if "<" not in caption]
    stride = max(1, len(captions) // PROMPTS_FROM_CAPTIONS)
    return captions[::stride][:PROMPTS_FROM_CAPTIONS]
