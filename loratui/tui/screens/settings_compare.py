"""The help page that compares LoRA and DreamBooth for the open profile's base, in figures. Knows no widget."""

from loratui.quantities import disk_size, memory_size
from loratui.runs.base_parameters import family_of
from loratui.runs.estimate import is_half
from loratui.runs.lora_size import lora_bytes, lora_parameters
from loratui.runs.memory import dreambooth_bytes, dreambooth_memory, dreambooth_parameters, lora_memory
from loratui.tui.screens.settings_estimate import Outlook

TITLE = "LoRA or DreamBooth"
_WORDS = (
    "DreamBooth goes on training the model itself: every weight of the UNet changes, and what comes out is a whole "
    "new model. A LoRA leaves the model as it is and learns small matrices that are added to it, at a strength that "
    "is chosen when a picture is drawn.",
    "A LoRA can be turned down, switched off and combined with others, works on other models of the same family, "
    "and needs no new download for each person or style. DreamBooth can learn more, forgets more of what the model "
    "knew, and cannot be turned down afterwards.",
    "loratui trains LoRAs.",
)


def comparison_page(outlook: Outlook) -> str:
    """The page; figures that are not known for the base are left out and said to be."""
    profile, base, parameters = outlook.profile, outlook.base, outlook.parameters
    words = "\n\n".join(_WORDS)
    if base is None or parameters is None:
        return f"{words}\n\nHow large the weights of this base are is not known until it is on this computer."
    lora, whole = lora_parameters(profile, base, parameters), dreambooth_parameters(profile, parameters)
    side, half = profile.dataset.resolution, is_half(profile, outlook.device)
    bucket = (side, side)
    memory = lora_memory(profile, base, parameters, bucket, half=half)
    other = dreambooth_memory(profile, base, parameters, bucket, half=half)
    table = [
        (f"on {family_of(base)}", "LoRA", "DreamBooth"),
        ("weights trained", _millions(lora), _millions(whole)),
        ("share of them", f"{100 * lora / whole:.1f} %", "100 %"),
        ("file", disk_size(lora_bytes(profile, base, parameters)), disk_size(dreambooth_bytes(profile, parameters))),
    ]
    if memory is not None and other is not None:
        table.append(("memory of a step", f"about {memory_size(memory.whole)}", f"about {memory_size(other.whole)}"))
    figures = "\n".join(f"{label:<18}{ours:>16}{theirs:>16}" for label, ours, theirs in table)
    parts = "UNet and text encoder" if profile.network.train_text_encoder else "UNet"
    known = "counted in its files" if parameters.counted else f"those of {family_of(base)}"
    notes = [
        f"Base: {base.location.name}; its {_millions(parameters.unet)} weights in the UNet and "
        f"{_millions(parameters.text_encoder)} in the text encoder are {known}. "
        f"Trained: {parts}. LoRA: rank {profile.network.rank}.",
    ]
    if memory is not None:
        notes.append(
            f"Memory is computed for batch {profile.training.batch_size} at {side} pixels: frozen weights take "
            f"{2 if half else 4} bytes, trained ones 16 with gradient and AdamW's moments, and pictures the same in "
            "both ways."
        )
    else:
        notes.append("Memory: no figure is known for this base with these settings.")
    return "\n\n".join([figures, *notes, words])


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f} million"
