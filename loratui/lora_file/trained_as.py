"""How a LoRA was trained, read from kohya's `ss_*` keys: one flat table whichever way its trainer wrote it.

Takes a stranger's texts and never fails; knows nothing of profiles.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_ABSENT = {"", "None", "null"}
_OFF = {*_ABSENT, "False", "false", "0", "0.0", "{}", "[]"}
_SHOWN = 200
# Of a data set's own table, what is no setting.
_TABLES = {"subsets", "bucket_info", "tag_frequency", "class_tokens", "image_dir"}

# What people call it, in the order of importance: (label, key).
_LABELS = (
    ("network", "network_module"),
    ("network arguments", "network_args"),
    ("rank", "network_dim"),
    ("alpha", "network_alpha"),
    ("LoRA dropout", "network_dropout"),
    ("learning rate", "learning_rate"),
    ("UNet rate", "unet_lr"),
    ("text encoder rate", "text_encoder_lr"),
    ("optimizer", "optimizer"),
    ("schedule", "lr_scheduler"),
    ("warm-up steps", "lr_warmup_steps"),
    ("epoch", "epoch"),
    ("epochs planned", "num_epochs"),
    ("steps", "steps"),
    ("steps planned", "max_train_steps"),
    ("batch size", "batch_size_per_device"),
    ("accumulation", "gradient_accumulation_steps"),
    ("resolution", "resolution"),
    ("buckets", "enable_bucket"),
    ("smallest bucket", "min_bucket_reso"),
    ("largest bucket", "max_bucket_reso"),
    ("pictures × repeats", "num_train_images"),
    ("reg. pictures", "num_reg_images"),
    ("CLIP skip", "clip_skip"),
    ("caption length", "max_token_length"),
    ("tags shuffled", "shuffle_caption"),
    ("tags kept in front", "keep_tokens"),
    ("caption dropout", "caption_dropout_rate"),
    ("tag dropout", "caption_tag_dropout_rate"),
    ("mirrored", "flip_aug"),
    ("colours varied", "color_aug"),
    ("min-SNR gamma", "min_snr_gamma"),
    ("noise offset", "noise_offset"),
    ("zero terminal SNR", "zero_terminal_snr"),
    ("loss", "loss_type"),
    ("reg. weight", "prior_loss_weight"),
    ("gradient clip", "max_grad_norm"),
    ("precision", "mixed_precision"),
    ("checkpointing", "gradient_checkpointing"),
    ("seed", "seed"),
    ("comment", "training_comment"),
)
_YES = {"True": "yes", "true": "yes"}


@dataclass(frozen=True)
class Trained:
    """What a file says of its training.

    Args:
        values: kohya's keys without `ss_`, as texts; several data sets are told by their first.
        folders: Names of the picture folders with their repeats, as text.
        regularised: Whether there were regularisation pictures.
    """

    values: Mapping[str, str]
    folders: tuple[str, ...]
    regularised: bool

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """(what it is called, value) of everything that is not off, in the order in which people ask for it."""
        return tuple(
            (label, _YES.get(self.values[key], self.values[key])[:_SHOWN])
            for label, key in _LABELS
            if not is_off(self.values.get(key, ""))
        )

    def date(self, key: str) -> str:
        """Return a Unix time of the table as a date in UTC; "" where it is none."""
        try:
            return datetime.fromtimestamp(float(self.values.get(key, "")), UTC).strftime("%Y-%m-%d %H:%M UTC")
        except (ValueError, OverflowError, OSError):
            return ""


def is_absent(text: str) -> bool:
    """Whether a value says nothing; 0 and False do say something."""
    return text.strip() in _ABSENT


def is_off(text: str) -> bool:
    """Whether a value says that something is off, or nothing at all."""
    return text.strip() in _OFF


def trained_as(metadata: Mapping[str, str]) -> Trained:
    """Return what the metadata of a LoRA file says of its training."""
    values = {key.removeprefix("ss_"): text for key, text in metadata.items() if key.startswith("ss_")}
    values |= _entries(values.get("network_args", ""), {"conv_dim", "conv_alpha"})
    data_sets = table(values.get("datasets", ""))
    if isinstance(data_sets, list) and data_sets and isinstance(data_sets[0], dict):
        first = data_sets[0]
        subsets = first.get("subsets")
        inner = subsets[0] if isinstance(subsets, list) and subsets and isinstance(subsets[0], dict) else {}
        for entries in (first, inner):
            for key, value in entries.items():
                if key not in values and isinstance(value, str | int | float | list) and key not in _TABLES:
                    values[key] = str(value)
    folders = table(values.get("dataset_dirs", ""))
    names = [_folder(name, entry) for name, entry in folders.items()] if isinstance(folders, dict) else []
    repeats = _repeats(folders)
    if repeats:
        values["num_repeats"] = repeats
    else:
        values.pop("num_repeats", None)
    regularised = isinstance(entry := table(values.get("reg_dataset_dirs", "")), dict) and bool(entry)
    return Trained(values, tuple(names), regularised)


def _folder(name: str, entry: Any) -> str:
    count = entry.get("img_count") if isinstance(entry, dict) else None
    return f"{name} ({count} pictures)" if type(count) is int else name


def _repeats(folders: Any) -> str:
    """The repeats of all folders where they agree; "" else."""
    if not isinstance(folders, dict):
        return ""
    found = {entry.get("n_repeats") for entry in folders.values() if isinstance(entry, dict) and _is_count(entry)}
    return str(found.pop()) if len(found) == 1 else ""


def _is_count(entry: dict[str, Any]) -> bool:
    return type(entry.get("n_repeats")) is int


def _entries(text: str, wanted: set[str]) -> dict[str, str]:
    found = table(text)
    if not isinstance(found, dict):
        return {}
    return {key: str(value) for key, value in found.items() if key in wanted and isinstance(value, str | int | float)}


def table(text: str) -> Any:
    """Return what a JSON text of the metadata says; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
