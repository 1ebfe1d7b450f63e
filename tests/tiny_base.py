"""A Stable Diffusion of the real classes with random weights, small enough that a training step takes milliseconds."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

IMAGE_SIZE = 32
CROSS_ATTENTION_DIM = 32
POOLED_DIM = 16

_NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "steps_offset": 1,
}


def write_tiny_base(directory: Path, *, seed: int = 0) -> Path:
    """Write a tiny SD 1.x in diffusers layout into `directory` and return it."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    pipeline = StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=tiny_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id),
        tokenizer=tokenizer,
        unet=tiny_unet(),
        scheduler=DDIMScheduler(**_NOISE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(directory)
    return directory


def write_tiny_sd2(directory: Path, *, prediction: str = "v_prediction") -> Path:
    """Write a tiny SD 2.x: linear projections, text padded with token 0."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(pad="!")
    pipeline = StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=tiny_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id),
        tokenizer=tokenizer,
        unet=tiny_unet(use_linear_projection=True),
        scheduler=DDIMScheduler(**_NOISE, prediction_type=prediction),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(directory)
    return directory


def write_tiny_xl(directory: Path, *, seed: int = 0) -> Path:
    """Write a tiny SDXL: two text encoders, sizes told to the UNet, several transformer layers a block."""
    torch.manual_seed(seed)
    first, second = tiny_tokenizer(), tiny_tokenizer(pad="!")
    ends = len(first), first.bos_token_id, first.eos_token_id
    pipeline = StableDiffusionXLPipeline(
        vae=tiny_vae(),
        text_encoder=tiny_text_encoder(*ends),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(*ends, width=24, projection=POOLED_DIM)).eval(),
        tokenizer=first,
        tokenizer_2=second,
        unet=tiny_unet(
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=CROSS_ATTENTION_DIM + 24,
            transformer_layers_per_block=(1, 2),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=POOLED_DIM + 6 * 8,
        ),
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        add_watermarker=False,
    )
    pipeline.save_pretrained(directory)
    return directory


def tiny_vae() -> AutoencoderKL:
    """A VAE that halves each side."""
    return AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=IMAGE_SIZE,
    )


def tiny_unet(**different: Any) -> UNet2DConditionModel:
    """A UNet with SD 1.5's kinds of layers: attention with 1 × 1 projections, ResNets, down and up samplers."""
    usual = {
        "sample_size": IMAGE_SIZE // 2,
        "block_out_channels": (16, 32),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": CROSS_ATTENTION_DIM,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**{**usual, **different})


def tiny_text_encoder(vocabulary: int, bos: int, eos: int) -> CLIPTextModel:
    """A CLIP text model of three layers."""
    return CLIPTextModel(_text_config(vocabulary, bos, eos)).eval()


def tiny_tokenizer(*, pad: str = "<|endoftext|>") -> CLIPTokenizer:
    """CLIP's tokenizer over single bytes."""
    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77, pad_token=pad)


def _text_config(
    vocabulary: int, bos: int, eos: int, *, width: int = CROSS_ATTENTION_DIM, projection: int = 512
) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=projection,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=eos,
    )
