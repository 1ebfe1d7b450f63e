from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.schedule import NoiseSchedule
from loratui.diffusion.text import encode_prompts
from loratui.errors import GenerationError
from loratui.generation.sampler import SAMPLERS, make_scheduler, sample, unet_rows
from loratui.profile.fields import SamplerName


def told(base: BaseModel, *prompts: str) -> Conditioning:
    with torch.no_grad():
        return encode_prompts(base, prompts)


def draw(base: BaseModel, seeds: list[int], **options: object) -> torch.Tensor:
    wanted = {"width": 16, "height": 16, "steps": 4, "guidance": 7.0, "sampler": "Euler a", **options}
    cond = told(base, *["a girl"] * len(seeds))
    return sample(base, cond, told(base, *["bad"] * len(seeds)), seeds=seeds, **wanted)  # type: ignore[arg-type]


def plain_pipeline(base: BaseModel, scheduler: object, *, steps: int, guidance: float, seed: int) -> np.ndarray:
    pipeline = StableDiffusionPipeline(
        vae=base.vae,
        text_encoder=base.text_encoder,
        tokenizer=base.tokenizer,
        unet=base.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pictures = pipeline(
        prompt_embeds=told(base, "a girl").states,
        negative_prompt_embeds=told(base, "bad").states,
        generator=torch.Generator().manual_seed(seed),
        width=16,
        height=16,
        num_inference_steps=steps,
        guidance_scale=guidance,
        output_type="np",
    ).images
    return pictures[0] * 255


@pytest.mark.parametrize("guidance", [7.0, 1.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_plain_diffusers_pipeline_draws_the_same(base: BaseModel, sampler: str, guidance: float) -> None:
    ours = draw(base, [7], sampler=sampler, guidance=guidance).numpy()[0].astype(float)
    theirs = plain_pipeline(base, make_scheduler(sampler, base), steps=4, guidance=guidance, seed=7)
    # Ours is rounded to whole numbers.
    assert np.abs(ours - theirs).max() <= 0.5 + 1e-2
    assert ours.std() > 5


def test_euler_a_is_what_from_config_makes_of_sd15s_own_configuration(base: BaseModel) -> None:
    # The scheduler_config.json of stable-diffusion-v1-5.
    pndm = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )
    plain = EulerAncestralDiscreteScheduler.from_config(pndm.config)
    ours = draw(base, [3], steps=5).numpy()[0].astype(float)
    assert np.abs(ours - plain_pipeline(base, plain, steps=5, guidance=7.0, seed=3)).max() <= 0.5 + 1e-2


def test_the_base_decides_what_the_unet_predicts(base: BaseModel) -> None:
    for sampler in SAMPLERS:
        config = make_scheduler(sampler, base).config
        assert config.prediction_type == base.prediction_type
        assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.00085, 0.012, "scaled_linear")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_schedule_that_ends_in_pure_noise_is_drawn_by_every_sampler(base: BaseModel, sampler: str) -> None:
    config = {**base.scheduler_config, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    ending = replace(base, scheduler_config=config, schedule=NoiseSchedule.from_config(config))
    assert draw(ending, [7], sampler=sampler).float().std() > 5
    scheduler = make_scheduler(sampler, ending)
    scheduler.set_timesteps(4)
    # √((1 − ᾱ) ÷ ᾱ) for ᾱ = 2⁻²⁴, or no signal at all.
    assert float(scheduler.alphas_cumprod[-1]) == pytest.approx(2**-24, rel=0.02, abs=1e-12) or sampler == "DDIM"


def test_the_profile_knows_the_same_samplers() -> None:
    assert set(get_args(SamplerName)) == set(SAMPLERS)


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M Karras"])
def test_a_seed_means_the_same_picture_in_any_batch(base: BaseModel, sampler: str) -> None:
    batch = draw(base, [7, 8, 7], sampler=sampler).int()
    alone = draw(base, [7], sampler=sampler).int()
    assert torch.equal(batch[0], batch[2])
    assert (batch[0] - alone[0]).abs().max() <= 1
    assert (batch[0] - batch[1]).abs().max() > 10


def test_drawing_twice_gives_the_same_bytes(base: BaseModel) -> None:
    assert torch.equal(draw(base, [7, 8]), draw(base, [7, 8]))


def test_pictures_have_the_asked_for_size_and_steps_are_told(base: BaseModel) -> None:
    told: list[tuple[int, int]] = []
    pictures = draw(base, [1, 2], width=32, height=16, on_step=lambda done, of: told.append((done, of)))
    assert pictures.shape == (2, 16, 32, 3)
    assert pictures.dtype == torch.uint8
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_without_guidance_no_negative_prompt_is_needed(base: BaseModel) -> None:
    cond = told(base, "a girl")
    picture = sample(base, cond, None, seeds=[7], width=16, height=16, steps=4, guidance=1.0)
    assert torch.equal(picture, draw(base, [7], guidance=1.0))


def test_strengths_are_repeated_for_both_halves_of_guidance() -> None:
    strengths = torch.tensor([0.0, 0.8])
    assert unet_rows(strengths, 7.0).tolist() == pytest.approx([0.0, 0.8, 0.0, 0.8])
    assert unet_rows(strengths, 1.0) is strengths


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"width": 17}, "cannot draw 17 × 16"),
        ({"height": 0}, "cannot draw 16 × 0"),
        ({"sampler": "LMS"}, "no sampler 'LMS'"),
        ({"steps": 0}, "0 sampling steps"),
        ({"steps": 1000}, "1000 sampling steps"),
    ],
)
def test_what_cannot_be_drawn_is_said(base: BaseModel, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(GenerationError, match=complaint):
        draw(base, [7], **options)
