"""What a base can turn out to be: each kind by its name, with what it is and what a person does about it.

Values and sentences only; which file is of which kind is told by `recognition.py` and `family.py`.
"""

from dataclasses import dataclass, replace
from typing import Literal

from loratui.lora_file.naming import BaseFamily
from loratui.safe_text import printable

FamilyName = str
Prediction = Literal["epsilon", "v_prediction"]

_BASE_FAMILIES: dict[FamilyName, BaseFamily] = {"SD 1.x": "sd1", "SD 2.x": "sd2", "SDXL": "sdxl"}
_USUAL_RESOLUTIONS: dict[FamilyName, int] = {"SD 1.x": 512, "SDXL": 1024}
_TRAINABLE = "Choose a Stable Diffusion 1.x, 2.x or XL base."
_VAE_OF = {
    "SD 1.x": "stabilityai/sd-vae-ft-mse",
    "SD 2.x": "stabilityai/sd-vae-ft-mse",
    "SDXL": "madebyollin/sdxl-vae-fp16-fix",
}


@dataclass(frozen=True)
class Family:
    """A family of models, or another kind of file.

    Attributes:
        name: As people call it: "SD 1.x", "SDXL", "LoRA", "unknown".
        what: Follows "X is …" where it cannot be trained as it is; "" where it can.
        needs_config: It can be, once model.config names a diffusers folder of its kind.
        todo: What to do about `what`, a sentence.
        needs_vae: It can be, once model.vae names a VAE.
        is_part: It is no base of any kind, but something that is used together with one.
    """

    name: FamilyName
    what: str = ""
    needs_config: bool = False
    todo: str = ""
    needs_vae: bool = False
    is_part: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether a LoRA can be trained on it here, at least with a setting."""
        return not self.what or self.needs_config or self.needs_vae

    @property
    def base_family(self) -> BaseFamily | None:
        """Which of the families that can be trained it belongs to; None for every other kind."""
        return _BASE_FAMILIES.get(self.name) if self.is_usable else None

    def about(self, name: str) -> str:
        """Why `name` cannot be trained as it is, and what to do; "" where it can."""
        return f"{name} is {self.what}. {self.todo}".strip() if self.what else ""


SD1, SD2, SDXL = Family("SD 1.x"), Family("SD 2.x"), Family("SDXL")
UNKNOWN = Family("unknown")


def usual_resolution(name: FamilyName) -> int | None:
    """The side in pixels that all bases of a family were made for; None where they differ or it is not known."""
    return _USUAL_RESOLUTIONS.get(name)


def other(name: FamilyName, what: str, todo: str = _TRAINABLE) -> Family:
    """A whole model of a kind that cannot be trained here."""
    return Family(name, what, todo=todo)


def part(name: FamilyName, what: str, todo: str) -> Family:
    """What is used together with a base."""
    return Family(name, what, todo=todo, is_part=True)


def with_channels(channels: int, family: Family) -> Family:
    """A model whose UNet takes more than the four channels of a noisy picture."""
    plain = f"Train on the plain {family.name} model that it was made from; the LoRA works on both."
    told = {
        5: ("depth", "a depth-to-image model"),
        7: ("upscaler", "a model that enlarges pictures"),
        8: ("pix2pix", "an instruct-pix2pix model"),
        9: ("inpaint", "an inpainting model"),
    }
    name, what = told.get(channels, ("inpaint", "an inpainting or depth model"))
    todo = _TRAINABLE if name == "upscaler" else plain
    return other(name, f"{what}: its UNet takes {channels} channels", todo)


def without_text(family: Family) -> Family:
    """A checkpoint of a known family that lacks a text encoder."""
    return replace(
        family,
        what=f"{an(family.name)} UNet without its text encoder"
        if family.base_family != "sdxl"
        else "an SDXL UNet without both its text encoders",
        todo="Use the whole checkpoint, or a diffusers folder.",
    )


def without_vae(family: Family) -> Family:
    """A checkpoint of a known family that lacks its VAE, beside what else it may lack."""
    return replace(
        family,
        what=f"{family.what}, and it holds no VAE" if family.what else f"{an(family.name)} checkpoint without a VAE",
        todo=f"{family.todo} Name one in model.vae, such as {_VAE_OF[family.name]}.".strip(),
        needs_vae=True,
    )


def unusual(family: Family, width: int | None) -> Family:
    """A checkpoint of a known layout whose sizes are not those of the published models."""
    read = f"its UNet reads text of width {width}" if width else "its UNet reads no text that is known"
    return replace(
        family,
        what=f"{an(family.name)} checkpoint of unusual shape: {read}",
        todo="Set model.config to a diffusers folder of the same shape.",
        needs_config=True,
    )


def quantised(family: Family, dtype: str) -> Family:
    """A checkpoint whose weights are kept too coarsely to train on."""
    return other(
        family.name,
        f"{an(family.name)} checkpoint in {printable(dtype)[:16]}, made small for drawing only",
        "Use its fp16, bf16 or fp32 version.",
    )


def an(name: str) -> str:
    """A name with its article."""
    return f"an {name}" if name[:2] in ("SD", "SS") else f"a {name}"


PRUNED_SDXL = {
    4: other("SSD-1B", "SSD-1B, an SDXL with layers left out", "Train on SDXL; its LoRA files do not fit SSD-1B."),
    2: other("Vega", "Segmind-Vega, an SDXL with layers left out", "Train on SDXL; its LoRA files do not fit Vega."),
}
PRUNED = other("SDXL cut", "an SDXL with layers left out", "Train on the whole SDXL model.")
REFINER = other(
    "refiner",
    "the SDXL refiner, which only finishes pictures",
    "Train on the SDXL base, such as stabilityai/stable-diffusion-xl-base-1.0.",
)
EDM = other("SDXL EDM", "an SDXL trained on another noise schedule (EDM), such as Playground 2.5 or CosXL")
UNCLIP = other("unCLIP", "a Stable unCLIP model, which is led by pictures", "Train on plain Stable Diffusion 2.1.")
VIDEO = other("video", "a video model")
ALT = other("AltDiff.", "an AltDiffusion model, whose text encoder is another one")
KOLORS = other("Kolors", "a Kolors model: an SDXL UNet with another text encoder")
GENERATORS = {
    "SD 3": other("SD 3", "a Stable Diffusion 3 model"),
    "Flux": other("Flux", "a Flux model"),
    "Chroma": other("Chroma", "a Chroma model"),
    "PixArt": other("PixArt", "a PixArt model"),
    "Hunyuan": other("Hunyuan", "a Hunyuan model"),
    "Wan": other("Wan", "a Wan video model"),
    "Qwen": other("Qwen", "a Qwen-Image model"),
    "Z-Image": other("Z-Image", "a Z-Image model"),
    "Lumina": other("Lumina", "a Lumina model"),
    "AuraFlow": other("AuraFlow", "an AuraFlow model"),
    "Kandinsky": other("Kandinsky", "a Kandinsky model"),
    "Cascade": other("Cascade", "a Stable Cascade model"),
    "Sana": other("Sana", "a Sana model"),
    "HiDream": other("HiDream", "a HiDream model"),
    "LTX": other("LTX", "an LTX video model"),
    "Mochi": other("Mochi", "a Mochi video model"),
    "Cosmos": other("Cosmos", "a Cosmos model"),
    "CogView": other("CogView", "a CogView model"),
}

_DRAW_WITH_IT = (
    "Name the base that it was trained on; to draw with it, name it in Other LoRAs under Comparison "
    "(comparison.other_loras)."
)
_BESIDE_A_BASE = "It works beside a base in other programs: choose the base itself."
LORA = part("LoRA", "a LoRA, not a base", _DRAW_WITH_IT)
LYCORIS = part("LyCORIS", "a LyCORIS file (LoHa, LoKr and their like), not a base", "Name the base of its family.")
CONTROLNET = part("ControlNet", "a ControlNet, not a base", _BESIDE_A_BASE)
T2I_ADAPTER = part("T2I-Ad.", "a T2I-Adapter, not a base", _BESIDE_A_BASE)
IP_ADAPTER = part("IP-Ad.", "an IP-Adapter, not a base", _BESIDE_A_BASE)
MOTION = part("motion", "a motion module (AnimateDiff), not a base", _BESIDE_A_BASE)
VAE = part("VAE", "only a VAE", "Name it in model.vae, and a whole checkpoint in model.base.")
EMBEDDING = part("embedding", "a textual inversion embedding, not a base", _BESIDE_A_BASE)
ENLARGER = part("ESRGAN", "an upscaler for finished pictures (ESRGAN and its like), not a base", _TRAINABLE)
UNET_ONLY = part(
    "UNet", "only a UNet, without text encoder and VAE", "Use the whole checkpoint, or the diffusers folder it is from."
)
NO_CHECKPOINT = part("unknown", "no Stable Diffusion checkpoint: it holds no UNet in the original layout", _TRAINABLE)
EMA_ONLY = other(
    "unknown", "a checkpoint whose UNet is there only as its average (EMA)", "Use the version that is made for drawing."
)


def text_encoder(name: str) -> Family:
    """A text encoder alone."""
    return part("text", f"only a text encoder ({name})", "Use a whole checkpoint, or a diffusers folder.")
