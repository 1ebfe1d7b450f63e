"""Measures whether the demo base obeys its captions: `python -m loratui.demo.measure [BASE]` writes BASE/measured.json.

Random characters before plain backgrounds are asked for by their captions at LoRA strength 0 (there is no LoRA), and
the recogniser says which hair and background colours came out. The same recogniser is run on the drawings themselves,
with their small chances left in, to show how far it can be trusted.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from PIL import Image

from loratui.demo.character import PLAIN_BACKGROUNDS, Character, caption, random_character
from loratui.demo.corpus import SIZE
from loratui.demo.drawing import draw
from loratui.demo.recognise import background_colour, centred, emi_score, hair_colour

BASE = Path(__file__).parent / "base"


def prompts(count: int, seed: int) -> list[Character]:
    """Characters for the measurement: the corpus's own lottery, but upright, in plain light, before a plain colour."""
    rng = random.Random(seed)
    chosen: list[Character] = []
    while len(chosen) < count:
        character = replace(random_character(rng), tone="plain", background=rng.choice(tuple(PLAIN_BACKGROUNDS)))
        if character.pose != "lying in bed":
            chosen.append(character)
    return chosen


@torch.inference_mode()
def generate(
    base: Path, captions: Sequence[str], seeds: Sequence[int], steps: int, guidance: float, batch: int = 20
) -> list[Image.Image]:
    """One picture per caption and seed with DPM-Solver++ (2M), in batches, on the CPU in fp32."""
    pipeline = StableDiffusionPipeline.from_pretrained(base).to(torch.float32)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config, final_sigmas_type="zero")
    pipeline.set_progress_bar_config(disable=True)
    pictures: list[Image.Image] = []
    for start in range(0, len(captions), batch):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds[start : start + batch]]
        pictures += pipeline(
            list(captions[start : start + batch]),
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=generators,
            height=SIZE,
            width=SIZE,
        ).images
    return pictures


def shares_right(pictures: Sequence[Image.Image], characters: Sequence[Character]) -> dict[str, float]:
    """Share of the pictures with the asked-for hair colour, background colour, and both."""
    hair = [hair_colour(p, c) == c.hair_colour for p, c in zip(pictures, characters, strict=True)]
    background = [background_colour(p, c) == c.background for p, c in zip(pictures, characters, strict=True)]
    both = [h and b for h, b in zip(hair, background, strict=True)]
    count = len(characters)
    return {"hair": sum(hair) / count, "background": sum(background) / count, "both": sum(both) / count}


def contact_sheet(pairs: Sequence[tuple[Image.Image, Image.Image]], columns: int = 8) -> Image.Image:
    """Generated pictures, each above the drawing of the same caption, for a person to look at."""
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (columns * SIZE, rows * 2 * SIZE), "white")
    for i, pair in enumerate(pairs):
        for j, picture in enumerate(pair):
            sheet.paste(picture, ((i % columns) * SIZE, (2 * (i // columns) + j) * SIZE))
    return sheet


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m loratui.demo.measure", description=__doc__)
    parser.add_argument("base", type=Path, nargs="?", default=BASE)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet of the first 48 here")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    characters = prompts(chosen.count, chosen.seed)
    started = time.monotonic()
    seeds = [chosen.seed + i for i in range(chosen.count)]
    texts = [caption(character) for character in characters]
    pictures = generate(chosen.base, texts, seeds, chosen.steps, chosen.guidance)
    seconds = time.monotonic() - started
    drawings = [draw(character, SIZE) for character in characters]
    scores = sorted(emi_score(p, c.framing) for p, c in zip(pictures, characters, strict=True))
    if chosen.sheet:
        straight = [draw(centred(character), SIZE) for character in characters]
        contact_sheet(list(zip(pictures, straight, strict=True))[:48]).save(chosen.sheet)
    built = chosen.base / "built.json"
    result = {
        "command": f"python -m loratui.demo.measure --count {chosen.count} --seed {chosen.seed} "
        f"--steps {chosen.steps} --guidance {chosen.guidance}",
        "prompts": chosen.count,
        "generated": shares_right(pictures, characters),
        "recogniser_on_drawings": shares_right(drawings, characters),
        "emi_score_of_generated": {"median": scores[len(scores) // 2], "highest": scores[-1]},
        "seconds": round(seconds, 1),
        "built": json.loads(built.read_text(encoding="utf-8")) if built.exists() else None,
    }
    text = json.dumps(result, indent=2)
    (chosen.base / "measured.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
