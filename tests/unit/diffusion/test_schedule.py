"""The noise schedule against diffusers and against the formulas."""

import pytest
import torch
from diffusers import DDPMScheduler

from loratui.diffusion.schedule import NoiseSchedule

SD = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_noise_and_target_are_those_of_diffusers(prediction: str) -> None:
    config = {**SD, "prediction_type": prediction}
    schedule, reference = NoiseSchedule.from_config(config), DDPMScheduler(**config)
    latents, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([0, 500, 999])
    noisy = reference.add_noise(latents, noise, timesteps)
    torch.testing.assert_close(schedule.add_noise(latents, noise, timesteps), noisy)
    expected = noise if prediction == "epsilon" else reference.get_velocity(latents, noise, timesteps)
    torch.testing.assert_close(schedule.target(latents, noise, timesteps), expected)


def test_min_snr_weights_by_hand() -> None:
    schedule = NoiseSchedule(torch.tensor([0.9, 0.5, 0.1]), "epsilon")  # SNR 9, 1, 1/9
    torch.testing.assert_close(schedule.min_snr_weight(torch.tensor([0, 1, 2]), 5.0), torch.tensor([5 / 9, 1.0, 1.0]))
    velocity = NoiseSchedule(schedule.alphas_cumprod, "v_prediction")
    by_hand = torch.tensor([5 / 10, 1 / 2, (1 / 9) / (10 / 9)])
    torch.testing.assert_close(velocity.min_snr_weight(torch.tensor([0, 1, 2]), 5.0), by_hand)
    assert schedule.min_snr_weight(torch.tensor([0, 1, 2]), 0).tolist() == [1.0, 1.0, 1.0]


def test_zero_terminal_snr_has_finite_weights() -> None:
    schedule = NoiseSchedule.from_config({**SD, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True})
    assert float(schedule.alphas_cumprod[-1]) == pytest.approx(0.0, abs=1e-6)
    assert torch.isfinite(schedule.min_snr_weight(torch.arange(1000), 5.0)).all()


def test_a_scheduler_that_predicts_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="sample"):
        NoiseSchedule.from_config({**SD, "prediction_type": "sample"})
