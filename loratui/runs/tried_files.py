"""What there is to try of a run, and what is drawn of it already: its LoRA files and its own comparison's cells."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from loratui.profile.schema import Comparison
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.finding import made_from
from loratui.runs.history import History, fold
from loratui.runs.trying import LAST, Wish


@dataclass(frozen=True)
class TriedFile:
    """A file of the run that can be tried: "last" is the finished one."""

    label: str
    path: Path
    epoch: int
    validation: float | None = None
    is_best: bool = False


def files_to_try(run: RunDirectory) -> tuple[TriedFile, ...]:
    """The LoRA files of a run that are there, the finished one first, then the epochs, the newest first."""
    landmarks = read_landmarks(run.events_path)
    history = fold(landmarks)
    files: dict[int, Path] = {}
    finished: Path | None = None
    for event in landmarks:
        if event["event"] == "saved" and not event.get("partial"):
            files[int(event.get("epoch") or 0)] = Path(str(event.get("file")))
        elif event["event"] == "trained":
            finished = Path(str(event.get("lora")))
    there = {epoch: path for epoch, path in files.items() if path.is_file()}
    best = _best(history, there)
    found = [
        TriedFile(_label(epoch, path, finished), path, epoch, history.validation.get(epoch), epoch == best)
        for epoch, path in sorted(there.items(), reverse=True)
    ]
    return tuple(sorted(found, key=lambda file: file.label != LAST))


def run_to_try(shown: RunDirectory | None, profile: str, root: Path) -> RunDirectory | None:
    """The run whose strengths are tried where `shown` is looked at: the same, unless it has no file to try.

    Then it is the newest of the profile that has one; where none has, `shown`.

    Args:
        profile: The open profile; "" where none is.
        root: Directory of runs.
    """
    if shown is not None and files_to_try(shown):
        return shown
    others = made_from(profile, root) if profile else iter(())
    return next((run for run in others if run != shown and files_to_try(run)), shown)


def _label(epoch: int, path: Path, finished: Path | None) -> str:
    return LAST if path == finished else f"epoch {epoch}"


def _best(history: History, files: dict[int, Path]) -> int | None:
    known = [epoch for epoch in files if epoch in history.validation]
    return min(known, key=lambda epoch: history.validation[epoch], default=None)


def compared_cells(run: RunDirectory) -> dict[tuple[Wish, float], Path]:
    """The cells of the run's own comparison, drawn before anybody tried anything; none where it was not drawn."""
    cells: dict[tuple[Wish, float], Path] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        told = json.loads((run.comparison / "comparison.json").read_text(encoding="utf-8"))
        names = ["", *told["settings"]["other_bases"]]
        bases = {base["name"]: names[place] for place, base in enumerate(told["bases"])}
        # Fields of another version of loratui are left out rather than refused.
        known = {name: value for name, value in told["settings"].items() if name in Comparison.model_fields}
        settings = run.read_profile().comparison.model_copy(update=known)
        for cell in told["cells"]:
            row = told["rows"][cell["row"]]
            wish = Wish.of(
                settings,
                (settings.width, settings.height),
                prompt=row["prompt"],
                seed=row["seed"],
                label=row["label"],
                base=bases[row["base"]],
            )
            cells[wish, float(cell["strength"])] = run.comparison / cell["file"]
    return cells
