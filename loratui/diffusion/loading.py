"""Loads a base from what people have: a diffusers directory, a hub id, a single `.safetensors` file, a separate VAE.

Reads no dataset and trains nothing. What differs between directories and single files is in modules of their own.
"""

import threading
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from transformers.utils import logging as transformers_logging

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.library_calls import FilesRefused, library_call, refuse_missing
from loratui.diffusion.loading_checkpoint import (
    load_checkpoint,
    noise_of,
    read_checkpoint_part,
    shipped_configs,
)
from loratui.diffusion.loading_directory import (
    family_of_configs,
    load_directory,
    load_part,
    read_part,
    read_scheduler_config,
    refuse_folder,
)
from loratui.diffusion.schedule import NoiseSchedule
from loratui.errors import BaseModelError, LoraFileError
from loratui.hub.checkpoint import Checkpoint, check_vae, read_checkpoint
from loratui.hub.models import fetch, locate
from loratui.hub.tokenizer_files import single_file_tokenizer
from loratui.lora_file.header import file_sha256
from loratui.profile.schema import Model
from loratui.safe_text import printable


def load_base(settings: Model, *, device: torch.device, dtype: torch.dtype) -> BaseModel:
    """Load the base that a profile names and freeze it.

    Args:
        settings: The profile's `model` section.
        device: Where the weights go.
        dtype: Precision of UNet and text encoders. The VAE stays in fp32: those of SD 1.x and SDXL overflow in fp16.

    Raises:
        BaseModelError: It is missing, damaged, or a kind that cannot be used here.
    """
    transformers_logging.disable_progress_bar()
    torch.empty(0, device=device)  # fails here where the device does not work, not as if the files were damaged
    location = locate(settings.base)
    source = fetch(location)
    if source.is_dir():
        refuse_folder(source)
    checkpoint = _open_checkpoint(source, settings)
    configs = source if source.is_dir() else _configs(checkpoint, settings)
    try:
        vae_source = fetch(locate(settings.vae)) if settings.vae else None
        vae = None if vae_source is None else _load_vae(settings.vae, vae_source, configs)
        base = _load(settings, source, checkpoint, configs, vae, dtype, device)
        base.read_again = partial(_read_again, settings, source, vae_source, configs, dtype, _stamp(source))
        base.name = source.stem if source.is_file() else location.name
        base.move(device)
    except torch.OutOfMemoryError as error:
        raise BaseModelError(
            f"OutOfMemory: the GPU's memory does not hold the base {settings.base}.",
            "Close what else uses the GPU (nvidia-smi lists it).",
        ) from error
    except FilesRefused as error:
        raise BaseModelError(
            f"The base {printable(settings.base)} cannot be loaded: {printable(error)}",
            "Check that the download is complete and that it is a Stable Diffusion 1.x, 2.x or XL model.",
        ) from error
    for module in (*base.components.values(), base.vae):
        module.requires_grad_(False).eval()
    _refuse_other_shapes(base, settings)
    return base


def _load(
    settings: Model,
    source: Path,
    checkpoint: Checkpoint,
    configs: Path,
    vae: Any,
    dtype: torch.dtype,
    device: torch.device,
) -> BaseModel:
    scheduler_config, tokenizer_from = read_scheduler_config(configs), ""
    if source.is_dir():
        parts = load_directory(source, vae, dtype, device)
    else:
        # Before the gigabytes: without a tokenizer nothing can be done with them.
        words = single_file_tokenizer(settings.config)
        tokenizer_from = words.told
        parts = load_checkpoint(source, configs, words.folder, vae, dtype)
        scheduler_config |= noise_of(checkpoint, parts["unet"], may_ask=not settings.config)
    _set_noise(scheduler_config, settings)
    with library_call():
        schedule = NoiseSchedule.from_config(scheduler_config)
    return BaseModel(
        name=settings.base,
        source=source,
        family=family_of_configs(configs),
        schedule=schedule,
        scheduler_config=scheduler_config,
        device=torch.device("cpu"),
        dtype=dtype,
        clip_skip=settings.clip_skip,
        hashed=_hash_meanwhile(source).result if source.is_file() else None,
        tokenizer_from=tokenizer_from,
        **parts,
    )


def _stamp(source: Path) -> tuple[tuple[int, int], ...]:
    """Return sizes and times of a base's weights: they change when it becomes another."""
    files = [source] if source.is_file() else sorted(source.rglob("*.safetensors"))
    return tuple((file.stat().st_size, file.stat().st_mtime_ns) for file in files)


