"""The names and shapes of whole checkpoints in the original layout, worked out from their architectures.

Also of those that cannot be trained here: the refiner, and SDXL with layers left out.
"""

from collections.abc import Sequence

Shapes = dict[str, tuple[int, ...]]

_UNET = "model.diffusion_model."


def original_unet(
    depths: Sequence[int],
    text: int,
    *,
    middle: int,
    multipliers: Sequence[int],
    channels: int = 320,
    inputs: int = 4,
    labels: int = 0,
    linear: bool = True,
) -> Shapes:
    """A UNet as CompVis and Stability wrote it.

    Args:
        depths: Transformer blocks at each level, from the largest picture on.
        text: Width of the text that cross-attention reads.
        middle: Transformer blocks in the middle; 0: no attention there.
        multipliers: Of `channels`, at each level.
        labels: Width of what SDXL is told beside the text; 0: nothing.
        linear: Whether the transformers begin and end with linear layers instead of convolutions.
    """
    shapes: Shapes = {}
    wide = 4 * channels
    _layer(shapes, "time_embed.0", wide, channels)
    _layer(shapes, "time_embed.2", wide, wide)
    if labels:
        _layer(shapes, "label_emb.0.0", wide, labels)
        _layer(shapes, "label_emb.0.2", wide, wide)
    _layer(shapes, "input_blocks.0.0", channels, inputs, 3, 3)
    skips, current, number = [channels], channels, 1
    for level, (multiplier, depth) in enumerate(zip(multipliers, depths, strict=True)):
        for _ in range(2):
            _resnet(shapes, f"input_blocks.{number}.0", current, channels * multiplier, wide)
            current = channels * multiplier
            _transformer(shapes, f"input_blocks.{number}.1", current, text, depth, linear)
            skips.append(current)
            number += 1
        if level < len(multipliers) - 1:
            _layer(shapes, f"input_blocks.{number}.0.op", current, current, 3, 3)
            skips.append(current)
            number += 1
    _resnet(shapes, "middle_block.0", current, current, wide)
    _transformer(shapes, "middle_block.1", current, text, middle, linear)
    _resnet(shapes, "middle_block.2" if middle else "middle_block.1", current, current, wide)
    number = 0
    for level in reversed(range(len(multipliers))):
        for position in range(3):
            _resnet(shapes, f"output_blocks.{number}.0", current + skips.pop(), channels * multipliers[level], wide)
            current = channels * multipliers[level]
            _transformer(shapes, f"output_blocks.{number}.1", current, text, depths[level], linear)
            if position == 2 and level > 0:
                _layer(shapes, f"output_blocks.{number}.{2 if depths[level] else 1}.conv", current, current, 3, 3)
            number += 1
    _norm(shapes, "out.0", channels)
    _layer(shapes, "out.2", 4, channels, 3, 3)
    return shapes


def _layer(shapes: Shapes, name: str, *size: int) -> None:
    shapes[f"{_UNET}{name}.weight"] = size
    shapes[f"{_UNET}{name}.bias"] = (size[0],)


def _norm(shapes: Shapes, name: str, width: int) -> None:
    shapes |= {f"{_UNET}{name}.{part}": (width,) for part in ("weight", "bias")}


def _resnet(shapes: Shapes, name: str, inputs: int, outputs: int, time: int) -> None:
    _norm(shapes, f"{name}.in_layers.0", inputs)
    _layer(shapes, f"{name}.in_layers.2", outputs, inputs, 3, 3)
    _layer(shapes, f"{name}.emb_layers.1", outputs, time)
    _norm(shapes, f"{name}.out_layers.0", outputs)
    _layer(shapes, f"{name}.out_layers.3", outputs, outputs, 3, 3)
    if inputs != outputs:
        _layer(shapes, f"{name}.skip_connection", outputs, inputs, 1, 1)


def _transformer(shapes: Shapes, name: str, width: int, text: int, depth: int, linear: bool) -> None:
    if not depth:
        return
    kernel = () if linear else (1, 1)
    _norm(shapes, f"{name}.norm", width)
    _layer(shapes, f"{name}.proj_in", width, width, *kernel)
    _layer(shapes, f"{name}.proj_out", width, width, *kernel)
    for block in range(depth):
        inner = f"{name}.transformer_blocks.{block}"
        for attention, read in (("attn1", width), ("attn2", text)):
            for part, size in (("to_q", width), ("to_k", read), ("to_v", read)):
                shapes[f"{_UNET}{inner}.{attention}.{part}.weight"] = (width, size)
            _layer(shapes, f"{inner}.{attention}.to_out.0", width, width)
        _layer(shapes, f"{inner}.ff.net.0.proj", 8 * width, width)
        _layer(shapes, f"{inner}.ff.net.2", width, 4 * width)
        for norm in ("norm1", "norm2", "norm3"):
            _norm(shapes, f"{inner}.{norm}", width)


def clip_text(prefix: str, width: int = 768, layers: int = 12) -> Shapes:
    """A text encoder of OpenAI's CLIP as transformers names it."""
    shapes: Shapes = {
        f"{prefix}text_model.embeddings.token_embedding.weight": (49408, width),
        f"{prefix}text_model.embeddings.position_embedding.weight": (77, width),
    }
    for layer in range(layers):
        inner = f"{prefix}text_model.encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= {f"{inner}.self_attn.{part}.weight": (width, width), f"{inner}.self_attn.{part}.bias": (width,)}
        shapes |= {f"{inner}.mlp.fc1.weight": (4 * width, width), f"{inner}.mlp.fc1.bias": (4 * width,)}
        shapes |= {f"{inner}.mlp.fc2.weight": (width, 4 * width), f"{inner}.mlp.fc2.bias": (width,)}
        shapes |= {f"{inner}.layer_norm{n}.{part}": (width,) for n in (1, 2) for part in ("weight", "bias")}
    return shapes | {f"{prefix}text_model.final_layer_norm.{part}": (width,) for part in ("weight", "bias")}


def open_clip_text(prefix: str, width: int, layers: int) -> Shapes:
    """A text encoder of open-clip as its authors name it."""
    shapes: Shapes = {
        f"{prefix}positional_embedding": (77, width),
        f"{prefix}text_projection": (width, width),
        f"{prefix}token_embedding.weight": (49408, width),
    }
    for layer in range(layers):
        inner = f"{prefix}transformer.resblocks.{layer}"
        shapes |= {f"{inner}.attn.in_proj_weight": (3 * width, width), f"{inner}.attn.in_proj_bias": (3 * width,)}
        shapes |= {f"{inner}.attn.out_proj.weight": (width, width), f"{inner}.attn.out_proj.bias": (width,)}
        shapes |= {f"{inner}.mlp.c_fc.weight": (4 * width, width), f"{inner}.mlp.c_fc.bias": (4 * width,)}
        shapes |= {f"{inner}.mlp.c_proj.weight": (width, 4 * width), f"{inner}.mlp.c_proj.bias": (width,)}
        shapes |= {f"{inner}.ln_{n}.{part}": (width,) for n in (1, 2) for part in ("weight", "bias")}
    return shapes | {f"{prefix}ln_final.{part}": (width,) for part in ("weight", "bias")}


VAE: Shapes = {"first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3), "first_stage_model.quant_conv.bias": (8,)}
SD1_UNET = original_unet((1, 1, 1, 0), 768, middle=1, multipliers=(1, 2, 4, 4), linear=False)
SD2_UNET = original_unet((1, 1, 1, 0), 1024, middle=1, multipliers=(1, 2, 4, 4))
SDXL_UNET = original_unet((0, 2, 10), 2048, middle=10, multipliers=(1, 2, 4), labels=2816)
SDXL_TEXTS = clip_text("conditioner.embedders.0.transformer.") | open_clip_text(
    "conditioner.embedders.1.model.", 1280, 32
)
SD1 = SD1_UNET | clip_text("cond_stage_model.transformer.") | VAE
SD2 = SD2_UNET | open_clip_text("cond_stage_model.model.", 1024, 24) | VAE
SDXL = SDXL_UNET | SDXL_TEXTS | VAE
SSD_1B = original_unet((0, 2, 4), 2048, middle=0, multipliers=(1, 2, 4), labels=2816) | SDXL_TEXTS | VAE
VEGA = original_unet((0, 1, 2), 2048, middle=0, multipliers=(1, 2, 4), labels=2816) | SDXL_TEXTS | VAE
REFINER = (
    original_unet((0, 4, 4, 0), 1280, middle=4, multipliers=(1, 2, 4, 4), channels=384, labels=2560)
    | open_clip_text("conditioner.embedders.0.model.", 1280, 32)
    | VAE
)
