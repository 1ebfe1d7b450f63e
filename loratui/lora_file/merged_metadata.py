"""What a merged LoRA file says of itself: what it was made of, and what the files that went into it agree upon.

kohya's `networks/merge_lora.py` writes the network, the version of the base, the titles of the sources and the hashes;
here the words of all files are kept too, so that the result can still be called. Facts of one training (steps, rates,
pictures) are those of no merged file, unless there was only one.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loratui.errors import LoraFileError
from loratui.lora_file.adapter_metadata import ADAPTER_METADATA, Adapted, adapter_metadata
from loratui.lora_file.families import family_of
from loratui.lora_file.inspect import tag_counts
from loratui.lora_file.kohya_record import RECORD
from loratui.lora_file.module_paths import module_path
from loratui.lora_file.modules import LoraFile, LoraModule
from loratui.lora_file.naming import Component
from loratui.lora_file.network_metadata import network_metadata
from loratui.lora_file.writing import LEGACY_HASH, MODEL_HASH
from loratui.safe_text import printable

INGREDIENTS = "loratui_merged_from"
_TAGS, _TRIGGER = "ss_tag_frequency", "modelspec.trigger_phrase"
# Told by the result where all files say the same.
_OF_THE_BASE = (
    "ss_v2",
    "ss_base_model_version",
    "ss_sd_model_name",
    "ss_sd_model_hash",
    "ss_new_sd_model_hash",
    "ss_vae_name",
    "ss_vae_hash",
    "ss_new_vae_hash",
    "ss_clip_skip",
    "ss_zero_terminal_snr",
    "ss_resolution",
    "modelspec.architecture",
    "modelspec.implementation",
    "modelspec.prediction_type",
    "modelspec.resolution",
    "modelspec.encoder_layer",
    "modelspec.license",
)
_MOST_TAGS = 20


@dataclass(frozen=True)
class Ingredient:
    """A file and how strongly it counts, as in `<lora:NAME:0.8:0.5>`.

    Args:
        path: The file.
        text: Weight of the text encoders.
        unet: Weight of the UNet.
    """

    path: Path
    text: float = 1.0
    unet: float = 1.0

    def weight(self, component: Component) -> float:
        """The weight of one of the models."""
        return self.unet if component == "unet" else self.text


@dataclass(frozen=True)
class Described:
    """A module of the result: where it occurs first, and its rank and alpha now."""

    module: LoraModule
    rank: int
    alpha: float


def merged_metadata(
    name: str,
    ingredients: Sequence[Ingredient],
    loras: Sequence[LoraFile],
    modules: Sequence[Described],
    *,
    is_copy: bool = False,
) -> dict[str, str]:
    """Return the metadata of the file that was made of `loras`, all but its hashes.

    Args:
        name: What prompts will call it.
        ingredients: The files as they were asked for, in the order of `loras`.
        loras: What they hold.
        modules: Of the result.
        is_copy: Ranks and alphas are those of the one file, told as it tells them.

    Raises:
        LoraFileError: diffusers' layout has to tell an alpha, and the module has no path there.
    """
    said = [lora.header.metadata for lora in loras]
    metadata = dict(said[0]) if len(loras) == 1 else _together(said)
    if not is_copy:
        family = family_of((one.module for one in modules), metadata)
        network = network_metadata(((one.rank, one.alpha) for one in modules), family)
        kept = {key: text for key, text in metadata.items() if not key.startswith("ss_network_")}
        metadata = network | kept
        for key in (ADAPTER_METADATA, RECORD):
            metadata.pop(key, None)
        if any(_is_diffusers(lora) for lora in loras):
            metadata[ADAPTER_METADATA] = adapter_metadata(_adapted(one) for one in modules)
    titles = [text.get("modelspec.title") or lora.path.stem for text, lora in zip(said, loras, strict=True)]
    made_of = [
        {
            "file": lora.path.name,
            "text_encoder": ingredient.text,
            "unet": ingredient.unet,
            **({MODEL_HASH: text[MODEL_HASH]} if MODEL_HASH in text else {}),
        }
        for ingredient, lora, text in zip(ingredients, loras, said, strict=True)
    ]
    metadata |= {
        "ss_output_name": name,
        "modelspec.sai_model_spec": metadata.get("modelspec.sai_model_spec", "1.0.1"),
        "modelspec.title": name,
        "modelspec.date": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "modelspec.merged_from": ", ".join(titles),
        INGREDIENTS: json.dumps(made_of),
    }
    # A name on disk need not be UTF-8; the file's header must be.
    return {
        key: text.encode("utf-8", "replace").decode("utf-8")
        for key, text in metadata.items()
        if key not in (MODEL_HASH, LEGACY_HASH)
    }


def _together(said: Sequence[Mapping[str, str]]) -> dict[str, str]:
    metadata = {}
    for key in _OF_THE_BASE:
        values = {text.get(key) for text in said}
        if len(values) == 1 and (value := values.pop()) is not None:
            metadata[key] = value
    folders: dict[str, Counter[str]] = {}
    for text in said:
        for folder, tags in tag_counts(text.get(_TAGS, "")).items():
            folders.setdefault(folder, Counter()).update(tags)
    if folders:
        metadata[_TAGS] = json.dumps(folders)
        common = sum(folders.values(), Counter()).most_common(_MOST_TAGS)
        metadata["modelspec.tags"] = ", ".join(tag for tag, _ in common)
    words = (word.strip() for text in said for word in text.get(_TRIGGER, "").split(","))
    if trigger := ", ".join(dict.fromkeys(word for word in words if word)):
        metadata[_TRIGGER] = trigger
    return metadata


def _is_diffusers(lora: LoraFile) -> bool:
    return any(module.style not in ("kohya", "ComfyUI") for module in lora.layout.modules)


def _adapted(one: Described) -> Adapted:
    path = module_path(one.module.component, one.module.spelling)
    if path is None:
        raise LoraFileError(
            f"{printable(one.module.key)[:200]} is no layer of Stable Diffusion 1, 2 or XL, so that the alpha of the "
            "merged file cannot be told.",
            "Merge files in kohya's layout.",
        )
    return Adapted(one.module.component, path, one.rank, one.alpha)
