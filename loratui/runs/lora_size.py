"""How large a LoRA of a profile becomes on a base, before there is one. Knows families, reads no weights."""

from dataclasses import dataclass

from loratui.hub.presence import Presence
from loratui.profile.schema import Profile
from loratui.runs.base_parameters import family_of

# The demo's layers are as many times narrower.
_DEMO_SHARE = 10
_BYTES = {"fp16": 2, "bf16": 2, "fp32": 4}


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


def lora_parameters(profile: Profile, base: Presence) -> int:
    """About how many parameters the LoRA has; on a base of a family that is not known as on SD 1.x."""
    network = profile.network
    per_rank = _OF_FAMILY.get(family_of(base), _OF_FAMILY["SD 1.x"])
    each = per_rank.unet_with_conv if network.conv_rank else per_rank.unet
    if network.train_text_encoder:
        each += per_rank.text_encoders
    share = _DEMO_SHARE if base.location.kind == "demo" else 1
    return network.rank * (each // share) + network.conv_rank * (per_rank.conv // share)


def lora_bytes(profile: Profile, base: Presence) -> int:
    """About the size of one LoRA file."""
    return lora_parameters(profile, base) * bytes_of(profile)


def bytes_of(profile: Profile) -> int:
    """Bytes of a parameter in the files that the run writes."""
    return _BYTES[profile.output.precision]
