"""What a base says of itself before its weights are read: family, prediction, noise schedule, and what it was made for.

For the engine, which loads by it. Reads tables of contents and configuration files, never a tensor: what only weights
could tell (whether an SD 2.x file predicts the noise or the velocity) is left undecided.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loratui.errors import BaseModelError, LoraFileError
from loratui.hub.family import directory_family, directory_resolution, family_of, read_json
from loratui.hub.kinds import UNKNOWN, VAE, Family, Prediction, usual_resolution
from loratui.hub.recognition import VAE_PREFIX, Tensors, checkpoint_family, has_any, text_width
from loratui.hub.whole_checkpoint import missing_tensors
from loratui.lora_file.header import read_header
from loratui.lora_file.naming import BaseFamily
from loratui.safe_text import printable

_SAID: Mapping[str, Prediction] = {
    "v": "v_prediction",
    "v_prediction": "v_prediction",
    "velocity": "v_prediction",
    "epsilon": "epsilon",
    "eps": "epsilon",
}
# Names that a sentence gives as examples.
_FEW = 3
_SD2_SIDES: Mapping[Prediction, int] = {"v_prediction": 768, "epsilon": 512}
_SIDE = re.compile(r"(\d{2,4})(?:x\1)?")


@dataclass(frozen=True)
class Checkpoint:
    """A base as its header tells it.

    Attributes:
        family: What it is; `family.what` says why it cannot be trained as it is.
        base_family: How the engine treats it; None for what cannot be trained.
        prediction: What its UNet predicts; None where only its weights can tell.
        zero_terminal_snr: Whether its noise schedule ends in pure noise; None where nothing says so.
        has_vae: Whether a VAE is inside.
        text_width: Of the text that its UNet reads; None where that is not known.
        native_resolution: The side in pixels that it was made for; None where that is not known.
    """

    family: Family
    base_family: BaseFamily | None
    prediction: Prediction | None
    zero_terminal_snr: bool | None
    has_vae: bool
    text_width: int | None = None
    native_resolution: int | None = None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the table of contents of a .safetensors file, or the configuration of a diffusers directory.

    Raises:
        LoraFileError: the file is missing, cut off, damaged, or something else than a .safetensors file.
    """
    if path.is_dir():
        return _of_directory(path)
    header = read_header(path)
    return checkpoint_of(header.tensors, header.metadata)


def native_resolution(path: Path) -> int | None:
    """The side in pixels that a base was made for; None where its files do not say, or cannot be read.

    A directory says it in its configuration, a checkpoint by its family, and one of SD 2.x by what it predicts.
    """
    try:
        return read_checkpoint(path).native_resolution
    except LoraFileError:
        return None


def check_vae(path: Path) -> None:
    """Refuse what lies at `path` where a VAE is asked for, and its files say that it is none.

    Raises:
        BaseModelError: it is something else, or cannot be read.
    """
    family = family_of(path)
    holds_one = _holds_a_vae(path) if path.is_file() else (path / "vae" / "config.json").is_file()
    if holds_one or family in (VAE, UNKNOWN):
        return
    raise BaseModelError(
        f"The VAE {printable(path.name)} cannot be used: it is {family.what.removesuffix(', not a base')}.",
        "Set model.vae to a VAE's file or folder, or leave it empty for the base's own.",
    )


def check_whole(path: Path, *, with_vae: bool) -> None:
    """Refuse a checkpoint in the original layout that lacks tensors of its family, in its usual shape.

    Args:
        path: A file that `read_checkpoint` takes for a base; of a directory nothing is asked.
        with_vae: Whether its own VAE is to be used.

    Raises:
        BaseModelError: it says how many are missing and names the first.
    """
    if path.is_dir():
        return
    tensors = read_header(path).tensors
    family = checkpoint_family(tensors)
    if family.base_family is None or family.needs_config:
        return
    missing, needed = missing_tensors(tensors, family.name, with_vae=with_vae)
    if missing:
        shown = ", ".join(missing[:_FEW])
        more = f" and {len(missing) - _FEW:,} more" if len(missing) > _FEW else ""
        raise BaseModelError(
            f"{printable(path.name)} is no whole {family.name} model: of its {needed:,} tensors {len(missing):,} are "
            f"missing: {shown}{more}.",
            "Get the whole checkpoint, or choose another base.",
        )


def _holds_a_vae(path: Path) -> bool:
    try:
        return has_any(read_header(path).tensors, VAE_PREFIX)
    except LoraFileError:
        return False


def checkpoint_of(tensors: Tensors, metadata: Mapping[str, str]) -> Checkpoint:
    """What a table of contents says."""
    family = checkpoint_family(tensors)
    prediction, ends_in_noise = _noise(family, tensors, metadata)
    return Checkpoint(
        family=family,
        base_family=family.base_family,
        prediction=prediction,
        zero_terminal_snr=ends_in_noise,
        has_vae=has_any(tensors, VAE_PREFIX),
        text_width=text_width(tensors),
        native_resolution=_side(family, prediction, metadata),
    )


def _noise(family: Family, tensors: Tensors, metadata: Mapping[str, str]) -> tuple[Prediction | None, bool | None]:
    """What the UNet predicts, and whether the schedule ends in pure noise.

    The empty tensors `v_pred` and `ztsnr` are what ComfyUI and Forge go by; `modelspec.*` is what kohya's tools write.
    Plain SD 1.x and SDXL predict the noise where nothing else is said; of SD 2.x both kinds look alike.
    """
    if family.base_family is None:
        return None, None
    if "v_pred" in tensors:
        return "v_prediction", "ztsnr" in tensors
    ends_in_noise = True if "ztsnr" in tensors else None
    said = _said(metadata)
    if said is None and family.base_family != "sd2":
        said = "epsilon"
    if said == "epsilon" and ends_in_noise is None:
        ends_in_noise = False
    return said, ends_in_noise


def _said(metadata: Mapping[str, str]) -> Prediction | None:
    said = _SAID.get(metadata.get("modelspec.prediction_type", "").strip().lower())
    if said is not None:
        return said
    architecture = metadata.get("modelspec.architecture", "").strip().lower()
    if architecture.startswith("stable-diffusion-v2-768-v"):
        return "v_prediction"
    return "epsilon" if architecture.startswith("stable-diffusion-v2-512") else None


def _side(family: Family, prediction: Prediction | None, metadata: Mapping[str, str]) -> int | None:
    if family.base_family is None:
        return None
    if family.base_family != "sd2":
        return usual_resolution(family.name)
    told = _SIDE.fullmatch(metadata.get("modelspec.resolution", "").strip())
    if told is not None:
        return int(told[1]) // 8 * 8
    return _SD2_SIDES.get(prediction) if prediction is not None else None


def _of_directory(path: Path) -> Checkpoint:
    index = read_json(path / "model_index.json")
    unet = read_json(path / "unet" / "config.json")
    family = directory_family(index, unet)
    scheduler = read_json(path / "scheduler" / "scheduler_config.json")
    width = unet.get("cross_attention_dim")
    is_base = family.base_family is not None
    return Checkpoint(
        family=family,
        base_family=family.base_family,
        prediction=_SAID.get(str(scheduler.get("prediction_type", "epsilon"))) if is_base else None,
        zero_terminal_snr=bool(scheduler.get("rescale_betas_zero_snr")) if is_base else None,
        has_vae=(path / "vae" / "config.json").is_file(),
        text_width=width if isinstance(width, int) else None,
        native_resolution=directory_resolution(path) if is_base else None,
    )
