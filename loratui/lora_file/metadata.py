"""What a LoRA file says of itself, in kohya's `ss_*` keys and the `modelspec.*` keys of Stability AI.

Knows a profile, a manifest and a few figures; writes nothing. All values are texts as Python prints them ("None",
"True", "(512, 512)"), tables as JSON: the form that kohya's tools, A1111 and Forge read. Of paths only the last part
is written, so that a shared file does not tell where its author keeps things.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import loratui
from loratui.dataset.captions import as_prompt
from loratui.dataset.manifest import Manifest
from loratui.dataset.repeats import count_batches
from loratui.lora_file.header import legacy_hash
from loratui.lora_file.naming import BaseFamily
from loratui.lora_file.picture_metadata import as_path, bucket_info, folders, tag_frequency, tags_of
from loratui.profile.schema import Profile

_FILES = {".safetensors", ".ckpt", ".pt", ".bin"}
# As kohya names them: the class's full name, then its arguments.
_OPTIMIZERS = {"adamw": "torch.optim.adamw.AdamW", "adamw8bit": "bitsandbytes.optim.adamw.AdamW8bit"}


BASE_VERSIONS: dict[BaseFamily, str] = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0"}
ARCHITECTURES: dict[BaseFamily, str] = {
    "sd1": "stable-diffusion-v1",
    "sd2": "stable-diffusion-v2-512",
    "sdxl": "stable-diffusion-xl-v1-base",
}
# Whose layout the keys are in.
_IMPLEMENTATIONS: dict[BaseFamily, str] = {"sdxl": "https://github.com/Stability-AI/generative-models"}


@dataclass(frozen=True)
class BaseFacts:
    """What is known of the base that was trained on.

    Args:
        name: Hub id, file or directory; of a local path only the last part is written.
        family: Decides `ss_base_model_version`, by which A1111 and Forge tell what a LoRA is for, and `ss_v2`.
        prediction: What the UNet predicts.
        sha256: Of a single-file checkpoint; None for a directory or a hub repository.
        legacy_hash: kohya's 8-digit hash of the same file.
        vae: Name of a separate VAE, or "".
        zero_terminal_snr: Whether the noise schedule was rescaled to end in pure noise.
    """

    name: str
    family: BaseFamily
    prediction: Literal["epsilon", "v_prediction"] = "epsilon"
    sha256: str | None = None
    legacy_hash: str | None = None
    vae: str = ""
    zero_terminal_snr: bool = False


@dataclass(frozen=True)
class Progress:
    """How far the training is and what it runs on.

    Args:
        output_name: Stem of the finished file, as prompts name it.
        session: A number that the files of one training share.
        started, finished: Unix times; `finished` is when this file was written.
        epoch, steps: Epochs begun and optimizer updates done in this file.
        epochs, max_steps, warmup_steps: Of the whole plan.
        precision: What the base computed in: "no", "fp16" or "bf16".
        cache_latents: Whether the pictures were encoded once.
    """

    output_name: str
    session: int
    started: float
    finished: float
    epoch: int
    steps: int
    epochs: int
    max_steps: int
    warmup_steps: int
    precision: str
    cache_latents: bool = True


def training_metadata(profile: Profile, manifest: Manifest, base: BaseFacts, progress: Progress) -> dict[str, str]:
    """Return the metadata of a LoRA file, all but its hashes (see `with_hashes`)."""
    values = {
        **_training(profile, manifest, progress),
        **_network(profile),
        **_base(profile, base),
        **_dataset(profile, manifest),
    }
    metadata = {f"ss_{key}": str(value) for key, value in values.items()}
    metadata |= _modelspec(profile, manifest, base, progress)
    # A name on disk need not be UTF-8; the file's header must be.
    return {key: value.encode("utf-8", "replace").decode("utf-8") for key, value in metadata.items()}


def with_hashes(metadata: Mapping[str, str], serialise: Callable[[dict[str, str]], bytes]) -> dict[str, str]:
    """Return `metadata` with `sshs_model_hash` and `sshs_legacy_hash` as kohya computes them.

    Args:
        metadata: What the file is to say of itself.
        serialise: Gives the bytes of the file for some metadata, e.g. `lambda m: safetensors.torch.save(tensors, m)`.
    """
    data = serialise({key: value for key, value in metadata.items() if key.startswith("ss_")})
    start = 8 + int.from_bytes(data[:8], "little")
    hashes = {
        "sshs_model_hash": hashlib.sha256(memoryview(data)[start:]).hexdigest(),
        "sshs_legacy_hash": legacy_hash(data),
    }
    return {**metadata, **hashes}


def _training(profile: Profile, manifest: Manifest, progress: Progress) -> dict[str, Any]:
    training, dataset = profile.training, profile.dataset
    # Before they are shared between the processes.
    batches = count_batches(((image.placement.bucket, image.repeats) for image in manifest.images), training.batch_size)
    return {
        "session_id": progress.session,
        "training_started_at": progress.started,
        "training_finished_at": progress.finished,
        "output_name": progress.output_name,
        "learning_rate": training.unet_lr,
        "unet_lr": training.unet_lr,
        "text_encoder_lr": training.text_encoder_lr if profile.network.train_text_encoder else None,
        "num_batches_per_epoch": batches,
        "num_epochs": progress.epochs,
        "epoch": progress.epoch,
        "steps": progress.steps,
        "max_train_steps": progress.max_steps,
        "lr_warmup_steps": progress.warmup_steps,
        "lr_scheduler": training.scheduler,
        "optimizer": f"{_OPTIMIZERS[training.optimizer]}(weight_decay={training.weight_decay})",
        "max_grad_norm": training.max_grad_norm,
        "mixed_precision": progress.precision,
        "cache_latents": progress.cache_latents,
        "seed": training.seed,
        "noise_offset": training.noise_offset or None,
        "min_snr_gamma": training.min_snr_gamma or None,
        "loss_type": "l2",
        "prior_loss_weight": dataset.prior_loss_weight,
        "gradient_checkpointing": training.gradient_checkpointing,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "batch_size_per_device": training.batch_size,
        "total_batch_size": training.batch_size * profile.accelerate.processes * training.gradient_accumulation,
    }


def _network(profile: Profile) -> dict[str, Any]:
    network = profile.network
    arguments = (
        {"conv_dim": str(network.conv_rank), "conv_alpha": str(float(network.conv_alpha))} if network.conv_rank else {}
    )
    return {
        "network_module": "networks.lora",
        "network_dim": network.rank,
        "network_alpha": float(network.alpha),
        "network_dropout": network.dropout or None,
        "network_args": json.dumps(arguments),
    }


def _base(profile: Profile, base: BaseFacts) -> dict[str, Any]:
    # As sd-scripts: SDXL has one version whatever it predicts, and reads the last layer but one at any clip_skip.
    by_velocity = base.prediction == "v_prediction" and base.family != "sdxl"
    values: dict[str, Any] = {
        "v2": base.family == "sd2",
        "base_model_version": BASE_VERSIONS[base.family] + ("_v" if by_velocity else ""),
        "clip_skip": _clip_skip(profile, base),
        "zero_terminal_snr": base.zero_terminal_snr,
        "sd_model_name": _last_part(base.name),
        "sd_model_hash": base.legacy_hash,
        "new_sd_model_hash": base.sha256,
        "vae_name": _last_part(base.vae) or None,
    }
    # kohya leaves these out where there is no single file.
    optional = {"sd_model_hash", "new_sd_model_hash", "vae_name"}
    return {key: value for key, value in values.items() if value is not None or key not in optional}


def _clip_skip(profile: Profile, base: BaseFacts) -> int | None:
    return None if base.family == "sdxl" else profile.model.clip_skip


def _dataset(profile: Profile, manifest: Manifest) -> dict[str, Any]:
    section = profile.dataset
    trained = [image for image in manifest.images if not image.regularisation]
    regularising = [image for image in manifest.images if image.regularisation]
    return {
        "num_train_images": sum(image.repeats for image in trained),
        "num_reg_images": sum(image.repeats for image in regularising),
        "resolution": str(_sides(section.resolution)),
        "enable_bucket": section.bucketing,
        "bucket_no_upscale": section.bucket_no_upscale,
        "min_bucket_reso": section.min_bucket_reso,
        "max_bucket_reso": section.max_bucket_reso,
        "bucket_info": json.dumps(bucket_info(manifest.images) if section.bucketing else None),
        "shuffle_caption": section.shuffle,
        "keep_tokens": section.keep_tokens,
        "caption_dropout_rate": section.dropout,
        "caption_tag_dropout_rate": section.tag_dropout,
        "max_token_length": None if section.max_token_length == 75 else section.max_token_length,
        "flip_aug": section.flip,
        "color_aug": False,
        "random_crop": False,
        "dataset_dirs": json.dumps(folders(trained)),
        "reg_dataset_dirs": json.dumps(folders(regularising)),
        "tag_frequency": json.dumps(tag_frequency(manifest.images)),
    }


def _modelspec(profile: Profile, manifest: Manifest, base: BaseFacts, progress: Progress) -> dict[str, str]:
    by_velocity = base.prediction == "v_prediction"
    is_768 = base.family == "sd2" and by_velocity
    width, height = _sides(profile.dataset.resolution)
    trigger = profile.dataset.trigger
    captions = (image.caption for image in manifest.images if not image.regularisation)
    common = Counter(tag for caption in captions for tag in dict.fromkeys(tags_of(caption))).most_common(20)
    values = {
        "sai_model_spec": "1.0.1",
        "architecture": ("stable-diffusion-v2-768-v" if is_768 else ARCHITECTURES[base.family]) + "/lora",
        "implementation": _IMPLEMENTATIONS.get(base.family, "diffusers"),
        "implementation_version": f"loratui/{loratui.__version__}",
        "title": progress.output_name,
        "resolution": f"{width}x{height}",
        "date": datetime.fromtimestamp(int(progress.finished), UTC).isoformat(),
        "prediction_type": "v" if by_velocity else "epsilon",
        "encoder_layer": str(_clip_skip(profile, base) or ""),
        "trigger_phrase": trigger,
        "tags": ", ".join(tag for tag, _ in common),
        "usage_hint": (f"Begin the prompt with “{as_prompt(trigger)}”. " if trigger else "")
        + "Strength 0.7 to 0.9, 1.0 to 1.2 for a strong effect, 0.5 to 0.7 each when several LoRAs are combined.",
    }
    return {f"modelspec.{key}": value for key, value in values.items() if value}


def _sides(resolution: int) -> tuple[int, int]:
    return (resolution, resolution)


def _last_part(name: str) -> str:
    """Return what may be told of a base or VAE: a hub id as it is, of anything like a local path the last part."""
    path = as_path(name)
    is_hub_id = len(path.parts) == 2 and name[:1] not in "/.~" and "\\" not in name and path.suffix not in _FILES
    return name if is_hub_id else path.name
