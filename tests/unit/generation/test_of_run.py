import copy
from collections.abc import Callable
from pathlib import Path

import torch

from loratui.dataset.manifest import Manifest
from loratui.diffusion.base_model import BaseModel
from loratui.generation.of_run import compare_run
from loratui.lora_file.naming import next_free
from loratui.profile.schema import Profile
from loratui.runs.directory import create_run
from loratui.runs.events import EventWriter

EMPTY = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)


def test_a_grid_drawn_again_counts_up_unless_it_may_replace(
    base: BaseModel, write_lora: Callable[..., Path], tmp_path: Path
) -> None:
    profile = Profile()
    profile.output.name, profile.output.directory = "emi", str(tmp_path / "output")
    comparison = profile.comparison
    comparison.prompts, comparison.strengths, comparison.steps = ["Emi"], [0.0], 1
    comparison.width = comparison.height = 64
    run = create_run(profile, EMPTY, tmp_path / "runs")
    lora = write_lora(tmp_path / "emi.safetensors")
    attempts = iter(range(1, 9))

    def draw(task: str) -> str:
        with EventWriter(run.events_path, next(attempts)) as events:
            events.write("started", task=task)
        grid, _ = compare_run(
            run,
            profile,
            EMPTY,
            lambda: copy.deepcopy(base),
            {},
            lora,
            device=torch.device("cpu"),
            dtype=torch.float32,
            on_cell=lambda cell: None,
            on_progress=lambda done, of: None,
        )
        return grid.name

    tasks = ("train", "compare", "compare", "train")
    assert [draw(task) for task in tasks] == ["emi-grid.png", "emi-grid-v2.png", "emi-grid-v3.png", "emi-grid.png"]
    run.replaces_grid_path.touch()
    assert draw("compare") == "emi-grid.png"
    (tmp_path / "output" / "emi-grid.png").unlink()
    assert next_free(tmp_path / "output", "emi") == "emi-v2"