def _read_again(
    settings: Model,
    source: Path,
    vae_source: Path | None,
    configs: Path,
    dtype: torch.dtype,
    stamp: tuple[tuple[int, int], ...],
    name: str,
) -> Any:
    """Return a part as `_load` read it.

    Raises:
        BaseModelError: The base's files were taken away meanwhile, or are others now.
    """
    try:
        if name == "vae" and vae_source is not None:
            return _load_vae(settings.vae, vae_source, configs)
        if _stamp(source) != stamp:
            raise FilesRefused("its files are others than when the run began")
        if source.is_dir():
            return read_part(source, name, dtype)
        return read_checkpoint_part(source, configs, name, dtype)
    except (FilesRefused, OSError) as error:
        raise BaseModelError(
            f"The {name} of {printable(settings.base)} cannot be read again: {printable(error)}",
            "Leave the base's files where they are while it is in use; then resume.",
        ) from error


def _hash_meanwhile(file: Path) -> Future[str]:
    """Hash a file of gigabytes, which nobody asks for before a LoRA is written, while other things are done."""
    hashing: Future[str] = Future()

    def compute() -> None:
        try:
            hashing.set_result(file_sha256(file))
        except LoraFileError as error:
            hashing.set_exception(error)

    # Nobody waits for it at the end of the process.
    threading.Thread(target=compute, name="hash", daemon=True).start()
    return hashing


def _set_noise(scheduler_config: dict[str, Any], settings: Model) -> None:
    """Put into a scheduler's configuration what the profile says of prediction and schedule.

    Raises:
        BaseModelError: It asks for a schedule that the prediction cannot have.
    """
    if settings.prediction != "auto":
        scheduler_config["prediction_type"] = settings.prediction
    if scheduler_config.get("prediction_type", "epsilon") == "epsilon":
        if settings.zero_terminal_snr == "on":
            raise BaseModelError(
                f"model.zero_terminal_snr is on, but {printable(settings.base)} predicts the noise (epsilon), and of "
                "pure noise there is no picture to be had by that.",
                "Set it to auto, or model.prediction to v_prediction where the base was trained so.",
            )
        scheduler_config["rescale_betas_zero_snr"] = False
    elif settings.zero_terminal_snr != "auto":
        scheduler_config["rescale_betas_zero_snr"] = settings.zero_terminal_snr == "on"


def _open_checkpoint(source: Path, settings: Model) -> Checkpoint:
    """Look into what tells a base's kind; refuse what is no base, or lacks what is not given besides."""
    try:
        checkpoint = read_checkpoint(source)
    except LoraFileError as error:
        raise BaseModelError(error.what, error.todo) from error
    family = checkpoint.family
    lacks_something = (family.needs_config and not settings.config) or (family.needs_vae and not settings.vae)
    if not family.is_usable or lacks_something:
        raise BaseModelError(f"{printable(source.name)} is {family.what}.", family.todo)
    return checkpoint


def _configs(checkpoint: Checkpoint, settings: Model) -> Path:
    if settings.config:
        return Path(settings.config).expanduser()
    assert checkpoint.base_family is not None, "only bases that can be trained come here"
    return shipped_configs(checkpoint.base_family)


def _load_vae(name: str, source: Path, configs: Path) -> Any:
    """Read a separate VAE in fp32; a single file has the shape of the base's own.

    Args:
        name: As a profile names it.
        source: Its file or directory.
        configs: Those of the base.

    Raises:
        BaseModelError: It is none, or cannot be loaded.
    """
    check_vae(source)
    try:
        if source.is_dir():
            inside = "vae" if (source / "vae" / "config.json").is_file() else ""
            return load_part(AutoencoderKL, source, inside, torch.float32)
        with library_call():
            vae = AutoencoderKL.from_single_file(
                str(source), config=str(configs), subfolder="vae", local_files_only=True, torch_dtype=torch.float32
            )
        refuse_missing("files", [key for key, tensor in vae.state_dict().items() if tensor.is_meta])
        return vae
    except FilesRefused as error:
        raise BaseModelError(
            f"The VAE {printable(name)} cannot be loaded: {printable(error)}",
            "Check that its download is complete, or leave model.vae empty for the base's own.",
        ) from error


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
