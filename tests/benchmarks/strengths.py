"""Measures the strength sweep: a row of strengths in one denoising loop against a single picture.

`python -m tests.benchmarks.strengths [--arch sd15 --tokenizers DIR] [--device cuda] [--json FILE]`. Both are drawn by
the function that draws a comparison's cells, with the same LoRA attached, after one of each to warm up.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_loading import LoadedLora, attach_lora
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.generation.cells import Applied, draw_batch
from loratui.profile.schema import Accelerate, Comparison, Model, Network
from loratui.training.precision import choose_device, choose_dtype
from tests.benchmarks.random_base import write_random_base
from tests.benchmarks.train_step import machine

STRENGTHS = (0.0, 0.4, 0.7, 0.8, 0.9, 1.0, 1.2)
_TIMES = 3


@dataclass(frozen=True)
class Sweep:
    """Seconds, the least of a few times."""

    one_picture: float
    all_strengths: float

    @property
    def ratio(self) -> float:
        """What all strengths take, in pictures."""
        return self.all_strengths / self.one_picture


def measure(base: BaseModel, lora: LoadedLora, settings: Comparison, side: int) -> Sweep:
    """Draw one picture and all strengths in turn."""

    def draw(strengths: tuple[float, ...]) -> float:
        began = time.monotonic()
        both = torch.tensor(strengths)
        # The pictures come back to the CPU: nothing is still running when they are there.
        draw_batch(base, "Emi", settings, [Applied(lora, both, both)], seeds=[7] * len(strengths), size=(side, side))
        return time.monotonic() - began

    one, row = (0.8,), STRENGTHS
    times = [(draw(one), draw(row)) for _ in range(1 + _TIMES)][1:]
    return Sweep(*(min(column) for column in zip(*times, strict=True)))


def write_lora(base: BaseModel, file: Path) -> Path:
    """Write a LoRA of random factors for the base's UNet."""
    layers = trained_layers({"unet": base.unet}, Network(rank=16, alpha=8), base.family)
    network = LoraNetwork({"unet": base.unet}, layers, seed=1, device=base.device, dtype=base.dtype)
    for target in network.targets:
        network.factors(target.key)[1].normal_(std=0.02)
    save_file(network.state_dict(), file)
    network.detach()
    return file


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--arch", choices=["sd15", "sd21", "sdxl", "demo"], default="demo")
    parser.add_argument("--size", type=int, help="side in pixels; default: what the base was made for")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cpu")
    parser.add_argument("--tokenizers", type=Path, default=Path(), help="folder with CLIP's `tokenizer`")
    parser.add_argument("--work", help="kept: bases of random weights are written there once")
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(options.work or folder)
        source = write_random_base(options.arch, work / f"base-{options.arch}", options.tokenizers)
        device = choose_device(options.device)
        dtype = choose_dtype(Accelerate(device=options.device), device)
        base = load_base(Model(base=str(source)), device=device, dtype=dtype)
        side = options.size or int(base.unet.config.sample_size) * base.vae_scale_factor
        settings = Comparison(steps=options.steps)
        with attach_lora(base, write_lora(base, Path(folder) / "random.safetensors")) as lora:
            found = measure(base, lora, settings, side)
    job = {"arch": options.arch, "size": side, "steps": options.steps, "precision": str(dtype), "device": device.type}
    facts = {"machine": machine(device.type), "job": job, "sweep": asdict(found) | {"ratio": found.ratio}}
    print("\n".join(f"{key}: {value}" for key, value in {**machine(device.type), **job}.items()))
    print(f"one picture {found.one_picture:.2f} s, {len(STRENGTHS)} strengths {found.all_strengths:.2f} s:", end=" ")
    print(f"{found.ratio:.2f} × one picture")
    if options.json:
        Path(options.json).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
