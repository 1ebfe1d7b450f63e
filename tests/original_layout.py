"""Writes a diffusers base as the single-file checkpoint it would have been: the layout of CompVis' original code."""

import re
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def write_single_file(directory: Path, file: Path, *, with_vae: bool = True) -> Path:
    """Write the base in `directory` as one checkpoint."""
    pipeline = StableDiffusionPipeline.from_pretrained(directory)
    layers = pipeline.unet.config.layers_per_block
    tensors = {
        f"model.diffusion_model.{_unet_name(name, layers)}": tensor
        for name, tensor in pipeline.unet.state_dict().items()
    }
    for name, tensor in pipeline.text_encoder.state_dict().items():
        tensors[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    if with_vae:
        tensors |= {f"first_stage_model.{name}": tensor for name, tensor in original_vae(pipeline.vae).items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
    return file


def original_vae(vae: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the VAE's tensors under their original names, as separate VAE files hold them."""
    blocks = len(vae.config.block_out_channels)
    tensors = {}
    for name, tensor in vae.state_dict().items():
        renamed = _vae_name(name, blocks)
        is_projection = ".attn_1." in renamed and tensor.dim() == 2
        tensors[renamed] = tensor[:, :, None, None] if is_projection else tensor
    return tensors


def _unet_name(name: str, layers: int) -> str:
    per_block = layers + 1
    fixed = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    module, _, leaf = name.rpartition(".")
    if module in fixed:
        return f"{fixed[module]}.{leaf}"
    if found := re.match(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.*)", name):
        return f"input_blocks.{per_block * (int(found[1]) + 1)}.0.op.{found[2]}"
    if found := re.match(r"up_blocks\.(\d+)\.upsamplers\.0\.(.*)", name):
        # Behind the ResNet, and behind the attention where there is one; only block 0 of the tiny base has none.
        place = 1 if found[1] == "0" else 2
        return f"output_blocks.{per_block * int(found[1]) + layers}.{place}.{found[2]}"
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        place = 1 if found[1] == "attentions" else 2 * int(found[2])
        return f"middle_block.{place}.{_inner(found[1], found[3])}"
    found = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.*)", name)
    assert found, name
    block, layer = int(found[2]), int(found[4])
    number = per_block * block + layer + (1 if found[1] == "down" else 0)
    side = "input" if found[1] == "down" else "output"
    return f"{side}_blocks.{number}.{int(found[3] == 'attentions')}.{_inner(found[3], found[5])}"


def _inner(kind: str, rest: str) -> str:
    if kind == "attentions":
        return rest
    module, _, leaf = rest.rpartition(".")
    return f"{_RESNET[module]}.{leaf}"


def _vae_name(name: str, blocks: int) -> str:
    name = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets", lambda found: f"up.{blocks - 1 - int(found[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda found: f"up.{blocks - 1 - int(found[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    name = re.sub(
        r"mid_block\.attentions\.0\.(group_norm|to_q|to_k|to_v|to_out\.0)",
        lambda found: f"mid.attn_1.{_VAE_ATTENTION[found[1]]}",
        name,
    )
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
