"""Which files of a repository make a base model: chosen from a listing, and found again in a folder.

Knows diffusers' layout by file names only; never the network, never what is inside a weight file.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from loratui.errors import BaseModelError
from loratui.hub.location import CONVERT, PICKLED
from loratui.safe_text import printable

_WEIGHTS = {"text_encoder": "model", "unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}
_SMALL_FILE = re.compile(r"(scheduler|tokenizer)/[^/]+\.(json|txt|model)")


def wanted_files(listing: Iterable[str], repo_id: str) -> list[str]:
    """Choose what to download: configs, tokenizer and one set of safetensors weights.

    Plain weights are preferred; half-precision ones (`.fp16.safetensors`) are taken where there are no others.

    Raises:
        BaseModelError: the repository holds no diffusers model, or only pickled weights.
    """
    files = sorted(listing)
    shown = printable(repo_id)
    if "model_index.json" not in files:
        return _vae_alone(files) or _raise_no_model(files, shown)
    chosen = ["model_index.json"]
    chosen += [name for name in files if _SMALL_FILE.fullmatch(name)]
    for variant in ("", ".fp16"):
        weights = {folder: _weights(files, f"{folder}/{stem}", variant) for folder, stem in _WEIGHTS.items()}
        if all(weights.values()):
            configs = [f"{folder}/config.json" for folder in _WEIGHTS if f"{folder}/config.json" in files]
            return chosen + configs + [name for names in weights.values() for name in names]
    lacking = [folder for folder, stem in _WEIGHTS.items() if not _weights(files, f"{folder}/{stem}", "")]
    if any(name.startswith(f"{folder}/") and name.endswith(PICKLED) for folder in lacking for name in files):
        raise BaseModelError(f"{shown} offers its weights only as pickled files (.bin or .ckpt).", CONVERT)
    raise BaseModelError(
        f"{shown} is not a Stable Diffusion model that can be trained here: no weights for {', '.join(lacking)}.",
        "Choose a Stable Diffusion 1.x base, such as stable-diffusion-v1-5/stable-diffusion-v1-5.",
    )


def is_complete(folder: Path) -> bool:
    """Whether a folder of the cache holds all that `wanted_files` would choose, shards included."""
    present = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    try:
        chosen = wanted_files(present, folder.name)
    except BaseModelError:
        return False
    if "model_index.json" not in chosen:
        return True
    needed = {"scheduler/scheduler_config.json", *(f"{part}/config.json" for part in _WEIGHTS)}
    words = {"tokenizer/tokenizer.json"} & set(chosen) or {"tokenizer/vocab.json", "tokenizer/merges.txt"}
    shards = {shard for name in chosen if name.endswith(".index.json") for shard in _shards(folder / name)}
    return (needed | words) <= set(chosen) and all((folder / shard).is_file() for shard in shards)


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
    weights = "diffusion_pytorch_model.safetensors"
    return ["config.json", weights] if "config.json" in files and weights in files else []


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
