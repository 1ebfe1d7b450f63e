"""From prompts as the UNet is told them and a seed per row to pictures: the denoising loop over diffusers' schedulers.

Knows nothing of LoRA: a caller that wants a strength per row sets it beforehand, for a UNet batch of 2 · B rows (first
the negative half) when guidance is above 1, of B rows otherwise. `unet_rows` repeats a tensor that way.

Samplers carry AUTOMATIC1111's names and its options, whatever sampler the base's own configuration names: k-diffusion's
spread the timesteps evenly from the last to the first ("linspace"), DDIM takes every (1000 ÷ steps)-th plus one
("leading", offset 1). The noise schedule itself is always the base's. diffusers' `from_config` gives the same for bases
whose configuration leaves the spacing open, as that of SD 1.5 does.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import signature
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    UniPCMultistepScheduler,
)

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import Conditioning, PictureSizes, joined
from loratui.errors import GenerationError

OnStep = Callable[[int, int], None]

_ZERO_SNR = "rescale_betas_zero_snr"
_FROM_BASE = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    _ZERO_SNR,
)
_SMALLEST_SIGNAL = 2.0**-24
_SOLVER = {"solver_order": 2, "algorithm_type": "dpmsolver++", "timestep_spacing": "linspace"}
_STOCHASTIC_SOLVER = {**_SOLVER, "algorithm_type": "sde-dpmsolver++"}
SAMPLERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Euler a": (EulerAncestralDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "Euler": (EulerDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "DPM++ 2M": (DPMSolverMultistepScheduler, _SOLVER),
    "DPM++ 2M Karras": (DPMSolverMultistepScheduler, {**_SOLVER, "use_karras_sigmas": True}),
    "DPM++ 2M SDE": (DPMSolverMultistepScheduler, _STOCHASTIC_SOLVER),
    "DPM++ 2M SDE Karras": (DPMSolverMultistepScheduler, {**_STOCHASTIC_SOLVER, "use_karras_sigmas": True}),
    "Heun": (HeunDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "DPM2": (KDPM2DiscreteScheduler, {"timestep_spacing": "linspace"}),
    "DPM2 Karras": (KDPM2DiscreteScheduler, {"timestep_spacing": "linspace", "use_karras_sigmas": True}),
    "DPM2 a": (KDPM2AncestralDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "DDIM": (
        DDIMScheduler,
        {"timestep_spacing": "leading", "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False},
    ),
    # A1111's settings for UniPC: variant bh1, order 3, down to the lowest noise level rather than to none.
    "UniPC": (
        UniPCMultistepScheduler,
        {"timestep_spacing": "linspace", "solver_order": 3, "solver_type": "bh1", "final_sigmas_type": "sigma_min"},
    ),
}
# Those that add fresh noise at every step. A1111 draws that of the SDE kind on the card, so its pictures differ.
_ANCESTRAL = ("Euler a", "DPM2 a", "DPM++ 2M SDE", "DPM++ 2M SDE Karras")


def make_scheduler(sampler: str, base: BaseModel) -> Any:
    """Return a fresh diffusers scheduler for an A1111 sampler name, with the base's noise schedule.

    Raises:
        GenerationError: there is no sampler of that name.
    """
    if sampler not in SAMPLERS:
        raise GenerationError(f"There is no sampler {sampler!r}.", f"Choose one of: {', '.join(SAMPLERS)}.")
    scheduler, options = SAMPLERS[sampler]
    schedule = {key: base.scheduler_config[key] for key in _FROM_BASE if key in base.scheduler_config}
    if not schedule.get(_ZERO_SNR):
        schedule.pop(_ZERO_SNR, None)
    elif _ZERO_SNR not in signature(scheduler.__init__).parameters:
        schedule = {"trained_betas": _betas_down_to_almost_no_signal(base)}
    return scheduler(**schedule, prediction_type=base.prediction_type, **options)


def _betas_down_to_almost_no_signal(base: BaseModel) -> list[float]:
    """The betas of a schedule with zero terminal SNR, its end raised so far that a noise level can be counted from it.

    What diffusers' Euler does of itself, for its Heun and DPM2, which know no such schedules.
    """
    signal = base.schedule.alphas_cumprod.double().cpu().clamp(min=_SMALLEST_SIGNAL)
    before = torch.cat([torch.ones(1, dtype=torch.float64), signal[:-1]])
    return (1 - signal / before).tolist()


def unet_rows(per_row: torch.Tensor, guidance: float) -> torch.Tensor:
    """Repeat a tensor [B, …] for the UNet's batch: [2 · B, …] with guidance, itself without."""
    return torch.cat([per_row, per_row]) if guidance > 1 else per_row


