"""The most memory that a training step keeps on a GPU, counted on tensors without values: no GPU is needed.

`python -m tests.benchmarks.memory [--json FILE]` builds the real architectures on the meta device, takes the program's
own training step there and prints a table in Markdown. Counted is every tensor that is alive, each storage once and in
the 512 bytes that CUDA's caching allocator hands out: what torch.cuda.max_memory_allocated() would show.
Not counted: the CUDA context, workspaces of cuDNN, cuBLAS and attention's backward pass, what lies inside a single
kernel's call, fragmentation, captions kept on the GPU, and what is done before and after the steps.
Attention never keeps its scores: bf16 runs on GPUs that have FlashAttention, fp16 on older ones with PyTorch's
memory-efficient kernel.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.checkpointing import checkpoint_levels, levels_of
from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.loading_checkpoint import shipped_configs
from loratui.diffusion.loading_directory import read_scheduler_config
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.diffusion.schedule import NoiseSchedule
from loratui.diffusion.text import hidden_states
from loratui.lora_file.naming import Component
from loratui.profile.schema import Network, Training
from loratui.training.objective import Batch
from loratui.training.optimizer import clip_gradients, gradient_norm
from loratui.training.processes import Processes
from loratui.training.step import TrainingStep
from tests.benchmarks.live_memory import LiveMemory, fused_attention
from tests.benchmarks.random_base import FAMILIES

META = torch.device("meta")
_GIB = 2**30
NOT_COUNTED = (
    "Not counted: the CUDA context (some hundred MiB), workspaces of cuDNN, cuBLAS and attention's backward pass, "
    "fragmentation, captions kept on the GPU."
)


@dataclass(frozen=True)
class Job:
    """A training step.

    Attributes:
        arch: "sd15", "sd21" or "sdxl".
        resolution: Side of the pictures in pixels.
        precision: "fp16" or "bf16".
        levels: How many levels of the UNet are checkpointed; with all of them a text encoder that learns is, too.
        text_encoder: Whether the text encoder learns; only for SD 1.x and 2.x.
        target: Most GiB it may take; None where nothing was promised.
    """

    arch: str
    resolution: int
    batch: int
    rank: int
    precision: str
    levels: int
    text_encoder: bool = False
    target: float | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the base."""
        return {"fp16": torch.float16, "bf16": torch.bfloat16}[self.precision]


@dataclass(frozen=True)
class Counted:
    """Bytes at a step's peak.

    Attributes:
        weights: The frozen base.
        trained: Masters and shadows of the LoRA, the gradients of both, AdamW's two moments.
        activations: All else: what the passes keep and work on, and the batch.
        operators: How many operators a step takes, the optimizer's own aside.
        largest: Of the activations, what takes most, by the operator that made it and its shape.
    """

    weights: int
    trained: int
    activations: int
    operators: int
    largest: dict[str, int]

    @property
    def peak(self) -> int:
        """All of it."""
        return self.weights + self.trained + self.activations


def count(job: Job) -> Counted:
    """Count the second step of a training, when the optimizer's moments are there; no memory is taken."""
    base = meta_base(job)
    components: dict[Component, nn.Module] = {"unet": base.unet}
    if job.text_encoder:
        components["text_encoder"] = base.text_encoder
    layers = trained_layers(components, Network(rank=job.rank, alpha=job.rank / 2), base.family)
    network = LoraNetwork(components, layers, seed=0, device=META, dtype=job.dtype)
    step = TrainingStep(base, network, Training(), total_steps=100, processes=Processes(torch.device("cpu")))
    checkpoint_levels(base.unet, job.levels)
    if job.text_encoder and job.levels == levels_of(base.unet):
        # As Workbench.use_checkpointing has it.
        base.text_encoder.train().gradient_checkpointing_enable({"use_reentrant": False})
    memory = LiveMemory(META)
    frozen = [tensor for model in components.values() for tensor in (*model.parameters(), *model.buffers())]
    weights = memory.hold(frozen, "weights")
    moments = [torch.zeros_like(group.master) for group in network.groups for _ in range(2)]
    trained = memory.hold([*flat_buffers(network), *moments], "LoRA and optimizer")
    with fused_attention(job.dtype), memory:
        step.accumulate(_batches(job, base), samples=job.batch)
        # TrainingStep.update but for AdamW's fused kernel, which needs no memory and refuses tensors without values.
        clip_gradients(network, gradient_norm(network), 1.0)
        network.refresh_shadows()
    kept = memory.at_peak
    del kept["weights"], kept["LoRA and optimizer"]
    return Counted(weights, trained, kept.total(), memory.operators, dict(kept.most_common(5)))


