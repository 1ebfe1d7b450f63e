"""What a LoRA file says of the training it came from, gathered for `lora_file.metadata`."""

import time
from functools import cached_property

import torch

from loratui.dataset.manifest import Manifest
from loratui.diffusion.base_model import BaseModel
from loratui.lora_file.header import file_legacy_hash
from loratui.lora_file.metadata import BaseFacts, Progress, training_metadata
from loratui.profile.schema import Profile
from loratui.training.workbench import RunLength

_PRECISIONS = {torch.float32: "no", torch.float16: "fp16", torch.bfloat16: "bf16"}


class Provenance:
    """The facts of one training that stay the same, to be completed per file."""

    def __init__(
        self, profile: Profile, manifest: Manifest, base: BaseModel, started: float, length: RunLength
    ) -> None:
        self._profile = profile
        self._manifest = manifest
        self._started = started
        self._length = length
        self._precision = _PRECISIONS[base.dtype]
        self._model = base

    @cached_property
    def _base(self) -> BaseFacts:
        base = self._model
        return BaseFacts(
            name=self._profile.model.base,
            family=base.family,
            prediction=base.prediction_type,
            zero_terminal_snr=bool(base.scheduler_config.get("rescale_betas_zero_snr")),
            sha256=base.sha256,
            legacy_hash=file_legacy_hash(base.source) if base.source.is_file() else None,
            vae=self._profile.model.vae,
        )

    def metadata(self, epoch: int, step: int) -> dict[str, str]:
        """Return the metadata of the file written after `epoch` and `step`."""
        progress = Progress(
            output_name=self._profile.output.name,
            session=int(self._started),
            started=self._started,
            finished=time.time(),
            epoch=epoch,
            steps=step,
            epochs=self._length.epochs,
            max_steps=self._length.steps,
            warmup_steps=round(self._profile.training.warmup * self._length.steps),
            precision=self._precision,
        )
        return training_metadata(self._profile, self._manifest, self._base, progress)
