"""Memory of a training step, computed from parameter counts: of a LoRA, and of all weights as DreamBooth trains them.

Where no measurement says it. CUDA's own context is not in these figures; with gradient checkpointing, or for another
architecture than those whose activations were counted, there is no figure.
"""

from dataclasses import dataclass

from loratui.dataset.buckets import Size
from loratui.hub.presence import Presence
from loratui.profile.schema import Profile
from loratui.runs.base_parameters import OF_FAMILY, Parameters, family_of
from loratui.runs.lora_size import bytes_of, lora_parameters

# Activations for one picture of 512 × 512 with half-precision LoRA factors, counted on the graph of a step; that of
# SDXL at 1024 × 1024, a quarter of it. Stable Diffusion 2 has the same blocks of the same widths as 1.5.
_ACTIVATION_BYTES = {"SD 1.x": 886 << 20, "SD 2.x": 886 << 20, "SDXL": 1610 << 20}
_ACTIVATION_PIXELS = 512 * 512
_LARGEST_DIFFERENCE = 0.05
# Of a trained parameter in fp32: itself, its gradient and AdamW's two moments, which take a byte each in 8 bits.
_TRAINED_BYTES = {"adamw": 4 + 4 + 4 + 4, "adamw8bit": 4 + 4 + 1 + 1}


@dataclass(frozen=True)
class Memory:
    """Bytes that a step needs, by what they hold.

    Attributes:
        frozen: Weights that are not trained.
        trained: What is trained: values, gradients, the optimizer's state, copies in half precision.
        activations: What the forward pass keeps for the backward pass.
    """

    frozen: int
    trained: int
    activations: int

    @property
    def whole(self) -> int:
        """All together."""
        return self.frozen + self.trained + self.activations


def lora_memory(profile: Profile, base: Presence, parameters: Parameters, bucket: Size, *, half: bool) -> Memory | None:
    """Memory of a step that trains the LoRA of `profile`.

    - frozen: UNet and text encoders, 2 bytes a parameter, 4 without half precision; the VAE is put away after the
      pictures are encoded;
    - trained: 16 bytes for each parameter of the LoRA, its copy in the base's precision, and the gradient of that;
    - activations: 886 MiB for a picture of 512 × 512, 6.3 GiB for one of 1024 × 1024 on SDXL, in proportion to pixels
      and pictures, twice that in fp32.

    Args:
        profile: The settings.
        base: The base.
        parameters: Of the base.
        bucket: Width and height of the largest pictures.
        half: Whether the base is in half precision.
    """
    activations = _activations(profile, base, parameters, bucket, half)
    if activations is None:
        return None
    width = 2 if half else 4
    trained = lora_parameters(profile, base, parameters) * (_TRAINED_BYTES[profile.training.optimizer] + 2 * width)
    return Memory((parameters.unet + parameters.text_encoder) * width, trained, activations)


def dreambooth_memory(
    profile: Profile, base: Presence, parameters: Parameters, bucket: Size, *, half: bool
) -> Memory | None:
    """Memory of a step that trains all weights instead, with the same pictures and the same optimizer.

    Trained weights stay in fp32 under mixed precision: 16 bytes each. The text encoder is among them where the
    profile trains it. Arguments as for `lora_memory`.
    """
    activations = _activations(profile, base, parameters, bucket, half)
    if activations is None:
        return None
    trained = dreambooth_parameters(profile, parameters)
    frozen = (parameters.unet + parameters.text_encoder - trained) * (2 if half else 4)
    return Memory(frozen, trained * _TRAINED_BYTES[profile.training.optimizer], activations)


def dreambooth_parameters(profile: Profile, parameters: Parameters) -> int:
    """How many weights DreamBooth trains: the UNet's, and the text encoder's where the profile trains it."""
    return parameters.unet + (parameters.text_encoder if profile.network.train_text_encoder else 0)


def dreambooth_bytes(profile: Profile, parameters: Parameters) -> int:
    """Size of the file that DreamBooth leaves: a whole checkpoint, in the precision of the output."""
    return parameters.whole * bytes_of(profile)


def _activations(profile: Profile, base: Presence, parameters: Parameters, bucket: Size, half: bool) -> int | None:
    name = family_of(base)
    family = OF_FAMILY.get(name)
    if family is None or profile.training.gradient_checkpointing:
        return None
    if abs(parameters.unet - family.unet) > family.unet * _LARGEST_DIFFERENCE:
        return None
    pixels = bucket[0] * bucket[1] * profile.training.batch_size
    return _ACTIVATION_BYTES[name] * pixels // _ACTIVATION_PIXELS * (1 if half else 2)
