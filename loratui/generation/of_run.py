"""The comparison that belongs to a run: which files, bases and prompts it shows, and where the grid goes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from loratui.dataset.manifest import Manifest
from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.loading import load_base
from loratui.errors import GenerationError
from loratui.generation.check import check_kinds, on_base, prompts_from_captions
from loratui.generation.comparison_files import Cell, ComparisonResult
from loratui.generation.publish import publish
from loratui.generation.strength_grid import LoraEpoch, draw_comparison
from loratui.lora_file.naming import versions
from loratui.profile.schema import Profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.history import fold


def compare_run(
    run: RunDirectory,
    profile: Profile,
    manifest: Manifest,
    load_own_base: Callable[[], BaseModel],
    epoch_files: dict[int, Path],
    lora: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    on_cell: Callable[[Cell], None],
    on_progress: Callable[[int, int], None],
) -> tuple[Path, ComparisonResult]:
    """Draw the run's comparison and put its grid beside the LoRA.

    A grid drawn again counts up beside the one that is there, unless the person asked for it to be replaced.

    Args:
        load_own_base: Gives the base that was trained on, bare.
        epoch_files: The kept file of each saved epoch, for `comparison.epochs`.
        lora: The finished file.
        device, dtype: For the further bases.

    Returns:
        The grid beside the LoRA, and what was drawn inside the run directory.

    Raises:
        GenerationError: An epoch is asked for that was not saved, or the drawing cannot be made.
        LoraFileError, BaseModelError: A LoRA or a base cannot be used, or they do not belong together.
    """
    settings = profile.comparison
    missing = [epoch for epoch in settings.epochs if epoch not in epoch_files]
    if missing:
        there = ", ".join(map(str, sorted(epoch_files))) or "none"
        raise GenerationError(
            f"comparison.epochs asks for epoch {missing[0]}, which was not saved (saved: {there}).",
            "Choose among the saved ones, or train with a smaller training.save_every.",
        )
    files = [LoraEpoch(epoch_files[epoch], f"epoch {epoch}") for epoch in settings.epochs if epoch_files[epoch] != lora]
    check_kinds(profile.model, settings, [*(file.path for file in files), lora])
    others = [
        lambda name=name: load_base(on_base(profile.model, name), device=device, dtype=dtype)
        for name in settings.other_bases
    ]
    result = draw_comparison(
        [load_own_base, *others],
        settings,
        [*files, LoraEpoch(lora)],
        run.comparison,
        size=(profile.dataset.resolution, profile.dataset.resolution),
        prompts=prompts_from_captions(manifest),
        on_cell=on_cell,
        on_progress=on_progress,
    )
    directory = Path(profile.output.directory)
    redrawn = fold(read_landmarks(run.events_path)).task == "compare"
    if redrawn and not run.replaces_grid_path.exists():
        grid = put_beside(result.grid, directory, lora.stem)
    else:
        grid = directory / f"{lora.stem}-grid.png"
        _copy(result.grid, grid)
    return grid, result


def put_beside(grid: Path, directory: Path, stem: str) -> Path:
    """Copy a grid to where the LoRA `stem` lies, counting up beside those that are there; returns the copy."""
    candidates = (directory / f"{version}.png" for version in versions(f"{stem}-grid"))
    place = next(path for path in candidates if not path.exists())
    _copy(grid, place)
    return place


def _copy(grid: Path, place: Path) -> None:
    with open(grid, "rb") as source:
        publish(place, lambda target: shutil.copyfileobj(source, target))
