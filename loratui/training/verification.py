"""Proof that the written file is the trained LoRA: diffusers loads it back, and what it does is compared.

The effect is a delta: output with the LoRA minus output without. Both sides compute in fp32 on the same probe, the
live one with its factors rounded as the file's are.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from loratui.diffusion import draws
from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import Conditioning, PictureSizes
from loratui.diffusion.lora_network import LoraNetwork
from loratui.diffusion.main_memory import trim
from loratui.diffusion.text import encode_captions
from loratui.diffusion.windows import WINDOW_TOKENS
from loratui.errors import TrainingError
from loratui.training.export import DTYPES

# Both sides compute with the very numbers that are in the file, so only the order of fp32 additions separates them:
# relative to the delta, plus what fp32 rounding of the whole output makes of a small delta.
BOUND = 1e-3
_ROUNDING = 1e-5
_PROBE_TIMESTEPS = (100, 600)
_PROBE_LATENT_SIZE = 32


@dataclass(frozen=True)
class Verification:
    """Largest relative error of a delta, the bound it was held against, and how many layers diffusers recognised."""

    error: float
    bound: float
    layers: int


@dataclass(frozen=True)
class _Outputs:
    """What comes out of the text encoders together, [1, T, D], and of the UNet."""

    text: torch.Tensor
    unet: torch.Tensor


def verify_file(base: BaseModel, network: LoraNetwork, file: Path, *, precision: str, caption: str) -> Verification:
    """Compare the file's effect in diffusers with the live network's; the network is detached, the base bare after.

    Args:
        base: With `network` attached.
        file: The LoRA file just written.
        precision: The file's: "fp16", "bf16" or "fp32".
        caption: Prompt of the probe, one of the dataset's.

    Raises:
        TrainingError: The deltas differ by more than the bound, a key found no layer, or the LoRA changes nothing.
    """
    trains_text = any(target.component != "unet" for target in network.targets)
    # A text that every side reads alike is read once, by encoders that need not be there afterwards.
    told = None if trains_text else _read(base, caption)
    trim()
    with _in_fp32(base, network), torch.no_grad():
        with network.computing_as_written(DTYPES[precision], base.device):
            live = _outputs(base, _read(base, caption) if told is None else told)
            network.set_strength(torch.tensor(0.0))
            bare = _outputs(base, _read(base, caption) if told is None else told)
            network.set_strength(None)
        network.detach()
        with _loaded_by_diffusers(base, network, file):
            loaded = _outputs(base, _read(base, caption) if told is None else told)
    checks = [_compare(live.unet, loaded.unet, bare.unet, "UNet", file)]
    if trains_text:
        checks.append(_compare(live.text, loaded.text, bare.text, "text encoder", file))
    error, bound = max(checks, key=lambda check: check[0] / check[1])
    result = Verification(error, bound, len(network.targets))
    if not result.error <= result.bound:
        raise TrainingError(
            f"{file} does not do in diffusers what was trained: its effect differs by {result.error:.2%} "
            f"(allowed: {result.bound:.2%}). The file was kept.",
            "Set output.precision to fp32 and run again; if it stays so, please report it with worker.log.",
        )
    return result


@torch.no_grad()
def _read(base: BaseModel, caption: str) -> Conditioning:
    edge = _probe_size(base) * base.vae_scale_factor
    told = encode_captions(base, [caption], max_token_length=WINDOW_TOKENS)
    return told.with_sizes([PictureSizes.whole(edge, edge)])


def _outputs(base: BaseModel, told: Conditioning) -> _Outputs:
    size = _probe_size(base)
    shape = (len(_PROBE_TIMESTEPS), base.unet.config.in_channels, size, size)
    noise = draws.normal(shape, 0, "verification").to(base.device)
    timesteps = torch.tensor(_PROBE_TIMESTEPS, device=base.device)
    parts = [told.states.flatten(), *([] if told.pooled is None else [told.pooled.flatten()])]
    return _Outputs(torch.cat(parts), base.predict(noise, timesteps, told.expand(shape[0])))


def _probe_size(base: BaseModel) -> int:
    return min(int(base.unet.config.sample_size), _PROBE_LATENT_SIZE)


@contextmanager
def _loaded_by_diffusers(base: BaseModel, network: LoraNetwork, file: Path) -> Iterator[None]:
    """Have diffusers put the file on the bare base.

    Raises:
        TrainingError: It does not find the layers that were trained.
    """
    pipeline = _pipeline(base)
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="verified")
    try:
        for component, model in base.components.items():
            wanted = {target.path for target in network.targets if target.component == component}
            found = {path for path, module in model.named_modules() if getattr(module, "lora_A", None)}
            if wanted != found:
                example = sorted(wanted ^ found)[0]
                raise TrainingError(
                    f"diffusers does not match {file} with the model's layers: {len(wanted ^ found)} differ, "
                    f"first {example}. The file was kept.",
                    "Please report it with worker.log.",
                )
        yield
    finally:
        pipeline.unload_lora_weights()


def _pipeline(base: BaseModel) -> Any:
    # Pipelines bring much with them that no step needs: they are imported when the training is over.
    from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline

    parts = {"vae": base.vae, "unet": base.unet, "scheduler": DDIMScheduler()}
    for text in base.texts:
        parts[text.component] = text.model
        parts[text.component.replace("text_encoder", "tokenizer")] = text.tokenizer
    if base.family == "sdxl":
        return StableDiffusionXLPipeline(**parts, add_watermarker=False)
    return StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def _compare(
    live: torch.Tensor, loaded: torch.Tensor, bare: torch.Tensor, part: str, file: Path
) -> tuple[float, float]:
    """Return the error of the delta relative to its size, and the bound for a delta of that size."""
    delta = float(torch.linalg.vector_norm(live - bare))
    if delta == 0:
        raise TrainingError(
            f"The LoRA in {file} changes nothing in the {part}: nothing was learnt. The file was kept.",
            "Train for more steps or with a higher learning rate.",
        )
    error = float(torch.linalg.vector_norm(loaded - live))
    return error / delta, BOUND + _ROUNDING * float(torch.linalg.vector_norm(live)) / delta


@contextmanager
def _in_fp32(base: BaseModel, network: LoraNetwork) -> Iterator[None]:
    """Have UNet and text encoders that learnt compute in fp32, with room for these and the LoRA's layers in it.

    The UNet's other layers are widened one at a time, while they compute; peft gives its factors the precision of the
    layer, and diffusers all of a text encoder that of its first. Narrowing a widened number gives the same number.
    Where a GPU lacks even that room, the CPU computes.
    """
    dtype, device = base.dtype, base.device
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    learnt = {target.component for target in network.targets}
    targets = [target for target in network.targets if target.component == "unet"]
    wide = [text.model for text in base.texts if text.component in learnt]
    wide += [base.unet.get_submodule(f"{one.path}.base") for one in targets]
    others = [
        module
        for module in base.unet.modules()
        if module not in wide and any(True for _ in module.parameters(recurse=False))
    ]
    hooks = [layer.register_forward_pre_hook(lambda layer, _: _cast(layer, torch.float32)) for layer in others]
    hooks += [layer.register_forward_hook(lambda layer, *_: _cast(layer, dtype)) for layer in others]
    try:
        # On Ampere and later cards fp32 would otherwise be rounded to 10 bits of mantissa on the way.
        torch.backends.cudnn.allow_tf32 = False
        torch.set_float32_matmul_precision("highest")
        if not _fit_in_fp32(wide, device):
            base.move(torch.device("cpu"))
        base.dtype = torch.float32
        for layer in wide:
            _cast(layer, torch.float32)
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = convolutions
        torch.set_float32_matmul_precision(products)
        base.dtype = dtype
        for hook in hooks:
            hook.remove()
        for layer in wide:
            _cast(layer, dtype)
        base.move(device)


def _fit_in_fp32(wide: Sequence[torch.nn.Module], device: torch.device) -> bool:
    """Say whether a GPU has room for these in fp32, and a gigabyte for the probe."""
    if device.type != "cuda":
        return True
    torch.cuda.empty_cache()
    parameters = [parameter for layer in wide for parameter in layer.parameters()]
    more = sum(p.numel() * (4 - (p.element_size() if p.device.type == "cuda" else 0)) for p in parameters)
    return torch.cuda.mem_get_info(device)[0] > more + 2**30


def _cast(layer: torch.nn.Module, dtype: torch.dtype) -> None:
    layer.to(dtype)
