"""The frozen base: a Stable Diffusion of any packaging as one object with its noise schedule.

Accepts what people have: a diffusers directory, a hub id, a single `.safetensors` checkpoint, a separate VAE. Reads no
dataset and trains nothing.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from loratui.diffusion.schedule import NoiseSchedule, PredictionType
from loratui.errors import BaseModelError, LoraFileError
from loratui.hub.family import checkpoint_family
from loratui.hub.models import fetch, locate
from loratui.hub.tokenizer_files import TOKENIZER_REPOSITORIES
from loratui.lora_file.header import file_sha256, read_header
from loratui.profile.schema import Model

_SD1_CONFIGS = Path(__file__).parent / "configs" / "sd1"

# What the libraries raise for files that are damaged, incomplete or of another kind.
_LOADING_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    AttributeError,
    TypeError,
    SafetensorError,
    SingleFileComponentError,
)
_SMALLEST_VOCABULARY = 512


@dataclass
class BaseModel:
    """A base model on one device, frozen.

    Attributes:
        name: What a person calls it: hub id, file stem, directory name or "demo".
        source: Path of the files it was read from.
        family: "sd1" or "sd2".
        schedule: The noise schedule it was trained with.
        scheduler_config: diffusers' configuration of its scheduler.
        sha256: Hash of a single-file checkpoint, as A1111 shows it; None for a directory.
        clip_skip: kohya's count, as the profile asks.
    """

    name: str
    source: Path
    family: Literal["sd1", "sd2"]
    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    schedule: NoiseSchedule
    scheduler_config: dict[str, Any]
    device: torch.device
    dtype: torch.dtype
    clip_skip: int = 1
    sha256: str | None = None

    def move(self, device: torch.device) -> None:
        """Bring UNet and text encoder to `device`; the VAE follows when it is used."""
        self.unet.to(device)
        self.text_encoder.to(device)
        self.device = device

    @cached_property
    def fingerprint(self) -> str:
        """What tells this base from another: sizes and beginnings of its weights and configurations, as a sha256."""
        files = [self.source] if self.source.is_file() else sorted(self.source.rglob("*"))
        digest = hashlib.sha256()
        for file in files:
            if file.suffix in (".safetensors", ".json") and file.is_file():
                with open(file, "rb") as content:
                    digest.update(f"{file.name} {file.stat().st_size} ".encode() + content.read(1 << 20))
        return digest.hexdigest()

    @property
    def prediction_type(self) -> PredictionType:
        """What the UNet predicts: "epsilon" or "v_prediction"."""
        return self.schedule.prediction_type

    @property
    def vae_scale_factor(self) -> int:
        """Pixels per latent in each direction (8 for Stable Diffusion)."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))


def load_base(settings: Model, *, device: torch.device, dtype: torch.dtype) -> BaseModel:
    """Load the base that a profile names and freeze it.

    Args:
        settings: The profile's `model` section.
        device: Where the weights go.
        dtype: Precision of UNet and text encoder. The VAE stays in fp32: fp16 overflows in SD 1.x's own.

    Raises:
        BaseModelError: It is missing, damaged, or a kind that cannot be used here.
    """
    transformers_logging.disable_progress_bar()
    location = locate(settings.base)
    source = fetch(location)
    try:
        vae = _load_vae(settings, source) if settings.vae else None
        base = _load(settings, source, vae, dtype)
        base.name = source.stem if source.is_file() else location.name
        base.move(device)
    except torch.OutOfMemoryError as error:
        raise BaseModelError(
            f"OutOfMemory: the GPU's memory does not hold the base {settings.base}.",
            "Close what else uses the GPU (nvidia-smi lists it).",
        ) from error
    except _LOADING_ERRORS as error:
        raise BaseModelError(
            f"The base {settings.base} cannot be loaded: {_first_line(error)}",
            "Check that the download is complete and that it is a Stable Diffusion 1.x or 2.x model.",
        ) from error
    for module in (base.text_encoder, base.vae, base.unet):
        module.requires_grad_(False).eval()
    _refuse_other_shapes(base, settings)
    return base


def _load(settings: Model, source: Path, vae: Any, dtype: torch.dtype) -> BaseModel:
    if source.is_dir():
        parts, scheduler_config = _load_directory(source, vae, dtype), _scheduler_config(source)
    else:
        _refuse_other_kinds(source, any_shape=bool(settings.config))
        configs = _configs(settings.config)
        parts, scheduler_config = _load_single_file(source, configs, vae, dtype), _scheduler_config(configs)
    if settings.prediction != "auto":
        scheduler_config["prediction_type"] = settings.prediction
    return BaseModel(
        name=settings.base,
        source=source,
        family=_family(parts["unet"], settings.base),
        schedule=NoiseSchedule.from_config(scheduler_config),
        scheduler_config=scheduler_config,
        device=torch.device("cpu"),
        dtype=dtype,
        clip_skip=settings.clip_skip,
        sha256=file_sha256(source) if source.is_file() else None,
        **parts,
    )


def _load_directory(directory: Path, vae: Any, dtype: torch.dtype) -> dict[str, Any]:
    if not (directory / "model_index.json").is_file():
        raise BaseModelError(
            f"{directory} is not a diffusers model: model_index.json is missing.",
            "Name the directory that holds model_index.json, or a single .safetensors file.",
        )

    def part(kind: Any, name: str, precision: torch.dtype) -> Any:
        variant = _variant(directory / name)
        model, found = kind.from_pretrained(
            directory, subfolder=name, variant=variant, torch_dtype=precision, output_loading_info=True
        )
        _refuse_missing(name, found["missing_keys"])
        return model

    return {
        "tokenizer": CLIPTokenizer.from_pretrained(directory, subfolder="tokenizer"),
        "text_encoder": part(CLIPTextModel, "text_encoder", dtype),
        "vae": vae or part(AutoencoderKL, "vae", torch.float32),
        "unet": part(UNet2DConditionModel, "unet", dtype),
    }


