"""The LoRA files of a training: which are written when, what they say of themselves, which are kept."""

import time
from pathlib import Path

from loratui.errors import TrainingError
from loratui.lora_file.naming import epoch_filename, last_filename, step_filename
from loratui.training.export import WrittenLora, write_lora
from loratui.training.provenance import Provenance
from loratui.training.workbench import Events, Workbench


class LoraFiles:
    """Writes the files of one training into its output directory."""

    def __init__(self, bench: Workbench, events: Events, started: float) -> None:
        self._bench = bench
        self._events = events
        self._provenance = Provenance(bench.profile, bench.manifest, bench.base, started, bench.length)
        self.of_epochs: dict[int, Path] = {}

    def write_last(self, step: int) -> Path:
        """Write the finished file and count it as the last epoch's."""
        epoch = self._bench.length.epochs
        path = self._write(last_filename(self._bench.profile.output.name), epoch, step).path
        self.of_epochs[epoch] = path
        return path

    def write_epoch(self, epoch: int, step: int) -> None:
        """Write the file of an epoch and remove those beyond `training.keep_last`."""
        self.of_epochs[epoch] = self._write(epoch_filename(self._bench.profile.output.name, epoch), epoch, step).path
        keep_last = self._bench.profile.training.keep_last
        while keep_last and len(self.of_epochs) > keep_last:
            self.of_epochs.pop(min(self.of_epochs)).unlink(missing_ok=True)

    def write_partial(self, epoch: int, step: int) -> Path:
        """Write the LoRA as it is in the middle of the training, marked so in its metadata."""
        comment = f"partial: step {step} of {self._bench.length.steps}"
        name = step_filename(self._bench.profile.output.name, step)
        return self._write(name, epoch, step, {"ss_training_comment": comment}).path

    def _write(self, filename: str, epoch: int, step: int, remarks: dict[str, str] | None = None) -> WrittenLora:
        output = self._bench.profile.output
        began = time.monotonic()
        written = write_lora(
            Path(output.directory) / filename,
            self._bench.network.state_dict(),
            {**self._provenance.metadata(epoch, step), **(remarks or {})},
            output.precision,
        )
        self._events.write(
            "saved",
            file=written.path,
            epoch=epoch,
            step=step,
            bytes=written.bytes,
            model_hash=written.model_hash,
            partial=remarks is not None,
            seconds=time.monotonic() - began,
        )
        return written


def probe_caption(bench: Workbench) -> str:
    """Return a caption of the training pictures, for the verification's probe."""
    caption = next((image.caption for image in bench.manifest.images if not image.regularisation), None)
    if caption is None:
        raise TrainingError("There is no picture to train on.", "Put pictures into dataset.path.")
    return caption
