"""How many parameters a base has, and in which layers: counted in its files where they are here, else its family's.

Reads tables of contents, never a tensor.
"""

import math
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from loratui.errors import LoraFileError
from loratui.hub.kinds import Family
from loratui.hub.presence import Presence
from loratui.hub.recognition import TEXT_PREFIXES, UNET, VAE_PREFIX
from loratui.lora_file.header import TensorInfo, read_header
from loratui.lora_file.naming import Component
from loratui.profile.schema import DEFAULT_BASE
from loratui.runs.base_layers import Layer, layers_of


@dataclass(frozen=True)
class Parameters:
    """Parameters of the parts that a training loads.

    Attributes:
        text_encoder: Of all text encoders.
        counted: Whether they were counted in the base's own files.
        layers: Those that can have a LoRA; () where the files were not read, or are of no family that is known.
    """

    unet: int
    text_encoder: int
    vae: int
    counted: bool = False
    layers: tuple[Layer, ...] = ()

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
_COMPONENTS: tuple[Component, ...] = ("unet", "text_encoder", "text_encoder_2")
# How the names of a part's tensors begin in a single file, of whatever family.
_PREFIXES = {
    "unet": (UNET,),
    "text_encoder": tuple(places["text_encoder"] for places in TEXT_PREFIXES.values()),
    "text_encoder_2": (TEXT_PREFIXES["SDXL"]["text_encoder_2"],),
    "vae": (VAE_PREFIX,),
}

_Tables = dict[str, dict[str, TensorInfo]]


def parameters_of(found: Presence) -> Parameters | None:
    """The parameters of a base; None for a family that is not known here."""
    try:
        counted = None if found.path is None else _counted(found.path, family_of(found))
    except (LoraFileError, OSError):
        counted = None
    return counted or OF_FAMILY.get(family_of(found))


def family_of(found: Presence) -> str:
    """The family of a base; that of the default base is known before any of it is here."""
    return "SD 1.x" if found.location.repo_id == DEFAULT_BASE else found.family


def _counted(path: Path, family: str) -> Parameters | None:
    tables = _of_directory(path) if path.is_dir() else _of_file(path)
    unet, first, second, vae = (sum(map(_size, tables[part].values())) for part in _PREFIXES)
    if not unet or not first + second:
        return None
    base_family = Family(family).base_family
    layers = [layers_of(part, tables[part], base_family) for part in _COMPONENTS] if base_family else []
    return Parameters(unet, first + second, vae, counted=True, layers=tuple(chain(*layers)))


def _of_directory(path: Path) -> _Tables:
    return {part: _of_folder(path / part) for part in _PREFIXES}


def _of_folder(folder: Path) -> dict[str, TensorInfo]:
    files = sorted(folder.glob("*.safetensors"))
    # The same weights may lie there a second time in half precision, or without averaging.
    files = [file for file in files if ".fp16." not in file.name] or files
    return {name: tensor for file in files for name, tensor in read_header(file).tensors.items()}


def _of_file(path: Path) -> _Tables:
    tables: _Tables = {part: {} for part in _PREFIXES}
    for name, tensor in read_header(path).tensors.items():
        for part, prefixes in _PREFIXES.items():
            if prefix := next(filter(name.startswith, prefixes), ""):
                tables[part][name.removeprefix(prefix)] = tensor
    return tables


def _size(tensor: TensorInfo) -> int:
    """Elements of a tensor; tables of positions are whole numbers and no parameters."""
    return math.prod(tensor.shape) if tensor.dtype.startswith(("F", "BF")) else 0