def _load_single_file(path: Path, configs: Path, vae: Any, dtype: torch.dtype) -> dict[str, Any]:
    """Read a checkpoint in the original layout, of the shape that `configs` describes."""
    given = {"vae": vae} if vae is not None else {}
    pipeline = StableDiffusionPipeline.from_single_file(
        str(path),
        config=str(configs),
        tokenizer=_single_file_tokenizer(configs),
        safety_checker=None,
        feature_extractor=None,
        local_files_only=True,
        torch_dtype=dtype,
        **given,
    )
    parts = {name: getattr(pipeline, name) for name in ("tokenizer", "text_encoder", "vae", "unet")}
    for name in ("text_encoder", "vae", "unet"):
        _refuse_missing(name, [key for key, tensor in parts[name].state_dict().items() if tensor.is_meta])
    parts["vae"].to(torch.float32)
    return parts


def _refuse_missing(part: str, keys: Collection[str]) -> None:
    if keys:
        raise ValueError(f"its {part} lacks {len(keys)} tensors, first {min(keys)}")


def _configs(directory: str) -> Path:
    return Path(directory).expanduser() if directory else _SD1_CONFIGS


def _load_vae(settings: Model, base: Path) -> Any:
    """Read a separate VAE; a single file has the shape of the base's own."""
    source = fetch(locate(settings.vae))
    if source.is_file():
        configs = base if base.is_dir() else _configs(settings.config)
        vae = AutoencoderKL.from_single_file(str(source), config=str(configs), subfolder="vae")
        _refuse_missing("VAE", [key for key, tensor in vae.state_dict().items() if tensor.is_meta])
        return vae
    subfolder = "vae" if (source / "vae" / "config.json").is_file() else None
    vae, found = AutoencoderKL.from_pretrained(source, subfolder=subfolder, output_loading_info=True)
    _refuse_missing("VAE", found["missing_keys"])
    return vae


def _single_file_tokenizer(directory: Path) -> Any:
    """Return CLIP's tokenizer: a checkpoint holds none, so it comes from `directory`, the hub's cache, or the hub."""
    if (directory / "tokenizer").is_dir():
        return CLIPTokenizer.from_pretrained(directory, subfolder="tokenizer")
    for is_local in (True, False):
        for repository, subfolder in TOKENIZER_REPOSITORIES:
            tokenizer = _hub_tokenizer(repository, subfolder, is_local)
            if tokenizer is not None:
                return tokenizer
    raise BaseModelError(
        "A single-file checkpoint holds no tokenizer, and CLIP's is neither in the hub's cache nor reachable.",
        f"Go online once (it takes 2 MB from {TOKENIZER_REPOSITORIES[0][0]}), or set model.config to a diffusers "
        "directory with one.",
    )


def _hub_tokenizer(repository: str, subfolder: str, is_local: bool) -> Any | None:
    try:
        tokenizer = CLIPTokenizer.from_pretrained(repository, subfolder=subfolder, local_files_only=is_local)
    except (OSError, ValueError):
        return None
    # transformers 5 makes an empty vocabulary up where it finds none.
    return tokenizer if len(tokenizer) > _SMALLEST_VOCABULARY else None


def _refuse_other_kinds(path: Path, *, any_shape: bool) -> None:
    try:
        header = read_header(path)
    except LoraFileError as error:
        raise BaseModelError(error.what, error.todo) from error
    family = checkpoint_family(header.tensors)
    if family.what and not (family.needs_config and any_shape):
        raise BaseModelError(f"{path.name} is {family.what}.", "Name a Stable Diffusion 1.x checkpoint in model.base.")


def _refuse_other_shapes(base: BaseModel, settings: Model) -> None:
    if base.unet.config.in_channels != base.vae.config.latent_channels:
        raise BaseModelError(
            f"{base.name} is an inpainting or depth model: its UNet takes {base.unet.config.in_channels} channels.",
            "Train on the plain model of the same family.",
        )
    layers = int(base.text_encoder.config.num_hidden_layers)
    if settings.clip_skip > layers:
        raise BaseModelError(
            f"model.clip_skip is {settings.clip_skip}, but the text encoder of {base.name} has {layers} layers.",
            "Use 1 (the last layer), or 2 for bases that were trained so.",
        )


def _family(unet: Any, name: str) -> Literal["sd1", "sd2"]:
    if unet.config.get("addition_embed_type"):
        raise BaseModelError(
            f"{name} is an SDXL model.", "Stable Diffusion 1.x and 2.x can be trained; name one of those in model.base."
        )
    return "sd2" if unet.config.cross_attention_dim == 1024 else "sd1"


def _scheduler_config(directory: Path) -> dict[str, Any]:
    return dict(json.loads((directory / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8")))


def _variant(directory: Path) -> str | None:
    """Return "fp16" when only the half-precision files are there."""
    full = any(directory.glob("*.safetensors")) and not all(".fp16." in f.name for f in directory.glob("*.safetensors"))
    return None if full else ("fp16" if any(directory.glob("*.fp16.safetensors")) else None)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
