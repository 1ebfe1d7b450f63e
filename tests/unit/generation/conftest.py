"""A tiny random Stable Diffusion of the real classes (16-pixel pictures, 8 × 8 latents) and LoRA files that fit it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.schedule import NoiseSchedule
from loratui.lora_file.naming import kohya_key

SCHEDULER_CONFIG = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}
WriteLora = Callable[..., Path]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def base() -> BaseModel:
    """The base; tests leave it as they found it."""
    torch.manual_seed(0)
    symbols = [chr(code) for code in range(33, 127)]
    entries = [*symbols, *(symbol + "</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={entry: number for number, entry in enumerate(entries)}, merges=[], model_max_length=77
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=2,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        sample_size=16,
    )
    for model in (text_encoder, unet, vae):
        model.requires_grad_(False).eval()
    return BaseModel(
        name="tiny",
        source=Path("tiny.safetensors"),
        family="sd1",
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=vae,
        unet=unet,
        schedule=NoiseSchedule.from_config(SCHEDULER_CONFIG),
        scheduler_config=dict(SCHEDULER_CONFIG),
        device=torch.device("cpu"),
        dtype=torch.float32,
        hashed=lambda: "0123456789abcdef" * 4,
    )


@pytest.fixture
def write_lora(base: BaseModel, tmp_path: Path) -> WriteLora:
    """Writes a LoRA of all attention layers with random factors."""

    def write(filename: str, seed: int = 1, metadata: dict[str, str] | None = None) -> Path:
        generator = torch.Generator().manual_seed(seed)
        tensors = {}
        for component, root, inside in (("unet", base.unet, "attentions"), ("text_encoder", base.text_encoder, "self")):
            for name, module in root.named_modules():
                if inside in name and isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                    key = kohya_key(component, name)
                    out, into = module.weight.shape[:2]
                    kernel = module.weight.shape[2:]
                    tensors[f"{key}.lora_down.weight"] = torch.randn(4, into, *kernel, generator=generator) * 0.2
                    tensors[f"{key}.lora_up.weight"] = torch.randn(out, 4, *kernel, generator=generator) * 0.2
                    tensors[f"{key}.alpha"] = torch.tensor(4.0)
        path = tmp_path / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path, metadata=metadata)
        return path

    return write
