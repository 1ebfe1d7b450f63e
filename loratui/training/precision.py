"""Device and precision of a training, and loss scaling for fp16.

Precision is decided by compute capability: `torch.cuda.is_bf16_supported()` says yes on cards that only emulate it.
"""

import torch

from loratui.environment.cpu import has_bf16_units
from loratui.errors import TrainingError
from loratui.profile.schema import Accelerate

_DTYPES = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_BF16_CAPABILITY = (8, 0)


def choose_device(wanted: str) -> torch.device:
    """Return the device for `accelerate.device`: "auto", "cpu" or "cuda".

    Raises:
        TrainingError: A GPU was asked for and torch sees none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            'The profile asks for a GPU (accelerate.device = "cuda"), but torch sees none.',
            'Check the driver with nvidia-smi, or set accelerate.device to "auto".',
        )
    use_gpu = wanted != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if use_gpu else "cpu")


def choose_dtype(settings: Accelerate, device: torch.device) -> torch.dtype:
    """Return the base's precision: as asked, or the one that the device computes fastest in.

    bf16 from compute capability 8.0 and on CPUs with bf16 units, fp16 on older GPUs, fp32 on other CPUs.
    """
    if settings.mixed_precision != "auto":
        return _DTYPES[settings.mixed_precision]
    if device.type != "cuda":
        return torch.bfloat16 if has_bf16_units() else torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= _BF16_CAPABILITY else torch.float16


class LossScale:
    """Keeps fp16 gradients above zero: the loss is multiplied by a scale that halves at overflow and grows when calm.

    In fp32 and bf16 the scale stays 1.

    Source: Micikevicius et al., Mixed Precision Training (2018); constants as in torch.amp.GradScaler.
    """

    GROWTH_INTERVAL = 2000

    def __init__(self, dtype: torch.dtype) -> None:
        self.enabled = dtype == torch.float16
        self.scale = 65536.0 if self.enabled else 1.0
        self._calm_steps = 0

    def state(self) -> dict[str, float]:
        """Return what `restore` needs."""
        return {"scale": self.scale, "calm_steps": self._calm_steps}

    def restore(self, state: dict[str, float]) -> None:
        """Go to a state that `state` returned."""
        self.scale, self._calm_steps = float(state["scale"]), int(state["calm_steps"])

    def update(self, *, overflow: bool) -> None:
        """Adjust the scale after an update that was taken, or skipped for overflow."""
        if not self.enabled:
            return
        if overflow:
            self.scale, self._calm_steps = max(self.scale / 2, 1.0), 0
            return
        self._calm_steps += 1
        if self._calm_steps == self.GROWTH_INTERVAL:
            self.scale, self._calm_steps = self.scale * 2, 0
