"""A Stable Diffusion of the real classes with random weights, small enough that a training step takes milliseconds."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

IMAGE_SIZE = 32
CROSS_ATTENTION_DIM = 32


def write_tiny_base(directory: Path, *, seed: int = 0) -> Path:
    """Write a tiny base in diffusers layout into `directory` and return it."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=IMAGE_SIZE,
        ),
        text_encoder=tiny_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id),
        tokenizer=tokenizer,
        unet=tiny_unet(),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(directory)
    return directory


def tiny_unet() -> UNet2DConditionModel:
    """A UNet with SD 1.5's kinds of layers: attention with 1 × 1 projections, ResNets, down and up samplers."""
    return UNet2DConditionModel(
        sample_size=IMAGE_SIZE // 2,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=CROSS_ATTENTION_DIM,
        attention_head_dim=4,
        norm_num_groups=4,
    )


def tiny_text_encoder(vocabulary: int, bos: int, eos: int) -> CLIPTextModel:
    """A CLIP text model of three layers."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=CROSS_ATTENTION_DIM,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            bos_token_id=bos,
            eos_token_id=eos,
            pad_token_id=eos,
        )
    ).eval()


def tiny_tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer over single bytes."""
    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=[], model_max_length=77)
