"""What stands in the header of a LoRA file in diffusers' layout: peft's configuration of each model that it changes.

diffusers from 0.34 on writes it with `save_lora_weights` and reads it with `load_lora_weights`; it is the only place
there for alphas, and with it each module's own rank and alpha count, in attention and text encoders too.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from loratui.lora_file.naming import Component

ADAPTER_METADATA = "lora_adapter_metadata"


@dataclass(frozen=True)
class Adapted:
    """A module as peft's configuration tells it.

    Args:
        component: The model.
        path: Its path there; of a text encoder without `text_model`, which peft finds in every version's model.
        rank: Rank of its factors.
        alpha: Its effect is alpha ÷ rank · up · down.
    """

    component: Component
    path: str
    rank: int
    alpha: float


def adapter_metadata(modules: Iterable[Adapted]) -> str:
    """Return the text of `lora_adapter_metadata`."""
    by_component: dict[Component, list[Adapted]] = {}
    for module in modules:
        by_component.setdefault(module.component, []).append(module)
    values: dict[str, Any] = {}
    for component, members in by_component.items():
        rank = Counter(module.rank for module in members).most_common(1)[0][0]
        alpha = Counter(module.alpha for module in members).most_common(1)[0][0]
        values |= {
            f"{component}.r": rank,
            f"{component}.lora_alpha": _plain(alpha),
            f"{component}.rank_pattern": {module.path: module.rank for module in members if module.rank != rank},
            f"{component}.alpha_pattern": {
                module.path: _plain(module.alpha) for module in members if module.alpha != alpha
            },
            f"{component}.target_modules": sorted(module.path for module in members),
        }
    return json.dumps(values, sort_keys=True)


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number
