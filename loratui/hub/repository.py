"""Which files of a repository make a base model: chosen from a listing, and found again in a folder.

Knows diffusers' layout by file names only; never the network, never what is inside a weight file.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from loratui.errors import BaseModelError
from loratui.hub.kinds import REFINER
from loratui.hub.location import CONVERT, PICKLED
from loratui.safe_text import printable

_WEIGHTS = {"text_encoder": "model", "unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}
# SDXL reads the text twice.
_WEIGHTS_XL = {"text_encoder": "model", "text_encoder_2": "model", **_WEIGHTS}
_SMALL_FILE = re.compile(r"(scheduler|tokenizer)/[^/]+\.(json|txt|model)")
_SMALL_FILE_XL = re.compile(r"(scheduler|tokenizer|tokenizer_2)/[^/]+\.(json|txt|model)")


def wanted_files(listing: Iterable[str], repo_id: str) -> list[str]:
    """Choose what to download: configs, tokenizer and one set of safetensors weights.

    Of SD 1.x and 2.x the plain weights are preferred, and half-precision ones (`.fp16.safetensors`) are taken where
    there are no others. Of SDXL it is the other way round, whatever a training computes in: 7 GB are less than 14. In
    fp32 (on a processor, or without mixed precision) the rounded weights are computed with as they are: they differ by
    about one part in 2,000 from what was trained, as in A1111 and ComfyUI, which round them too where they draw.
    Single files that lie beside the folders are never taken.

    Raises:
        BaseModelError: the repository holds no diffusers model, or only pickled weights.
    """
    files = sorted(listing)
    shown = printable(repo_id)
    if "model_index.json" not in files:
        return _vae_alone(files) or _raise_no_model(files, shown)
    return _diffusers_files(files, shown, is_xl=any(name.startswith("text_encoder_2/") for name in files))


def _diffusers_files(files: list[str], shown: str, *, is_xl: bool) -> list[str]:
    parts, small_file = (_WEIGHTS_XL, _SMALL_FILE_XL) if is_xl else (_WEIGHTS, _SMALL_FILE)
    chosen = ["model_index.json"]
    chosen += [name for name in files if small_file.fullmatch(name)]
    for variant in (".fp16", "") if is_xl else ("", ".fp16"):
        weights = {folder: _weights(files, f"{folder}/{stem}", variant) for folder, stem in parts.items()}
        if all(weights.values()):
            configs = [f"{folder}/config.json" for folder in parts if f"{folder}/config.json" in files]
            return chosen + configs + [name for names in weights.values() for name in names]
    lacking = [folder for folder, stem in parts.items() if not _weights(files, f"{folder}/{stem}", "")]
    if is_xl and "unet/config.json" in files and not any(name.startswith("text_encoder/") for name in files):
        raise BaseModelError(f"{shown} is {REFINER.what}.", REFINER.todo)
    if any(name.startswith(f"{folder}/") and name.endswith(PICKLED) for folder in lacking for name in files):
        raise BaseModelError(f"{shown} offers its weights only as pickled files (.bin or .ckpt).", CONVERT)
    raise BaseModelError(
        f"{shown} is not a Stable Diffusion model that can be trained here: no weights for {', '.join(lacking)}.",
        "Choose a Stable Diffusion 1.x, 2.x or XL base, such as stable-diffusion-v1-5/stable-diffusion-v1-5.",
    )


def is_complete(folder: Path) -> bool:
    """Whether a folder of the cache holds all that `wanted_files` would choose, shards included."""
    present = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    is_xl = _lists_a_second_text_encoder(folder / "model_index.json")
    try:
        chosen = _diffusers_files(present, folder.name, is_xl=True) if is_xl else wanted_files(present, folder.name)
    except BaseModelError:
        return False
    if "model_index.json" not in chosen:
        return True
    parts = _WEIGHTS_XL if is_xl else _WEIGHTS
    needed = {"scheduler/scheduler_config.json", *(f"{part}/config.json" for part in parts)}
    words: set[str] = set()
    for tokenizer in ("tokenizer", "tokenizer_2") if is_xl else ("tokenizer",):
        words |= {f"{tokenizer}/tokenizer.json"} & set(chosen) or {f"{tokenizer}/vocab.json", f"{tokenizer}/merges.txt"}
    shards = {shard for name in chosen if name.endswith(".index.json") for shard in _shards(folder / name)}
    return (needed | words) <= set(chosen) and all((folder / shard).is_file() for shard in shards)


def _lists_a_second_text_encoder(index: Path) -> bool:
    """Whether a model says that it is an SDXL, of which the folders may not have come yet."""
    try:
        told = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(told, dict):
        return False
    return "text_encoder_2" in told or str(told.get("_class_name", "")).startswith("StableDiffusionXL")


def _weights(files: list[str], stem: str, variant: str) -> list[str]:
    """A component's weight files: one, or an index with its shards."""
    before, after = re.escape(stem), re.escape(variant)
    one = re.compile(rf"{before}{after}\.safetensors")
    found = [name for name in files if one.fullmatch(name)]
    if found:
        return found
    index = re.compile(rf"{before}\.safetensors\.index{after}\.json")
    shard = re.compile(rf"{before}{after}-\d+-of-\d+\.safetensors|{before}-\d+-of-\d+{after}\.safetensors")
    shards = [name for name in files if shard.fullmatch(name)]
    indices = [name for name in files if index.fullmatch(name)]
    return indices + shards if indices and shards else []


def _shards(index: Path) -> set[str]:
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, AttributeError):
        return {f"{index.parent.name}/unreadable index"}
    return {f"{index.parent.name}/{name}" for name in names}


def _vae_alone(files: list[str]) -> list[str]:
    weights = (f"diffusion_pytorch_model{variant}.safetensors" for variant in ("", ".fp16"))
    found = next((name for name in weights if name in files), None)
    return ["config.json", found] if found and "config.json" in files else []


def _raise_no_model(files: list[str], shown: str) -> list[str]:
    single = [name for name in files if name.endswith(".safetensors")]
    if single:
        raise BaseModelError(
            f"{shown} is not a diffusers model (no model_index.json), but holds single files.",
            "Name one of them: " + ", ".join(f"{shown}/{printable(name)}" for name in single[:5]),
        )
    if any(name.endswith(PICKLED) for name in files):
        raise BaseModelError(f"{shown} holds only pickled files (.bin or .ckpt).", CONVERT)
    raise BaseModelError(f"{shown} holds no Stable Diffusion model.", "Check the id on its page on the hub.")
