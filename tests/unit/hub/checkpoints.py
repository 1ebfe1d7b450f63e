"""Files that look like bases from the outside: the right names and shapes, next to no tensors."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

from loratui.hub.whole_checkpoint import missing_tensors


def whole(shapes: Mapping[str, tuple[int, ...]], family: str) -> dict[str, tuple[int, ...]]:
    """With all that a checkpoint of the family must hold; what is added has one element."""
    return {**shapes, **dict.fromkeys(missing_tensors(shapes, family)[0], (1,))}


CROSS_ATTENTION = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FIRST_CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
CLIP_TEXT = "cond_stage_model.transformer.text_model.final_layer_norm.weight"
OPEN_CLIP_TEXT = "cond_stage_model.model.ln_final.weight"
VAE = {"first_stage_model.encoder.conv_in.weight": (2,)}
SD1 = {FIRST_CONVOLUTION: (4, 4, 3, 3), CROSS_ATTENTION: (1, 768), CLIP_TEXT: (1,), **VAE}
SD2 = {FIRST_CONVOLUTION: (4, 4, 3, 3), CROSS_ATTENTION: (1, 1024), OPEN_CLIP_TEXT: (1,), **VAE}
SDXL = {
    FIRST_CONVOLUTION: (4, 4, 3, 3),
    "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (1, 2048),
    "model.diffusion_model.input_blocks.7.1.transformer_blocks.9.norm1.weight": (1,),
    "model.diffusion_model.label_emb.0.0.weight": (1, 2816),
    "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight": (1,),
    "conditioner.embedders.1.model.ln_final.weight": (1,),
    **VAE,
}
WHOLE_SDXL = whole(SDXL, "SDXL")
INPAINTING = {**SD1, FIRST_CONVOLUTION: (4, 9, 3, 3)}
_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1, "F8_E4M3": 1, "I64": 8}
LORA = {"lora_unet_down_blocks_0.lora_down.weight": (4, 4)}


def checkpoint(
    shapes: Mapping[str, tuple[int, ...]],
    padding: int = 0,
    metadata: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
) -> bytes:
    """A .safetensors file with tensors of those shapes, fp16 where `types` says nothing, and `padding` bytes."""
    header, end = table_of_contents(shapes, padding, metadata, types)
    return header + bytes(end)


def table_of_contents(
    shapes: Mapping[str, tuple[int, ...]],
    padding: int = 0,
    metadata: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
) -> tuple[bytes, int]:
    """The beginning of such a file, and how many bytes of tensors follow."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    types, end = {"padding": "U8", **(types or {})}, 0
    for name, shape in {**shapes, **({"padding": (padding,)} if padding else {})}.items():
        dtype = types.get(name, "F16")
        size = math.prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text, end


def write_checkpoint(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]] = SD1,
    metadata: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
) -> Path:
    """Such a file on the disk, of whatever size: where the tensors would be it takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header, end = table_of_contents(shapes, 0, metadata, types)
    path.write_bytes(header)
    os.truncate(path, len(header) + end)
    return path


def diffusers_files(width: int = 768, large: int = 0) -> dict[str, bytes]:
    """A repository in diffusers layout; its UNet's weights have `large` bytes more."""
    unet = {"_class_name": "UNet2DConditionModel", "in_channels": 4, "cross_attention_dim": width}
    return {
        "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
        "scheduler/scheduler_config.json": b"{}",
        "tokenizer/vocab.json": b"{}",
        "tokenizer/merges.txt": b"#version",
        "text_encoder/config.json": b'{"part": "text_encoder"}',
        "text_encoder/model.safetensors": checkpoint({"a": (20,)}),
        "unet/config.json": json.dumps(unet).encode(),
        "unet/diffusion_pytorch_model.safetensors": checkpoint({"b": (30,)}, large),
        "vae/config.json": b'{"part": "vae"}',
        "vae/diffusion_pytorch_model.safetensors": checkpoint({"c": (40,)}),
    }


def sdxl_files(large: int = 0, ending: str = ".fp16.safetensors") -> dict[str, bytes]:
    """A repository of SDXL in diffusers layout, weights in both precisions and single files beside the folders."""
    unet = {"in_channels": 4, "cross_attention_dim": 2048, "addition_embed_type": "text_time", "sample_size": 128}
    files = {
        "model_index.json": b'{"_class_name": "StableDiffusionXLPipeline", "text_encoder_2": ["transformers", "C"]}',
        "scheduler/scheduler_config.json": b"{}",
        "text_encoder/config.json": b'{"part": "text_encoder"}',
        "text_encoder_2/config.json": b'{"part": "text_encoder_2"}',
        "unet/config.json": json.dumps({**unet, "transformer_layers_per_block": [1, 2, 10]}).encode(),
        "vae/config.json": b'{"block_out_channels": [128, 256, 512, 512]}',
        f"text_encoder/model{ending}": checkpoint({"a": (20,)}),
        f"text_encoder_2/model{ending}": checkpoint({"a2": (25,)}),
        f"unet/diffusion_pytorch_model{ending}": checkpoint({"b": (30,)}, large),
        f"vae/diffusion_pytorch_model{ending}": checkpoint({"c": (40,)}),
    }
    for folder in ("tokenizer", "tokenizer_2"):
        files |= {f"{folder}/vocab.json": f'{{"{folder}": 0}}'.encode(), f"{folder}/merges.txt": b"#version"}
    return files


def write_in_cache(home: Path, repo_id: str, files: Mapping[str, bytes]) -> Path:
    """Files as the hub's cache below `home` keeps them; returns the snapshot's folder."""
    folder = home / "hub" / f"models--{repo_id.replace('/', '--')}"
    commit = "1" * 40
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    for name, content in files.items():
        path = folder / "snapshots" / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "snapshots" / commit
