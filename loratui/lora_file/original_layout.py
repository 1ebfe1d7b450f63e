"""A UNet's module paths in the layout of Stability AI's own code, and back: `input_blocks.4.1` and `down_blocks.1.…`.

kohya's SDXL files, ComfyUI and A1111 speak that layout; diffusers' classes have the other. Pure text: knows no file,
no tensor, and nothing of text encoders, whose paths are the same everywhere. Numbers as in sd-scripts,
library/sdxl_model_util.py (`make_unet_conversion_map`), and diffusers' conversion scripts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Blocks:
    """How a UNet's blocks are divided, which is all that the numbers depend on.

    Args:
        layers: Resnets of a down block (diffusers' `layers_per_block`); an up block has one more.
        plain_up_blocks: Up blocks without attention: their upsampler stands one place further to the front.
    """

    layers: int = 2
    plain_up_blocks: frozenset[int] = frozenset()


SDXL_BLOCKS = Blocks()

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_RESNET_BACK = {theirs: ours for ours, theirs in _RESNET.items()}
_OUTSIDE_BACK = {theirs: ours for ours, theirs in _OUTSIDE.items()}

_OURS = re.compile(r"(down|up)_blocks\.(\d{1,3})\.(resnets|attentions|downsamplers|upsamplers)\.(\d{1,3})(?:\.(.+))?")
_OURS_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d{1,3})(?:\.(.+))?")
_THEIRS = re.compile(r"(input|output)_blocks\.(\d{1,3})\.(\d{1,3})(?:\.(.+))?")
_THEIRS_MIDDLE = re.compile(r"middle_block\.(\d{1,3})(?:\.(.+))?")
_OF_RESNET = re.compile(r"(?:in|out|emb)_layers\.\d|skip_connection")


def blocks_of(paths: Iterable[str]) -> Blocks:
    """Return how the UNet is divided whose module paths, in diffusers' layout, are `paths`."""
    layers, up_blocks, attending = 0, set(), set()
    for path in paths:
        if not (found := _OURS.fullmatch(path)):
            continue
        direction, block, kind, number = found[1], int(found[2]), found[3], int(found[4])
        if direction == "down" and kind == "resnets":
            layers = max(layers, number + 1)
        elif direction == "up":
            up_blocks.add(block)
            if kind == "attentions":
                attending.add(block)
    return Blocks(layers or 2, frozenset(up_blocks - attending))


def original_path(path: str, blocks: Blocks = SDXL_BLOCKS) -> str:
    """Return where the module at `path` of diffusers' UNet is in the original layout; paths it lacks stay as they are.

    Args:
        path: Such as `down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q`.
        blocks: How the UNet is divided; SDXL's as a rule.
    """
    if path in _OUTSIDE:
        return _OUTSIDE[path]
    if found := _OURS_MIDDLE.fullmatch(path):
        kind, number, rest = found[1], int(found[2]), found[3]
        return _joined("middle_block", 2 * number + (kind == "attentions"), _inside(kind, rest))
    found = _OURS.fullmatch(path)
    if not found:
        return path
    direction, block, kind, number, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    stride = blocks.layers + 1
    if kind == "downsamplers":
        return _joined("input_blocks", stride * (block + 1), 0, "op" if rest == "conv" else rest)
    if kind == "upsamplers":
        place = 1 if block in blocks.plain_up_blocks else 2
        return _joined("output_blocks", stride * block + blocks.layers, place, rest)
    name, index = ("input_blocks", stride * block + 1) if direction == "down" else ("output_blocks", stride * block)
    return _joined(name, index + number, int(kind == "attentions"), _inside(kind, rest))


def diffusers_path(path: str) -> str:
    """Return where the module at `path` of SDXL's original UNet is in diffusers': the inverse of `original_path`.

    Args:
        path: Such as `input_blocks.4.1.transformer_blocks.0.attn1.to_q`.
    """
    if path in _OUTSIDE_BACK:
        return _OUTSIDE_BACK[path]
    if found := _THEIRS_MIDDLE.fullmatch(path):
        number, rest = int(found[1]), found[2]
        kind = "attentions" if number % 2 else "resnets"
        return _joined("mid_block", kind, number // 2, _inside_back(rest))
    found = _THEIRS.fullmatch(path)
    if not found:
        return path
    direction, index, place, rest = found[1], int(found[2]), int(found[3]), found[4]
    stride = SDXL_BLOCKS.layers + 1
    if direction == "input":
        block, number = divmod(index - 1, stride)
        if number == SDXL_BLOCKS.layers:
            return _joined("down_blocks", block, "downsamplers", 0, "conv" if rest == "op" else rest)
        return _joined("down_blocks", block, "attentions" if place else "resnets", number, _inside_back(rest))
    block, number = divmod(index, stride)
    if place and (place == 2 or rest == "conv"):
        return _joined("up_blocks", block, "upsamplers", 0, rest)
    return _joined("up_blocks", block, "attentions" if place else "resnets", number, _inside_back(rest))


def _inside(kind: str, rest: str | None) -> str | None:
    return _RESNET.get(rest, rest) if rest and kind == "resnets" else rest


def _inside_back(rest: str | None) -> str | None:
    return _RESNET_BACK[rest] if rest and _OF_RESNET.fullmatch(rest) and rest in _RESNET_BACK else rest


def _joined(*parts: str | int | None) -> str:
    return ".".join(str(part) for part in parts if part is not None)
