"""Builds the demo base, a tiny Stable Diffusion: `python -m loratui.demo.build_base OUT --work DIR`.

Each stage is kept in DIR as it goes, so that the same command with --resume continues after a stop: draw the corpus,
train the VAE, teach the text encoder to read, train UNet and text encoder together, refine the decoder. The shipped
base took an hour and a half on one thread of a busy CPU with bfloat16 units (--bf16, all else as is).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from loratui.demo.build_plan import Plan, one_cycle, save_checkpoint, say
from loratui.demo.build_text import train_text_encoder
from loratui.demo.build_vae import Latents, encode, refine_decoder, train_vae
from loratui.demo.corpus import Corpus, draw_corpus, sample_captions, varied_caption
from loratui.demo.models import new_scheduler, new_text_encoder, new_unet, save_base
from loratui.demo.vocabulary import build_tokenizer


@dataclass(frozen=True)
class Denoiser:
    """The networks that are trained together, with the moving averages that are shipped."""

    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    weights: list[Tensor]
    averages: list[Tensor]

    def export(self, plan: Plan, vae: AutoencoderKL) -> None:
        """Write the base with the averaged weights."""
        kept = [weight.detach().clone() for weight in self.weights]
        try:
            _copy(self.averages, self.weights)
            save_base(plan.out, vae, self.text_encoder, self.unet, self.tokenizer)
        finally:
            _copy(kept, self.weights)


@torch.no_grad()
def _copy(source: list[Tensor], target: list[Tensor]) -> None:
    for a, b in zip(source, target, strict=True):
        b.copy_(a)


def new_denoiser(plan: Plan) -> Denoiser:
    tokenizer = build_tokenizer(sample_captions(2_000, plan.seed))
    torch.manual_seed(plan.seed + 1)
    unet, text_encoder = new_unet().train(), new_text_encoder(tokenizer).train()
    if plan.bf16:
        unet.set_attn_processor(AttnProcessor())  # faster than torch's fused attention in bf16 on a CPU
    weights: list[Tensor] = [*unet.parameters(), *text_encoder.parameters()]
    return Denoiser(unet, text_encoder, tokenizer, weights, [weight.detach().clone() for weight in weights])


def train_unet(plan: Plan, corpus: Corpus, vae: AutoencoderKL, latents: Latents) -> Denoiser:
    """Train UNet and text encoder together on the VAE's latents; exports the averaged weights as it goes."""
    model = new_denoiser(plan)
    networks = nn.ModuleDict({"unet": model.unet, "text_encoder": model.text_encoder})
    train_text_encoder(plan, corpus, model.text_encoder, model.tokenizer)
    _copy(model.weights, model.averages)
    groups = [{"params": list(network.parameters())} for network in (model.unet, model.text_encoder)]
    optimizer = torch.optim.AdamW(groups, lr=plan.unet_lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    schedule = one_cycle(optimizer, [plan.unet_lr, plan.joint_text_lr], plan.unet_steps)
    noise_schedule = new_scheduler()
    path = plan.work / "unet.pt"
    first, seconds = 0, 0.0
    if plan.resume and path.exists():
        kept = torch.load(path)
        networks.load_state_dict(kept["models"])
        _copy(kept["averages"], model.averages)
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
        first, seconds = kept["step"], kept["seconds"]
    recent: list[float] = []
    started = time.monotonic() - seconds
    for step in range(first, plan.unet_steps):
        loss = denoising_loss(plan, model, corpus, latents, vae.config.scaling_factor, noise_schedule, step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.weights, 1.0)
        optimizer.step()
        schedule.step()
        decay = min(plan.ema_decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(model.averages, [weight.detach() for weight in model.weights], 1 - decay)
        recent = [*recent[-199:], loss.item()]
        done, spent = step + 1, time.monotonic() - started
        if done % 50 == 0:
            say(f"unet {done}/{plan.unet_steps} loss {sum(recent) / len(recent):.4f} {spent / done:.3f} s/step")
        if done % plan.save_every == 0 or done == plan.unet_steps:
            state: dict[str, Any] = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            state |= {"averages": model.averages, "step": done, "seconds": spent}
            save_checkpoint(path, {"models": networks.state_dict(), **state})
        if done % plan.export_every == 0:
            model.export(plan, vae)
            say(f"exported {done} steps to {plan.out}")
    return model


def denoising_loss(
    plan: Plan,
    model: Denoiser,
    corpus: Corpus,
    latents: Latents,
    scale: float,
    noise_schedule: DDIMScheduler,
    step: int,
) -> Tensor:
    """A step's loss, a function of (seed, step): the predicted noise's error, min-SNR weighted (Hang et al., 2023)."""
    draws = torch.Generator().manual_seed(plan.seed * 1_000_033 + step)
    words = random.Random(plan.seed * 1_000_037 + step)
    chosen = torch.randint(len(latents.mean), (plan.batch_size,), generator=draws)
    texts = [varied_caption(corpus.characters[i], words) for i in chosen.tolist()]
    tokens = model.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
    x = latents.sample(chosen, draws) * scale
    noise = torch.randn(x.shape, generator=draws)
    t = (1000 * torch.rand(plan.batch_size, generator=draws) ** 0.7).long()  # rather noisy: there colours are decided
    noisy = noise_schedule.add_noise(x, noise, t)
    with plan.autocast():
        hidden = model.text_encoder(tokens).last_hidden_state
        predicted = model.unet(noisy, t, encoder_hidden_states=hidden).sample
    snr = noise_schedule.alphas_cumprod[t] / (1 - noise_schedule.alphas_cumprod[t])
    weight = snr.clamp(max=plan.min_snr_gamma) / snr
    return ((predicted.float() - noise).square().mean(dim=(1, 2, 3)) * weight).mean()


def read_plan(arguments: list[str]) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m loratui.demo.build_base", description=__doc__)
    parser.add_argument("out", type=Path, help="where the finished base goes (replaced as a whole)")
    parser.add_argument("--work", type=Path, default=Path("base-build"), help="checkpoints and the drawn corpus")
    whole_numbers = (
        "pictures",
        "vae_steps",
        "text_steps",
        "unet_steps",
        "decoder_steps",
        "batch_size",
        "seed",
        "save_every",
    )
    for name in (*whole_numbers, "export_every", "threads"):
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=getattr(Plan, name))
    parser.add_argument("--bf16", action="store_true", help="bfloat16 autocast: twice as fast where the CPU has AMX")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoints in --work")
    return Plan(**vars(parser.parse_args(arguments)))


def main(arguments: list[str]) -> int:
    plan = read_plan(arguments)
    torch.set_num_threads(plan.threads)
    plan.work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    say(f"drawing {plan.pictures} pictures")
    corpus = draw_corpus(plan.pictures, plan.seed, plan.work / "pictures.npy")
    vae = train_vae(plan, corpus)
    latents = encode(vae, corpus)
    say(f"latents scaled by {vae.config.scaling_factor}")
    model = train_unet(plan, corpus, vae, latents)
    refine_decoder(plan, corpus, vae, latents)
    model.export(plan, vae)
    (plan.out / "built.json").write_text(json.dumps(plan.facts(), indent=2) + "\n", encoding="utf-8")
    say(f"finished in {time.monotonic() - started:.0f} s: {plan.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
