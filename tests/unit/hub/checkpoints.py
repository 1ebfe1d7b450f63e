"""Files that look like bases from the outside: the right names and shapes, next to no tensors."""

import json
from collections.abc import Mapping
from pathlib import Path

CROSS_ATTENTION = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FIRST_CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
SD1 = {FIRST_CONVOLUTION: (4, 4, 3, 3), CROSS_ATTENTION: (1, 768), "first_stage_model.encoder.conv_in.weight": (2,)}
SD2 = {**SD1, CROSS_ATTENTION: (1, 1024)}
SDXL = {**SD1, "conditioner.embedders.1.model.ln_final.bias": (1,), CROSS_ATTENTION: (1, 2048)}
INPAINTING = {**SD1, FIRST_CONVOLUTION: (4, 9, 3, 3)}
LORA = {"lora_unet_down_blocks_0.lora_down.weight": (4, 4)}


def checkpoint(shapes: Mapping[str, tuple[int, ...]], padding: int = 0) -> bytes:
    """A .safetensors file with tensors of those shapes, and `padding` bytes of one more."""
    header, end = {}, 0
    for name, shape in {**shapes, **({"padding": (padding,)} if padding else {})}.items():
        size = 1
        for dimension in shape:
            size *= dimension
        header[name] = {"dtype": "U8", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)


def write_checkpoint(path: Path, shapes: Mapping[str, tuple[int, ...]] = SD1) -> Path:
    """Such a file on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(checkpoint(shapes))
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
