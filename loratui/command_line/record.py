"""What has been heard from a worker so far, gathered for the summary. Knows no way of showing it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loratui.runs.events import Event


@dataclass
class Record:
    """The figures of one attempt, taken from its events one by one."""

    first_loss: float | None = None
    last_loss: float | None = None
    step: int = 0
    steps: int = 0
    validation: dict[int, float] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    verified: Event | None = None

    def take(self, event: Event) -> None:
        """Learn from an event; one whose fields are missing or odd is passed over."""
        kind = event["event"]
        if kind == "training":
            self.steps = _whole(event.get("steps"))
        elif kind == "step":
            self.step = _whole(event.get("step"))
            if isinstance(loss := event.get("loss"), int | float):
                self.first_loss = loss if self.first_loss is None else self.first_loss
                self.last_loss = loss
        elif kind == "validation" and isinstance(loss := event.get("loss"), int | float):
            self.validation[_whole(event.get("epoch"))] = loss
        elif kind == "saved" and event.get("file"):
            self.written.append(str(event["file"]))
        elif kind == "installed" and event.get("file"):
            self.installed.append(str(event["file"]))
        elif kind == "warning" and event.get("message"):
            self.warnings.append(str(event["message"]))
        elif kind == "verified":
            self.verified = event

    @property
    def saved(self) -> list[str]:
        """The LoRA files that were written and are still there; `training.keep_last` takes older ones away."""
        return [file for file in self.written if Path(file).is_file()]

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation loss; 0, before training, does not count."""
        epochs = (epoch for epoch in self.validation if epoch > 0)
        return min(epochs, key=lambda epoch: self.validation[epoch], default=None)

    def figures(self, last: Event) -> dict[str, Any]:
        """The JSON answer of a run whose last event is `last`."""
        told = {key: value for key, value in last.items() if key not in ("event", "time", "attempt")}
        return {
            "lora": None,
            "grid": None,
            "steps": self.steps or self.step,
            "seconds": None,
            "first_loss": self.first_loss,
            "last_loss": self.last_loss,
            **told,
            "validation": [{"epoch": epoch, "loss": loss} for epoch, loss in self.validation.items()],
            "best_epoch": self.best_epoch,
            "saved": self.saved,
            "installed": self.installed,
            "warnings": self.warnings,
        }


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
