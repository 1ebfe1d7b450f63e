"""Presets: several settings at once, for a purpose. Says what would change; the profile is for others to save."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loratui.profile.groups import setting_named
from loratui.profile.schema import Profile
from loratui.profile.text import field_text

_MOST_ACCUMULATION = 1024


@dataclass(frozen=True)
class Preset:
    """Settings for a purpose.

    Attributes:
        sentence: What it is for.
        changes: The values that it sets, by "section.key", for a given profile.
    """

    id: str
    title: str
    sentence: str
    changes: Callable[[Profile], Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """A setting that a preset would change, with both values as text."""

    name: str
    title: str
    before: str
    after: str


def _character(_: Profile) -> dict[str, Any]:
    return {
        "dataset.flip": False,
        "dataset.dropout": 0.0,
        "network.rank": 16,
        "network.alpha": 8.0,
        "network.conv_rank": 0,
        "training.unet_lr": 2e-4,
        "training.epochs": 10,
        "training.steps": 0,
        "training.noise_offset": 0.0,
    }


def _style(_: Profile) -> dict[str, Any]:
    return {
        "dataset.flip": True,
        "dataset.dropout": 0.1,
        "network.rank": 32,
        "network.alpha": 16.0,
        "network.conv_rank": 8,
        "network.conv_alpha": 4.0,
        "training.unet_lr": 1e-4,
        "training.epochs": 15,
        "training.steps": 0,
        "training.noise_offset": 0.03,
    }


def _low_memory(profile: Profile) -> dict[str, Any]:
    training = profile.training
    pictures = training.batch_size * training.gradient_accumulation
    return {
        "training.batch_size": 1,
        "training.gradient_accumulation": min(pictures, _MOST_ACCUMULATION),
        "training.gradient_checkpointing": True,
        "training.accept_smaller": True,
    }


def _fast_try(_: Profile) -> dict[str, Any]:
    return {
        "network.rank": 8,
        "network.alpha": 4.0,
        "training.epochs": 3,
        "training.steps": 0,
        "training.save_every": 1,
        "comparison.strengths": [0.0, 0.8],
        "comparison.steps": 12,
        "comparison.epochs": [],
    }


PRESETS = (
    Preset(
        "character",
        "Character",
        "One person or figure: keeps face and clothes, and does not mirror what is not symmetric.",
        _character,
    ),
    Preset(
        "style",
        "Style",
        "A way of drawing: a larger LoRA that also learns texture, slower, and with some captions left out.",
        _style,
    ),
    Preset(
        "low_memory",
        "Low memory",
        "For cards under 8 GB: one picture at a time with as many for each update as now, and about a quarter slower.",
        _low_memory,
    ),
    Preset(
        "fast_try",
        "Fast try",
        "A few minutes to see whether pictures and captions work: a small LoRA, few epochs, a small comparison.",
        _fast_try,
    ),
)


def what_changes(preset: Preset, profile: Profile) -> tuple[Change, ...]:
    """The settings that `preset` would give another value than `profile` has."""
    found = []
    for name, after in preset.changes(profile).items():
        setting = setting_named(name)
        before = setting.value(profile)
        if before != after:
            texts = (field_text(value, setting.field).replace("\n", ", ") for value in (before, after))
            found.append(Change(name, setting.title, *texts))
    return tuple(found)
