"""How kohya names things: the keys inside a LoRA file, the modules it trains, and the files it writes.

Nothing here knows torch: a module is its path, the name of its class and its kernel. Nothing here writes a file.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loratui.errors import LoraFileError
from loratui.lora_file.original_layout import SDXL_BLOCKS, Blocks, blocks_of, original_path
from loratui.numbered_names import numbered
from loratui.profile.fields import why_not_a_name
from loratui.safe_text import printable

Component = Literal["unet", "text_encoder", "text_encoder_2"]
BaseFamily = Literal["sd1", "sd2", "sdxl"]

# sd-scripts, networks/lora.py: the classes whose Linear and Conv2d children are trained.
_UNET_BLOCKS = frozenset({"Transformer2DModel"})
_UNET_CONV_BLOCKS = frozenset({"ResnetBlock2D", "Downsample2D", "Upsample2D"})
_TEXT_ENCODER_BLOCKS = frozenset({"CLIPAttention", "CLIPSdpaAttention", "CLIPMLP"})

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Module:
    """One entry of `named_modules()`: where it sits, its class, and its kernel if it is a convolution."""

    path: str
    class_name: str
    kernel: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Target:
    """A module that gets a LoRA.

    Args:
        path: Path inside the model as it is now (with or without `text_model`).
        key: Name in the file, without `.lora_down.weight` and its like.
        uses_conv_rank: True where kohya takes conv_dim and conv_alpha (a kernel larger than 1×1), else rank and alpha.
    """

    path: str
    key: str
    uses_conv_rank: bool


def kohya_key(
    component: Component, module_path: str, family: BaseFamily = "sd1", *, blocks: Blocks = SDXL_BLOCKS
) -> str:
    """Return the file's name of a module, such as `lora_unet_down_blocks_0_attentions_0_proj_in`.

    transformers from 5.6 on flattens CLIPTextModel; the file must say `text_model` all the same, or other tools drop
    the text encoder's part. SDXL's UNet is named in the original layout, as kohya's own UNet class has it.

    Args:
        component: Which model the module belongs to.
        module_path: Its path there as diffusers and transformers have it.
        family: What the base is; SDXL files number their text encoders.
        blocks: How SDXL's UNet is divided, where it is not as usual (see `blocks_of`).
    """
    if component == "unet":
        path = original_path(module_path, blocks) if family == "sdxl" else module_path
        return f"lora_unet_{path}".replace(".", "_")
    prefix = "lora_te2" if component == "text_encoder_2" else "lora_te1" if family == "sdxl" else "lora_te"
    inner = module_path.removeprefix("text_model.")
    outer = "" if inner.startswith("text_projection") else "text_model_"
    return f"{prefix}_{outer}{inner}".replace(".", "_")


def lora_targets(
    component: Component, modules: Iterable[Module], *, conv: bool = False, family: BaseFamily = "sd1"
) -> tuple[Target, ...]:
    """Return the modules that kohya trains, in the model's own order.

    Args:
        component: Which model `modules` belong to.
        modules: All of `named_modules()`: blocks are recognised by their class, so they must be among them.
        conv: Also the Resnet, Down and Upsample blocks of the UNet (kohya's conv_dim).
        family: What the base is, which decides the keys.

    Stable Diffusion 1.x has 192 in the UNet, 86 more with `conv`, and 72 in the text encoder; SDXL has 722, 66 more
    with `conv`, and 72 and 192 in its text encoders.
    """
    classes = _UNET_BLOCKS if component == "unet" else _TEXT_ENCODER_BLOCKS
    if conv and component == "unet":
        classes |= _UNET_CONV_BLOCKS
    everything = tuple(modules)
    inside = {module.path for module in everything if module.class_name in classes}
    blocks = blocks_of(module.path for module in everything) if component == "unet" else SDXL_BLOCKS
    return tuple(
        Target(module.path, kohya_key(component, module.path, family, blocks=blocks), uses_conv_rank)
        for module, uses_conv_rank in _chosen(everything, inside, conv)
    )


def _chosen(modules: Iterable[Module], inside: set[str], conv: bool) -> Iterator[tuple[Module, bool]]:
    for module in modules:
        large_kernel = module.class_name == "Conv2d" and module.kernel != (1, 1)
        if module.class_name not in {"Linear", "Conv2d"} or (large_kernel and not conv):
            continue
        if not inside.isdisjoint(_ancestors(module.path)):
            yield module, large_kernel


def _ancestors(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def last_filename(name: str) -> str:
    """Return the name of the file that a finished training writes."""
    return f"{name}{SUFFIX}"


def epoch_filename(name: str, epoch: int) -> str:
    """Return the name of the file of one epoch: `emi-000005.safetensors`."""
    return f"{name}-{epoch:06d}{SUFFIX}"


def step_filename(name: str, step: int) -> str:
    """Return the name of a file saved in the middle of an epoch: `emi-step00000120.safetensors`."""
    return f"{name}-step{step:08d}{SUFFIX}"


def versions(name: str) -> Iterator[str]:
    """Yield `name`, then `name-v2`, `name-v3`, …; a name that carries a version is counted on from there."""
    return numbered(name, "-v")


def next_free(directory: str | Path, name: str, *, force: bool = False) -> str:
    """Return `name`, or its next version when `directory` already holds files of that name.

    Counted as such: `name.safetensors`, files of epochs and steps, and comparison grids, in any spelling of upper
    and lower case (some disks do not tell them apart).

    Args:
        directory: Where the files are to go; it need not exist yet.
        name: Stem of the file.
        force: Return `name` whatever is there.

    Raises:
        LoraFileError: the name cannot be one file's name, or the directory cannot be listed.
    """
    if reason := why_not_a_name(name):
        raise LoraFileError(
            f"The LoRA's name “{printable(name)}” {reason}.",
            "Use letters, digits, “-” and “_”: prompts and other tools refer to the LoRA by this name.",
        )
    if force:
        return name
    try:
        present = [entry.name for entry in Path(directory).iterdir()]
    except FileNotFoundError:
        present = []
    except OSError as error:
        raise LoraFileError(
            f"The output directory {printable(directory)} cannot be read: {error.strerror}.",
            "Set output.directory to a directory of yours.",
        ) from error
    return next(version for version in versions(name) if not any(_belongs(entry, version) for entry in present))


def _belongs(filename: str, name: str) -> bool:
    tail = r"(-\d{6}|-step\d{8}|[-_.](grid|comparison)\b[^/]*)?(\.[A-Za-z0-9]+)?"
    return re.fullmatch(re.escape(name) + tail, filename, re.IGNORECASE) is not None
