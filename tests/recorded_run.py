"""Run directories whose events were written at known times, as a worker would have written them."""

import json
import math
from pathlib import Path
from typing import Any

from loratui.runs.directory import RunDirectory
from tests.small_dataset import new_run, small_profile, write_pictures

PROMPT = "Emi, reading in a café, smiling"
_GIB = 1 << 30
# More than Linux gives out.
_NOBODY = (1 << 22) + 1


class Recording:
    """Writes the events of one attempt, `pace` steps a second, so that the latest is at `now`."""

    def __init__(self, run: RunDirectory, *, steps: int = 360, epochs: int = 10, pace: float = 1.9, attempt: int = 1):
        self.run = run
        self.steps, self.epochs, self.pace, self.attempt = steps, epochs, pace, attempt
        self._lines: list[dict[str, Any]] = []
        self._at = 0.0

    def event(self, kind: str, later: float = 0.0, /, **fields: Any) -> None:
        """An event `later` seconds after the one before it."""
        self._at += later
        self._lines.append({"event": kind, "time": self._at, "attempt": self.attempt, **fields})

    def begin(self, *, device: str = "cuda:0") -> None:
        """A worker starts, loads, measures."""
        self.event("started", task="train", pid=_NOBODY)
        self.event("base", 6.0, name="sd15", family="SD 1.x", device=device, precision="float16", processes=1)
        self.event("caching", 2.0, done=14, of=14, what="pictures")
        training = {"steps": self.steps, "epochs": self.epochs, "steps_per_epoch": self.steps // self.epochs}
        self.event("training", 1.0, **training, modules=192, parameters=1_600_000)
        measured = {"peak_memory_bytes": int(5.9 * _GIB), "seconds_per_step": 1 / self.pace, "estimated_seconds": 215.0}
        self.event("preflight", 3.0, **measured, remembered=False)
        self.event("validation", 1.0, epoch=0, step=0, loss=0.2111)

    def train(self, until: int, after: int = 0) -> None:
        """Steps up to `until`, with what the end of each epoch brings."""
        per_epoch = self.steps // self.epochs
        output = Path(self.run.read_profile().output.directory)
        output.mkdir(parents=True, exist_ok=True)
        for step in range(after + 1, until + 1):
            epoch = (step - 1) // per_epoch + 1
            loss = (0.06 + 0.2 * math.exp(-step / self.steps * 5)) * (1 + 0.35 * math.sin(step * 2.3))
            rate = 1e-4 * (1 + math.cos(math.pi * step / self.steps))
            self.event("step", 1 / self.pace, step=step, epoch=epoch, loss=loss, lr=rate, seconds=1 / self.pace)
            if step % per_epoch == 0:
                level = 0.063 + 0.2 * math.exp(-step / self.steps * 5)
                memory = {"peak_memory_bytes": int(5.9 * _GIB), "reserved_memory_bytes": int(5.6 * _GIB)}
                self.event("validation", 0.2, epoch=epoch, step=step, loss=level, **memory)
                if step < self.steps:
                    file = output / f"emi_lora-{epoch:06}.safetensors"
                    file.write_bytes(b"lora")
                    self.event("saved", 0.1, file=str(file), epoch=epoch, step=step, bytes=18_900_000, partial=False)

    def preview(self, step: int) -> Path:
        """A preview that was drawn after `step`."""
        from PIL import Image

        self.run.previews.mkdir(exist_ok=True)
        file = self.run.previews / f"step-{step:08}.png"
        Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(file)
        self.event("preview", 4.0, file=str(file), prompt=PROMPT, step=step)
        return file

    def finish(self, *, grid: bool = True) -> None:
        """The file is written, proved and drawn."""
        output = Path(self.run.read_profile().output.directory)
        lora = output / "emi_lora.safetensors"
        lora.write_bytes(bytes(18_900))
        self.event("saved", 0.2, file=str(lora), epoch=self.epochs, step=self.steps, bytes=18_900, partial=False)
        self.event("verified", 3.0, file=str(lora), error=1e-4, bound=1e-2, layers=192)
        figures = {"lora": str(lora), "steps": self.steps, "first_loss": 0.3, "last_loss": 0.06, "epoch_files": {}}
        self.event("trained", 0.1, **figures)
        drawn = str(output / "emi_lora-grid.png") if grid else None
        self.event("finished", 20.0, seconds=223.0, peak_memory_bytes=3 * _GIB, grid=drawn, **figures)

    def write(self, now: float) -> None:
        """Append everything to the run's events, the latest at `now`."""
        with self.run.events_path.open("a", encoding="utf-8") as file:
            for line in self._lines:
                file.write(json.dumps({**line, "time": now - self._at + line["time"]}) + "\n")
        self._lines.clear()


def recorded_run(folder: Path, home: Path, name: str = "emi") -> RunDirectory:
    """An empty run below `home`, of six pictures in `folder`."""
    profile = small_profile(Path("demo"), write_pictures(folder / "pictures"), folder / "output")
    profile.output.name = name
    return new_run(profile, home / "data" / "runs")
