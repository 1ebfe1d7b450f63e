"""How many parameters a base has: counted in its files where they are here, else those of its family.

Reads tables of contents, never a tensor.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from loratui.errors import LoraFileError
from loratui.hub.presence import Presence
from loratui.lora_file.header import TensorInfo, read_header
from loratui.profile.schema import DEFAULT_BASE


@dataclass(frozen=True)
class Parameters:
    """Parameters of the parts that a training loads.

    Attributes:
        text_encoder: Of all text encoders.
        counted: Whether they were counted in the base's own files.
    """

    unet: int
    text_encoder: int
    vae: int
    counted: bool = False

    @property
    def whole(self) -> int:
        """Of a checkpoint that holds all three."""
        return self.unet + self.text_encoder + self.vae


# Counted on the models that diffusers and transformers build from the published configurations of
# stable-diffusion-v1-5, stable-diffusion-2-1 and stable-diffusion-xl-base-1.0.
OF_FAMILY = {
    "SD 1.x": Parameters(859_520_964, 123_060_480, 83_653_863),
    "SD 2.x": Parameters(865_910_724, 340_387_840, 83_653_863),
    "SDXL": Parameters(2_567_463_684, 123_060_480 + 694_659_840, 83_653_863),
}
# The same parts in a diffusers directory, and as tensors of a single file begin.
_DIRECTORIES = (("unet",), ("text_encoder", "text_encoder_2"), ("vae",))
_PREFIXES = (("model.diffusion_model.",), ("cond_stage_model.", "conditioner.embedders."), ("first_stage_model.",))


def parameters_of(found: Presence) -> Parameters | None:
    """The parameters of a base; None for a family that is not known here."""
    try:
        counted = None if found.path is None else _counted(found.path)
    except (LoraFileError, OSError):
        counted = None
    return counted or OF_FAMILY.get(family_of(found))


def family_of(found: Presence) -> str:
    """The family of a base; that of the default base is known before any of it is here."""
    return "SD 1.x" if found.location.repo_id == DEFAULT_BASE else found.family


def _counted(path: Path) -> Parameters | None:
    if path.is_dir():
        counts = [sum(_in_directory(path / name) for name in names) for names in _DIRECTORIES]
    else:
        tensors = read_header(path).tensors
        counts = [
            sum(_size(tensor) for name, tensor in tensors.items() if name.startswith(prefixes))
            for prefixes in _PREFIXES
        ]
    unet, text_encoder, vae = counts
    return Parameters(unet, text_encoder, vae, counted=True) if unet and text_encoder else None


def _in_directory(folder: Path) -> int:
    files = list(folder.glob("*.safetensors"))
    # The same weights may lie there a second time in half precision.
    files = [file for file in files if ".fp16." not in file.name] or files
    return sum(_size(tensor) for file in files for tensor in read_header(file).tensors.values())


def _size(tensor: TensorInfo) -> int:
    """Elements of a tensor; tables of positions are whole numbers and no parameters."""
    return math.prod(tensor.shape) if tensor.dtype.startswith(("F", "BF")) else 0
