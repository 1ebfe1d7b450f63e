"""Writes a diffusers base as the single-file checkpoint it would have been: the layout of CompVis' original code."""

import re
from collections.abc import Collection
from pathlib import Path

import torch
from diffusers import DiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OPEN_CLIP = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def write_single_file(directory: Path, file: Path, *, with_vae: bool = True, extra: Tensors | None = None) -> Path:
    """Write the base in `directory`, of any family, as one checkpoint with `extra` tensors beside its own."""
    pipeline = DiffusionPipeline.from_pretrained(directory)
    unet = pipeline.unet
    attending = {number for number, kind in enumerate(unet.config.up_block_types) if kind.startswith("CrossAttn")}
    tensors = {
        f"model.diffusion_model.{_unet_name(name, unet.config.layers_per_block, attending)}": tensor
        for name, tensor in unet.state_dict().items()
    }
    tensors |= _texts(pipeline)
    if with_vae:
        tensors |= {f"first_stage_model.{name}": tensor for name, tensor in original_vae(pipeline.vae).items()}
    save_file({name: tensor.contiguous() for name, tensor in (tensors | (extra or {})).items()}, file)
    return file


def _texts(pipeline: DiffusionPipeline) -> Tensors:
    clip = {
        f"text_model.{name.removeprefix('text_model.')}": t for name, t in pipeline.text_encoder.state_dict().items()
    }
    if isinstance(pipeline, StableDiffusionXLPipeline):
        first = {f"conditioner.embedders.0.transformer.{name}": tensor for name, tensor in clip.items()}
        second = _open_clip(pipeline.text_encoder_2.state_dict())
        return first | {f"conditioner.embedders.1.model.{name}": tensor for name, tensor in second.items()}
    if pipeline.unet.config.use_linear_projection:
        second = _open_clip(pipeline.text_encoder.state_dict())
        return {f"cond_stage_model.model.{name}": tensor for name, tensor in second.items()}
    return {f"cond_stage_model.transformer.{name}": tensor for name, tensor in clip.items()}


def _open_clip(clip: Tensors) -> Tensors:
    """CLIP's tensors as open_clip keeps them: query, key and value in one, the projection turned round."""
    clip = {name.removeprefix("text_model."): tensor for name, tensor in clip.items()}
    tensors = {
        "positional_embedding": clip["embeddings.position_embedding.weight"],
        "token_embedding.weight": clip["embeddings.token_embedding.weight"],
        "logit_scale": torch.tensor(4.6),
        "text_projection": clip.get("text_projection.weight", torch.eye(len(clip["final_layer_norm.bias"]))).T,
    }
    for leaf in ("weight", "bias"):
        tensors[f"ln_final.{leaf}"] = clip[f"final_layer_norm.{leaf}"]
        for number in {int(name.split(".")[2]) for name in clip if name.startswith("encoder.layers.")}:
            ours, theirs = f"encoder.layers.{number}", f"transformer.resblocks.{number}"
            parts = [clip[f"{ours}.self_attn.{part}_proj.{leaf}"] for part in "qkv"]
            tensors[f"{theirs}.attn.in_proj_{leaf}"] = torch.cat(parts)
            for name, module in _OPEN_CLIP.items():
                tensors[f"{theirs}.{name}.{leaf}"] = clip[f"{ours}.{module}.{leaf}"]
    return tensors


def original_vae(vae: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the VAE's tensors under their original names, as separate VAE files hold them."""
    blocks = len(vae.config.block_out_channels)
    tensors = {}
    for name, tensor in vae.state_dict().items():
        renamed = _vae_name(name, blocks)
        is_projection = ".attn_1." in renamed and tensor.dim() == 2
        tensors[renamed] = tensor[:, :, None, None] if is_projection else tensor
    return tensors


def _unet_name(name: str, layers: int, attending: Collection[int]) -> str:
    per_block = layers + 1
    fixed = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
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
        # Behind the ResNet, and behind the attention where there is one.
        place = 1 + (int(found[1]) in attending)
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
