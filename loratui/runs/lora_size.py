"""How large a LoRA of a profile becomes on a base, before there is one.

Exact where the base's layers are known, since its files are here; else as its family makes it. Reads no file.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from loratui.hub.presence import Presence
from loratui.lora_file.header import TensorInfo
from loratui.lora_file.header_bytes import header_bytes
from loratui.lora_file.precisions import DTYPES, SIZES
from loratui.profile.schema import Network, Profile
from loratui.runs.base_layers import Layer
from loratui.runs.base_parameters import Parameters, family_of


@dataclass(frozen=True)
class _PerRank:
    """Parameters for each unit of rank: inputs and outputs of all of kohya's targets, added up.

    Attributes:
        unet: Of the transformers in the UNet.
        unet_with_conv: The same where convolutions are trained too, which brings further layers of kernel 1.
        conv: Of the 3 × 3 convolutions, for each unit of their own rank.
        text_encoders: Of all text encoders.
    """

    unet: int
    unet_with_conv: int
    conv: int
    text_encoders: int


# Counted on the models that diffusers and transformers build from the published configurations.
_OF_FAMILY = {
    "SD 1.x": _PerRank(423_936, 506_816, 544_000, 165_888),
    "SD 2.x": _PerRank(432_128, 515_008, 544_000, 423_936),
    "SDXL": _PerRank(2_659_840, 2_718_400, 355_840, 165_888 + 737_280),
}


def lora_parameters(profile: Profile, base: Presence, parameters: Parameters | None) -> int:
    """How many parameters the LoRA has.

    Args:
        profile: The settings.
        base: The base; one of a family that is not known counts as SD 1.x.
        parameters: Of the base; None where they are not known.
    """
    network = profile.network
    if parameters is not None and parameters.layers:
        return sum(layer.parameters(rank) for layer, rank in _trained(network, parameters.layers))
    per_rank = _OF_FAMILY.get(family_of(base), _OF_FAMILY["SD 1.x"])
    each = per_rank.unet_with_conv if network.conv_rank else per_rank.unet
    if network.train_text_encoder:
        each += per_rank.text_encoders
    return network.rank * each + network.conv_rank * per_rank.conv


def lora_bytes(profile: Profile, base: Presence, parameters: Parameters | None) -> int:
    """The size of one LoRA file without its metadata; of a family's, without its table of contents too.

    Arguments as for `lora_parameters`.
    """
    content = lora_parameters(profile, base, parameters) * bytes_of(profile)
    if parameters is None or not parameters.layers:
        return content
    tensors: dict[str, TensorInfo] = {}
    dtype, end = DTYPES[profile.output.precision], 0
    for name, shape, elements in sorted(_tensors(profile.network, parameters.layers)):
        start, end = end, end + elements * SIZES[dtype]
        tensors[name] = TensorInfo(dtype, shape, start, end)
    return len(header_bytes(tensors, {})) + end


def bytes_of(profile: Profile) -> int:
    """Bytes of a parameter in the files that the run writes."""
    return SIZES[DTYPES[profile.output.precision]]


def _trained(network: Network, layers: tuple[Layer, ...]) -> Iterator[tuple[Layer, int]]:
    """The layers that get a LoRA, with its rank."""
    for layer in layers:
        if layer.component != "unet" and not network.train_text_encoder:
            continue
        if layer.needs_conv and not network.conv_rank:
            continue
        yield layer, network.conv_rank if layer.uses_conv_rank else network.rank


def _tensors(network: Network, layers: tuple[Layer, ...]) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Names, shapes and numbers of elements of what the file holds."""
    for layer, rank in _trained(network, layers):
        yield f"{layer.key}.alpha", (), 1
        for name, shape in zip(("lora_down", "lora_up"), layer.factors(rank), strict=True):
            yield f"{layer.key}.{name}.weight", shape, math.prod(shape)
