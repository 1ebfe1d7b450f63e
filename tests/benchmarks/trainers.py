"""The programs that are compared: each is given the same job and says by which command it does it.

loratui is run as a person runs it. A peer's own script lies in a folder of its own, unmodified, with the Python that
it needs in `.venv`; only its tokenizers are given to it as files, since nothing is downloaded.
"""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loratui.profile.schema import Accelerate, Comparison, Dataset, Model, Network, Output, Profile, Training
from loratui.profile.store import write_profile

LEARNING_RATE, TEXT_LEARNING_RATE, MIN_SNR, SEED, WARMUP = 2e-4, 5e-5, 5, 42, 0.05


@dataclass(frozen=True)
class Job:
    """What every trainer shall do.

    Attributes:
        arch: "sd15", "sd21", "sdxl" or "demo".
        precision: "no", "fp16" or "bf16"; "auto" is loratui's own choice, which the peers then get.
        base: A diffusers directory.
        pictures: Folder above `5_emi_person`, as kohya wants it.
        tokenizers: Folder with `tokenizer` (and `tokenizer_2`).
        cap: Most GiB of the GPU that a trainer may use, as on an older card that also lacks flash attention; 0: all.
    """

    arch: str
    resolution: int
    batch: int
    rank: int
    text_encoder: bool
    checkpointing: bool
    device: str
    precision: str
    steps: int
    base: Path
    pictures: Path
    tokenizers: Path
    cap: float = 0.0


class Trainer(Protocol):
    """A program that trains LoRAs."""

    name: str

    def command(self, job: Job, work: Path) -> list[str]:
        """Return the command that does `job`; `work` is a folder for its files."""

    @property
    def folder(self) -> Path | None:
        """Where the command is run; None for anywhere."""


class Loratui:
    """This program, by its command line."""

    name = "loratui"
    folder = None

    def command(self, job: Job, work: Path) -> list[str]:
        """Write a profile and return the command that runs it."""
        profile = Profile(
            model=Model(base="demo" if job.arch == "demo" else str(job.base)),
            dataset=Dataset(path=str(job.pictures), resolution=job.resolution, bucketing=False),
            network=Network(rank=job.rank, alpha=job.rank / 2, train_text_encoder=job.text_encoder),
            training=Training(
                batch_size=job.batch,
                steps=job.steps,
                unet_lr=LEARNING_RATE,
                text_encoder_lr=TEXT_LEARNING_RATE,
                warmup=WARMUP,
                min_snr_gamma=MIN_SNR,
                seed=SEED,
                gradient_checkpointing=job.checkpointing,
            ),
            accelerate=Accelerate(device=job.device, mixed_precision=job.precision),  # type: ignore[arg-type]
            output=Output(name="measured", directory=str(work / "output")),
            comparison=Comparison(enabled=False),
        )
        file = work / "measured.toml"
        write_profile(profile, file)
        return [sys.executable, "-m", "loratui", "run", str(file), "--force"]


