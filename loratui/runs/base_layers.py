"""The layers of a base that can have a LoRA, by the names and shapes of the tensors in its files.

Knows both layouts, diffusers' and the original one; reads no file.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loratui.lora_file.header import TensorInfo
from loratui.lora_file.naming import BaseFamily, Component, Module, kohya_key, lora_targets
from loratui.lora_file.original_layout import diffusers_path

# What a block holds under these names, in either layout, tells its class.
_UNET_BLOCK = re.compile(
    r"(.+)\.(?:(?P<Transformer2DModel>proj_in)|(?P<ResnetBlock2D>conv1|in_layers\.2)|(?P<Downsample2D>conv|op))"
)
_TEXT_BLOCK = re.compile(r"(.+)\.(?:(?P<CLIPAttention>q_proj)|(?P<CLIPMLP>fc1))")
_OPEN_CLIP = re.compile(
    r"transformer\.resblocks\.(\d+)\.(attn\.in_proj|attn\.out_proj|mlp\.c_fc|mlp\.c_proj)[._]weight"
)
_CLIP = {"attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
# SD 2.x leaves the last of its 24 layers out.
_SD2_LAYERS = 23


@dataclass(frozen=True)
class Layer:
    """A layer that kohya trains.

    Attributes:
        key: kohya's name of it, the prefix of its tensors in the file.
        component: Which of the base's models it is in.
        inputs: Its width, or channels.
        outputs: The same.
        kernel: Of a convolution; () for a linear layer.
        uses_conv_rank: Whether it has network.conv_rank, not network.rank.
        needs_conv: Whether it is trained with a conv_rank only.
    """

    key: str
    component: Component
    inputs: int
    outputs: int
    kernel: tuple[int, ...]
    uses_conv_rank: bool
    needs_conv: bool

    def factors(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of `lora_down.weight` and `lora_up.weight`."""
        return (rank, self.inputs, *self.kernel), (self.outputs, rank, *(1 for _ in self.kernel))

    def parameters(self, rank: int) -> int:
        """Elements of both factors."""
        return sum(map(math.prod, self.factors(rank)))


def layers_of(component: Component, tensors: Mapping[str, TensorInfo], family: BaseFamily) -> tuple[Layer, ...]:
    """Return all layers of a model that kohya trains with any settings.

    Args:
        component: The model.
        tensors: Its own, by their names in either layout.
        family: What the base is.
    """
    weights = dict(_weights(tensors, family))
    block = _UNET_BLOCK if component == "unet" else _TEXT_BLOCK
    modules = [Module(path, "Conv2d" if shape[2:] else "Linear", shape[2:] or None) for path, shape in weights.items()]
    modules += [Module(found[1], str(found.lastgroup)) for found in map(block.fullmatch, weights) if found]
    always = {target.path for target in lora_targets(component, modules, family=family)}
    return tuple(
        Layer(
            target.key if family == "sdxl" else kohya_key(component, diffusers_path(target.path)),
            component,
            inputs=weights[target.path][1],
            outputs=weights[target.path][0],
            kernel=weights[target.path][2:],
            uses_conv_rank=target.uses_conv_rank,
            needs_conv=target.path not in always,
        )
        for target in lora_targets(component, modules, conv=True, family=family)
    )


def _weights(tensors: Mapping[str, TensorInfo], family: BaseFamily) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The weights of linear layers and convolutions by the paths of their modules."""
    for name, tensor in tensors.items():
        if len(tensor.shape) not in (2, 4):
            continue
        if found := _OPEN_CLIP.fullmatch(name):
            if family == "sd2" and int(found[1]) >= _SD2_LAYERS:
                continue
            layer, outputs, inputs = f"encoder.layers.{found[1]}", *tensor.shape
            if found[2] in _CLIP:
                yield f"{layer}.{_CLIP[found[2]]}", tensor.shape
            else:
                yield from ((f"{layer}.self_attn.{part}_proj", (outputs // 3, inputs)) for part in "qkv")
        elif name.endswith(".weight"):
            yield name.removesuffix(".weight"), tensor.shape
