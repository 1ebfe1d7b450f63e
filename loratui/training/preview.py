"""A picture of what the LoRA has learnt so far, drawn in the middle of the training and without touching it."""

from pathlib import Path

import torch
from PIL import Image

from loratui.generation.cells import draw_batch
from loratui.generation.check import prompts_from_captions
from loratui.generation.prompt import parse_prompt
from loratui.generation.publish import publish
from loratui.training.workbench import Workbench


def draw_preview(bench: Workbench, step: int) -> tuple[str, Path]:
    """Draw the comparison's first prompt with the LoRA at strength 1; returns the prompt and the file.

    All noise comes from the comparison's first seed, so that previews of different steps can be compared and no
    random state of the training is used.
    """
    settings = bench.profile.comparison
    prompt = (settings.prompts or prompts_from_captions(bench.manifest) or [""])[0]
    side = bench.profile.dataset.resolution
    size = (settings.width or side, settings.height or side)
    text = parse_prompt(prompt).text
    try:
        with torch.no_grad():
            [pixels] = draw_batch(bench.base, text, settings, [], seeds=settings.seeds[:1], size=size)
    finally:
        bench.base.set_vae_aside()
    picture = Image.fromarray(pixels.numpy())
    bench.run.previews.mkdir(exist_ok=True)
    file = bench.run.previews / f"step-{step:08d}.png"
    publish(file, lambda target: picture.save(target, format="PNG"))
    return prompt, file