@dataclass(frozen=True)
class Kohya:
    """kohya's sd-scripts, at the fastest settings that train the same modules on the same cached latents."""

    folder: Path
    name = "kohya"

    def command(self, job: Job, work: Path) -> list[str]:
        """Return the command of `train_network.py`, or of its SDXL sibling."""
        words = work / "tokenizers"
        for folder, name in _KOHYA_TOKENIZERS[job.arch].items():
            shutil.copytree(job.tokenizers / folder, words / name, dirs_exist_ok=True)
        options: dict[str, object] = {
            "pretrained_model_name_or_path": job.base,
            "train_data_dir": job.pictures,
            "caption_extension": ".txt",
            "resolution": f"{job.resolution},{job.resolution}",
            "train_batch_size": job.batch,
            "max_train_steps": job.steps,
            "output_dir": work / "output",
            "output_name": "measured",
            "save_precision": "fp16",
            "network_module": "networks.lora",
            "network_dim": job.rank,
            "network_alpha": job.rank / 2,
            "learning_rate": LEARNING_RATE,
            "unet_lr": LEARNING_RATE,
            "text_encoder_lr": TEXT_LEARNING_RATE,
            "optimizer_type": "AdamW",
            "lr_scheduler": "cosine",
            "lr_warmup_steps": round(WARMUP * job.steps),
            "min_snr_gamma": MIN_SNR,
            "seed": SEED,
            "mixed_precision": job.precision,
            "max_data_loader_n_workers": 0,
            "tokenizer_cache_dir": words,
        }
        flags = ["sdpa", "cache_latents"]
        if not job.text_encoder:
            flags.append("network_train_unet_only")
        if job.checkpointing:
            flags.append("gradient_checkpointing")
        if job.arch == "sd21":
            flags += ["v2", "v_parameterization"]
        if job.arch == "sdxl" and not job.text_encoder:
            flags.append("cache_text_encoder_outputs")
        script = "sdxl_train_network.py" if job.arch == "sdxl" else "train_network.py"
        return [_python(self.folder), script, *_as_options(options), *[f"--{flag}" for flag in flags]]


@dataclass(frozen=True)
class Diffusers:
    """diffusers' example, which trains fewer modules (the attention's four projections) and caches no latents."""

    folder: Path
    name = "diffusers"

    def command(self, job: Job, work: Path) -> list[str]:
        """Return the command of `train_text_to_image_lora.py`, or of its SDXL sibling."""
        suffix = "_sdxl" if job.arch == "sdxl" else ""
        script = next(self.folder.rglob(f"train_text_to_image_lora{suffix}.py"))
        options: dict[str, object] = {
            "pretrained_model_name_or_path": job.base,
            "train_data_dir": _with_captions_as_lines(job.pictures, work / "pictures"),
            "resolution": job.resolution,
            "train_batch_size": job.batch,
            "max_train_steps": job.steps,
            "output_dir": work / "output",
            "cache_dir": work / "cache",
            "rank": job.rank,
            "learning_rate": LEARNING_RATE,
            "lr_scheduler": "cosine",
            "lr_warmup_steps": round(WARMUP * job.steps),
            "snr_gamma": MIN_SNR,
            "seed": SEED,
            "mixed_precision": job.precision,
            "dataloader_num_workers": 0,
        }
        flags = ["gradient_checkpointing"] if job.checkpointing else []
        if job.text_encoder and job.arch == "sdxl":
            flags.append("train_text_encoder")
        return [_python(self.folder), str(script), *_as_options(options), *[f"--{flag}" for flag in flags]]


PEERS: dict[str, type[Kohya] | type[Diffusers]] = {"kohya": Kohya, "diffusers": Diffusers}
# By the names under which sd-scripts looks for them.
_CLIP, _OPEN_CLIP = "openai_clip-vit-large-patch14", "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k"
_KOHYA_TOKENIZERS = {
    "sd15": {"tokenizer": _CLIP},
    "demo": {"tokenizer": _CLIP},
    "sd21": {"tokenizer": "stabilityai_stable-diffusion-2"},
    "sdxl": {"tokenizer": _CLIP, "tokenizer_2": _OPEN_CLIP},
}


def _python(folder: Path) -> str:
    return str(folder / ".venv" / "bin" / "python")


def _as_options(options: dict[str, object]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]


def _with_captions_as_lines(pictures: Path, folder: Path) -> Path:
    """Copy the pictures as often as they are repeated, with the captions in the `metadata.jsonl` of `datasets`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for source in sorted(pictures.glob("*_*/*.png")):
        for repeat in range(int(source.parent.name.partition("_")[0])):
            name = f"{source.stem}-{repeat}.png"
            shutil.copyfile(source, folder / name)
            lines.append(json.dumps({"file_name": name, "text": source.with_suffix(".txt").read_text("utf-8")}))
    (folder / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder
