"""The tensors that a checkpoint in the original layout must hold, by its family: names only, worked out from the
architecture.

What files spell in several ways (the VAE's attention) or may leave out (projections, tables of positions) is not among
them: loading says that.
"""

import re
from collections.abc import Iterable, Iterator

from loratui.hub.kinds import FamilyName
from loratui.hub.recognition import TEXT_PREFIXES, UNET, VAE_PREFIX

# Each level's width over that of the first; transformer blocks at each level; whether the size is told beside the text.
_UNETS: dict[FamilyName, tuple[tuple[int, ...], tuple[int, ...], bool]] = {
    "SD 1.x": ((1, 2, 4, 4), (1, 1, 1, 0), False),
    "SD 2.x": ((1, 2, 4, 4), (1, 1, 1, 0), False),
    "SDXL": ((1, 2, 4), (0, 2, 10), True),
}
# Layers that are read: SD 2.x leaves the last of its 24 out.
_TEXT_LAYERS = {"SD 1.x": (12,), "SD 2.x": (23,), "SDXL": (12, 32)}
_VAE_WIDTHS = (1, 2, 4, 4)
# Mixes of the first months name their text encoder's layers without `text_model`.
_OLD_CLIP = re.compile(r"(.*\.transformer\.)(embeddings|encoder|final_layer_norm)\.")


def missing_tensors(tensors: Iterable[str], name: FamilyName, *, with_vae: bool = True) -> tuple[list[str], int]:
    """Return what a checkpoint of the family `name` lacks, and how many tensors it must have.

    Args:
        tensors: The names in its table of contents.
        with_vae: Whether its own VAE is to be used.
    """
    present = {_OLD_CLIP.sub(r"\1text_model.\2.", key) for key in tensors}
    needed = list(_needed(name, with_vae))
    return [key for key in needed if key not in present], len(needed)


def _needed(name: FamilyName, with_vae: bool) -> Iterator[str]:
    multipliers, depths, has_labels = _UNETS[name]
    yield from _under(UNET, _unet(multipliers, depths, has_labels))
    for prefix, layers in zip(TEXT_PREFIXES[name].values(), _TEXT_LAYERS[name], strict=True):
        yield from _under(prefix, _clip(layers) if prefix.endswith(".transformer.") else _open_clip(layers))
    if with_vae:
        yield from _under(VAE_PREFIX, _vae())


def _under(prefix: str, names: Iterable[str]) -> Iterator[str]:
    return (prefix + name for name in names)


def _of(prefix: str, *modules: str) -> Iterator[str]:
    return (f"{prefix}{module}.{leaf}" for module in modules for leaf in ("weight", "bias"))


def _unet(multipliers: tuple[int, ...], depths: tuple[int, ...], has_labels: bool) -> Iterator[str]:
    yield from _of("", "time_embed.0", "time_embed.2", *(("label_emb.0.0", "label_emb.0.2") if has_labels else ()))
    yield from _of("", "input_blocks.0.0")
    levels, current, number = len(multipliers), multipliers[0], 1
    for level in range(levels):
        for _ in range(2):
            yield from _resnet(f"input_blocks.{number}.0.", widens=multipliers[level] != current)
            yield from _transformer(f"input_blocks.{number}.1.", depths[level])
            current = multipliers[level]
            number += 1
        if level < levels - 1:
            yield from _of(f"input_blocks.{number}.0.", "op")
            number += 1
    yield from _resnet("middle_block.0.", widens=False)
    yield from _transformer("middle_block.1.", max(depths))
    yield from _resnet("middle_block.2.", widens=False)
    number = 0
    for level in reversed(range(levels)):
        for position in range(3):
            yield from _resnet(f"output_blocks.{number}.0.", widens=True)
            yield from _transformer(f"output_blocks.{number}.1.", depths[level])
            if position == 2 and level > 0:
                yield from _of(f"output_blocks.{number}.{2 if depths[level] else 1}.", "conv")
            number += 1
    yield from _of("", "out.0", "out.2")


def _resnet(prefix: str, *, widens: bool) -> Iterator[str]:
    yield from _of(prefix, "in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3")
    if widens:
        yield from _of(prefix, "skip_connection")


def _transformer(prefix: str, depth: int) -> Iterator[str]:
    if depth:
        yield from _of(prefix, "norm", "proj_in", "proj_out")
    for block in range(depth):
        inner = f"{prefix}transformer_blocks.{block}."
        for attention in ("attn1", "attn2"):
            yield from (f"{inner}{attention}.{part}.weight" for part in ("to_q", "to_k", "to_v"))
            yield from _of(inner, f"{attention}.to_out.0")
        yield from _of(inner, "ff.net.0.proj", "ff.net.2", "norm1", "norm2", "norm3")


def _clip(layers: int) -> Iterator[str]:
    yield from (f"text_model.embeddings.{kind}_embedding.weight" for kind in ("token", "position"))
    for layer in range(layers):
        inner = f"text_model.encoder.layers.{layer}."
        yield from _of(f"{inner}self_attn.", "q_proj", "k_proj", "v_proj", "out_proj")
        yield from _of(inner, "layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2")
    yield from _of("text_model.", "final_layer_norm")


def _open_clip(layers: int) -> Iterator[str]:
    yield from ("token_embedding.weight", "positional_embedding")
    for layer in range(layers):
        inner = f"transformer.resblocks.{layer}."
        yield from (f"{inner}attn.in_proj_{leaf}" for leaf in ("weight", "bias"))
        yield from _of(inner, "attn.out_proj", "ln_1", "ln_2", "mlp.c_fc", "mlp.c_proj")
    yield from _of("", "ln_final")


def _vae() -> Iterator[str]:
    last = len(_VAE_WIDTHS) - 1
    for level, width in enumerate(_VAE_WIDTHS):
        widens = level > 0 and _VAE_WIDTHS[level - 1] != width
        yield from _vae_level(f"encoder.down.{level}.", 2, widens, "downsample" if level < last else "")
        narrows = level < last and _VAE_WIDTHS[level + 1] != width
        yield from _vae_level(f"decoder.up.{level}.", 3, narrows, "upsample" if level > 0 else "")
    for side in ("encoder.", "decoder."):
        yield from _of(side, "conv_in", "norm_out", "conv_out")
        for block in (1, 2):
            yield from _of(f"{side}mid.block_{block}.", "norm1", "conv1", "norm2", "conv2")
    yield from _of("", "quant_conv", "post_quant_conv")


def _vae_level(prefix: str, blocks: int, changes_width: bool, resampling: str) -> Iterator[str]:
    for block in range(blocks):
        yield from _of(f"{prefix}block.{block}.", "norm1", "conv1", "norm2", "conv2")
    if changes_width:
        yield from _of(prefix, "block.0.nin_shortcut")
    if resampling:
        yield from _of(prefix, f"{resampling}.conv")
