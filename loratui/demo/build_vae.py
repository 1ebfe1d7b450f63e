"""The VAE's two stages: picture to latent and back, then, with the latents fixed, a decoder that reads them better."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from loratui.demo.build_plan import Plan, one_cycle, save_checkpoint, say
from loratui.demo.corpus import Corpus
from loratui.demo.models import new_vae


def train_vae(plan: Plan, corpus: Corpus) -> AutoencoderKL:
    """Fit the VAE to the pictures; sets `scaling_factor` so that latents have unit variance."""
    torch.manual_seed(plan.seed)
    vae = new_vae()
    path = plan.work / "vae.pt"
    pictures = torch.from_numpy(corpus.pictures).permute(0, 3, 1, 2)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=plan.vae_lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    schedule = one_cycle(optimizer, plan.vae_lr, plan.vae_steps)
    first = _steps_done(plan, path, vae, optimizer, schedule)
    started = time.monotonic()
    for step in range(first, plan.vae_steps):
        draws = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        chosen = torch.randint(len(pictures), (plan.batch_size,), generator=draws)
        x = pictures[chosen].float() / 127.5 - 1
        with plan.autocast():
            posterior = vae.encode(x).latent_dist
            y = vae.decode(posterior.sample(draws)).sample
        y = y.float()
        loss = vae_loss(x, y) + 1e-4 * posterior.kl().float().mean() / posterior.mean[0].numel()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            pace = (time.monotonic() - started) / (step + 1 - first)
            say(f"vae {step + 1}/{plan.vae_steps} L1 {F.l1_loss(y, x).item():.4f} {pace:.3f} s/step")
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.vae_steps:
            _save(path, step + 1, vae, optimizer, schedule)
    return vae.eval()


def vae_loss(x: Tensor, y: Tensor) -> Tensor:
    """L1 of the pixels and, at 0.3, of their differences to the neighbours (sharp edges). Shapes [B, 3, H, W]."""
    error = y - x
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.3 * edges


@dataclass(frozen=True)
class Latents:
    """Unscaled posteriors of the whole corpus: means and standard deviations [N, 4, 16, 16]."""

    mean: Tensor
    deviation: Tensor

    def sample(self, chosen: Tensor, draws: torch.Generator) -> Tensor:
        mean = self.mean[chosen]
        return mean + self.deviation[chosen] * torch.randn(mean.shape, generator=draws)


@torch.no_grad()
def encode(vae: AutoencoderKL, corpus: Corpus) -> Latents:
    """Encode all pictures; registers the scaling factor that gives latents unit variance."""
    means, deviations = [], []
    for part in torch.from_numpy(corpus.pictures).permute(0, 3, 1, 2).split(100):
        posterior = vae.encode(part.float() / 127.5 - 1).latent_dist
        means.append(posterior.mean)
        deviations.append(posterior.std)
    latents = Latents(torch.cat(means), torch.cat(deviations))
    spread = (latents.mean.var() + latents.deviation.square().mean()).sqrt().item()
    vae.register_to_config(scaling_factor=round(1 / spread, 5))
    return latents


def refine_decoder(plan: Plan, corpus: Corpus, vae: AutoencoderKL, latents: Latents) -> None:
    """Train only the decoder on; the latents, and so the UNet trained on them, stay as they are."""
    pictures = torch.from_numpy(corpus.pictures).permute(0, 3, 1, 2)
    weights = list(itertools.chain(vae.decoder.parameters(), vae.post_quant_conv.parameters()))
    optimizer = torch.optim.AdamW(weights, lr=plan.decoder_lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    schedule = one_cycle(optimizer, plan.decoder_lr, plan.decoder_steps)
    path = plan.work / "decoder.pt"
    first = _steps_done(plan, path, vae, optimizer, schedule)
    recent: list[float] = []
    for step in range(first, plan.decoder_steps):
        draws = torch.Generator().manual_seed(plan.seed * 1_000_039 + step)
        chosen = torch.randint(len(pictures), (plan.batch_size,), generator=draws)
        x = pictures[chosen].float() / 127.5 - 1
        with plan.autocast():
            y = vae.decode(latents.sample(chosen, draws)).sample
        y = y.float()
        loss = vae_loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        recent = [*recent[-99:], F.l1_loss(y, x).item()]
        if (step + 1) % 100 == 0:
            say(f"decoder {step + 1}/{plan.decoder_steps} L1 {sum(recent) / len(recent):.4f}")
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.decoder_steps:
            _save(path, step + 1, vae, optimizer, schedule)


def _steps_done(plan: Plan, path: Path, vae: AutoencoderKL, optimizer: Optimizer, schedule: LRScheduler) -> int:
    """Go on from a checkpoint where the plan says so; returns how many steps it has behind it."""
    if not plan.resume or not path.exists():
        return 0
    kept = torch.load(path)
    vae.load_state_dict(kept["vae"])
    optimizer.load_state_dict(kept["optimizer"])
    schedule.load_state_dict(kept["schedule"])
    return int(kept["step"])


def _save(path: Path, step: int, vae: AutoencoderKL, optimizer: Optimizer, schedule: LRScheduler) -> None:
    state = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "step": step}
    save_checkpoint(path, {"vae": vae.state_dict(), **state})
