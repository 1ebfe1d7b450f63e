"""What a build of the demo base is asked for, and the few things its stages share."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from loratui.whole_files import whole_file


@dataclass(frozen=True)
class Plan:
    """What to build and for how long."""

    out: Path
    work: Path
    pictures: int = 12_000
    vae_steps: int = 3_000
    text_steps: int = 2_500
    unet_steps: int = 5_000
    decoder_steps: int = 4_000
    batch_size: int = 16
    vae_lr: float = 2e-3
    text_lr: float = 1e-3
    unet_lr: float = 8e-4
    joint_text_lr: float = 1e-4
    """Of the text encoder while it is trained together with the UNet."""
    decoder_lr: float = 1e-3
    min_snr_gamma: float = 5.0
    ema_decay: float = 0.998
    seed: int = 20
    save_every: int = 500
    export_every: int = 1_000
    threads: int = 1
    bf16: bool = False
    resume: bool = False

    def facts(self) -> dict[str, Any]:
        """What shaped the weights, for the record that ships with them; paths and threads did not."""
        left_out = {"out", "work", "threads", "resume", "save_every", "export_every"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bf16)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Save a checkpoint; a stop in the middle leaves the older one."""
    with whole_file(path) as file:
        torch.save(content, file)


def one_cycle(
    optimizer: torch.optim.Optimizer, lr: float | list[float], steps: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1, pct_start=0.1)
