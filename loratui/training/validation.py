"""The validation loss: fixed pictures, noise and timesteps, so that epochs can be compared."""

import torch

from loratui.runs.measured import VALIDATION_IMAGES as IMAGES
from loratui.runs.measured import VALIDATION_TIMESTEPS as TIMESTEPS
from loratui.training.objective import weighted_errors
from loratui.training.workbench import Workbench


def validation_captions(bench: Workbench) -> list[str]:
    """Return the captions that must be prepared before `validation_loss`."""
    return bench.batches.validation_captions(IMAGES)


@torch.no_grad()
def validation_loss(bench: Workbench) -> float:
    """Return the mean weighted error over the fixed probe, with the LoRA as it is now."""
    bench.captions.prepare(validation_captions(bench))
    schedule = bench.base.schedule.to(bench.base.device)
    losses = [
        weighted_errors(bench.base, schedule, batch).mean() for batch in bench.batches.validation(TIMESTEPS, IMAGES)
    ]
    return float(torch.stack(losses).mean())