@torch.no_grad()
def sample(
    base: BaseModel,
    cond: Conditioning,
    uncond: Conditioning | None,
    *,
    seeds: Sequence[int],
    width: int,
    height: int,
    steps: int,
    guidance: float,
    sampler: str = "Euler a",
    on_step: OnStep | None = None,
) -> torch.Tensor:
    """Draw one picture per row, all in one batch.

    A row's noise, at the start and at every step, comes from its own CPU generator: it depends neither on the rows
    beside it nor on the card, and is that of a plain diffusers pipeline given `torch.Generator().manual_seed(seed)`.
    Between the steps everything is fp32; only the UNet sees the base's precision.

    Args:
        cond: The prompts, a row each.
        uncond: The negative prompts; not used when guidance is 1.
        seeds: One per row.
        width, height: In pixels, multiples of the base's `vae_scale_factor`.
        guidance: Scale of classifier-free guidance (Ho and Salimans, 2022); at 1 the UNet runs on the prompt alone.
        on_step: Called with (steps done, steps).

    Returns:
        Pictures, uint8 [B, height, width, 3] on the CPU.

    Raises:
        GenerationError: size or sampler cannot be used, or the base gave no numbers in its precision.
    """
    base.lay_out()
    factor = base.vae_scale_factor
    if width < factor or height < factor or width % factor or height % factor:
        raise GenerationError(
            f"{base.name} cannot draw {width} × {height} pixels.", f"Width and height must be multiples of {factor}."
        )
    guided = guidance > 1
    if guided and uncond is None:
        raise ValueError("guidance above 1 needs a negative prompt")
    told = joined([uncond, cond]) if uncond is not None and guided else cond
    told = told.with_sizes([PictureSizes.whole(width, height)] * len(told)).to(base.device, base.dtype)
    scheduler = make_scheduler(sampler, base)
    if not 1 <= steps < scheduler.config.num_train_timesteps:
        raise GenerationError(
            f"{steps} sampling steps cannot be taken.",
            f"Choose 1 to {scheduler.config.num_train_timesteps - 1}; 20 to 30 are usual.",
        )
    scheduler.set_timesteps(steps, device=base.device)
    shape = (1, int(base.unet.config.in_channels), height // factor, width // factor)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators])
    latents = noise.to(base.device) * scheduler.init_noise_sigma
    noise_source = {"generator": generators} if sampler in _ANCESTRAL else {}
    for index, timestep in enumerate(scheduler.timesteps):
        model_input = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, timestep)
        prediction = base.predict(model_input, timestep, told)
        if guided:
            without, with_prompt = prediction.chunk(2)
            prediction = without + guidance * (with_prompt - without)
        latents = scheduler.step(prediction, timestep, latents, **noise_source).prev_sample
        if on_step is not None:
            on_step(index + 1, len(scheduler.timesteps))
    if not torch.isfinite(latents).all():
        raise GenerationError(
            f"{base.name} gave no usable numbers in {str(base.dtype).removeprefix('torch.')}.",
            "Set accelerate.mixed_precision to no, or lower the LoRA's strength.",
        )
    return decode(base, latents)


@torch.no_grad()
def decode(base: BaseModel, latents: torch.Tensor) -> torch.Tensor:
    """Turn latents [B, C, h, w] into pictures, uint8 [B, H, W, 3] on the CPU, one at a time to bound memory."""
    vae = base.vae_at_work()
    latents = latents.to(dtype=vae.dtype) / vae.config.scaling_factor
    decoded = [_decode_one(vae, latents[row : row + 1]).float().cpu() for row in range(latents.shape[0])]
    pictures = (torch.cat(decoded) / 2 + 0.5).clamp(0, 1)
    return (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _decode_one(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Decode one picture, in tiles where a GPU's memory does not hold it at once: 1024² in fp32 takes gigabytes."""
    with suppress(torch.OutOfMemoryError):
        return vae.decode(latents).sample
    # Only here: while the exception is handled, it keeps the tensors of the attempt that failed.
    torch.cuda.empty_cache()
    vae.enable_tiling()
    try:
        return vae.decode(latents).sample
    finally:
        vae.disable_tiling()