def flat_buffers(network: LoraNetwork) -> list[torch.Tensor]:
    """Return masters and shadows, and the gradients of both that stay from step to step."""
    parts = [part for group in network.groups for part in (*vars(group).values(), group.gradient)]
    return [part for part in parts if isinstance(part, torch.Tensor)]


def meta_base(job: Job) -> BaseModel:
    """Return the base of a job without values; VAE and tokenizer are left out, as is a text encoder set aside."""
    configs = shipped_configs(FAMILIES[job.arch])
    scheduler = read_scheduler_config(configs)
    with META:
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(configs / "unet"))
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(configs / "text_encoder")) if job.text_encoder else None
    for model in (unet, text):
        if isinstance(model, nn.Module):
            nn.Module.to(model, job.dtype).requires_grad_(False).eval()  # diffusers' own warns of nothing, each time
    return BaseModel(
        name=job.arch,
        source=configs,
        family=FAMILIES[job.arch],
        tokenizer=None,
        text_encoder=text,
        vae=None,
        unet=unet,
        schedule=NoiseSchedule.from_config(scheduler),
        scheduler_config=scheduler,
        device=META,
        dtype=job.dtype,
    )


def _batches(job: Job, base: BaseModel) -> Iterator[Batch]:
    """Yield the one batch, made while it is counted, as a training does."""
    side, count = job.resolution // 8, job.batch
    latents, noise = (torch.zeros(count, 4, side, side, device=META) for _ in range(2))
    yield Batch(
        latents=latents,
        noise=noise,
        timesteps=torch.zeros(count, dtype=torch.int64, device=META),
        conditioning=_conditioning(job, base),
        weights=torch.ones(count, device=META),
    )


def _conditioning(job: Job, base: BaseModel) -> Conditioning:
    if job.text_encoder:
        ids = torch.zeros(job.batch, 77, dtype=torch.int64, device=META)
        return Conditioning(hidden_states(base.text_encoder, ids, base.clip_skip))
    width = base.unet.config.cross_attention_dim
    states = torch.zeros(job.batch, 77, width, device=META, dtype=job.dtype)
    if base.family != "sdxl":
        return Conditioning(states)
    pooled = torch.zeros(job.batch, 1280, device=META, dtype=job.dtype)
    return Conditioning(states, pooled, torch.zeros(job.batch, 6, device=META))


def jobs() -> list[Job]:
    """Return the steps of the table, from no level of the UNet checkpointed to all."""
    sd15 = Job("sd15", 512, batch=2, rank=16, precision="fp16", levels=0)
    sdxl = Job("sdxl", 1024, batch=1, rank=16, precision="bf16", levels=0)
    of_sd15 = [replace(sd15, levels=levels) for levels in range(5)]
    return [
        replace(of_sd15[0], target=5.5),
        *of_sd15[1:-1],
        replace(of_sd15[-1], target=3.5),
        *(replace(job, text_encoder=True) for job in of_sd15),
        *(replace(sd15, batch=8, precision="bf16", levels=levels) for levels in (0, 4)),
        *(replace(sdxl, levels=levels) for levels in range(3)),
        replace(sdxl, levels=3, target=10.0),
    ]


def table(counted: list[tuple[Job, Counted]]) -> str:
    """Return the figures as a table in Markdown, in GiB."""
    lines = [
        "| base | side | batch | rank | precision | trained | levels checkpointed | weights "
        "| LoRA and optimizer | activations at peak | peak, GiB | target | operators |",
        f"|{'---|' * 13}",
    ]
    for job, found in counted:
        trained = "UNet, text encoder" if job.text_encoder else "UNet"
        target = "–" if job.target is None else f"≤ {job.target}"
        sizes = [f"{size / _GIB:.2f}" for size in (found.weights, found.trained, found.activations, found.peak)]
        job_cells = [job.arch, job.resolution, job.batch, job.rank, job.precision, trained, job.levels]
        lines.append(f"| {' | '.join(map(str, [*job_cells, *sizes, target, found.operators]))} |")
    return "\n".join(lines)


def main() -> int:
    """Count and print; exit with 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="file for the figures in bytes")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    counted = [(job, count(job)) for job in jobs()]
    print(table(counted), NOT_COUNTED, sep="\n\n")
    missed = [(job, found) for job, found in counted if job.target is not None and found.peak > job.target * _GIB]
    for job, found in missed:
        print(f"\nMissed: {job}. At the peak, in MiB:")
        print("\n".join(f"{size / 2**20:8.1f} {origin}" for origin, size in found.largest.items()))
    if options.json:
        rows = [{**asdict(job), **asdict(found), "peak": found.peak} for job, found in counted]
        facts = {"torch": torch.__version__, "not_counted": NOT_COUNTED, "rows": rows}
        options.json.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
