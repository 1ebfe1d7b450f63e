"""The comparison: the same prompts at rising LoRA strength, one row per prompt, seed, epoch and base.

All strengths of a row are drawn in one batch with the same noise, the strength being a tensor of the LoRA layers. The
column 0.0 means no LoRA at all, companions included; its picture equals, bit for bit, that of the bare base drawn in a
batch of the same shape. (Batches of other shapes differ in the last bits of floating point, LoRA or not.)

Knows nothing of runs and events: it draws into a directory and calls back.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.emphasis import parse_emphasis
from loratui.diffusion.lora_loading import attach_lora
from loratui.errors import BaseModelError, GenerationError, LoraFileError
from loratui.generation.cells import CellDrawing
from loratui.generation.combination import name_lora, read_companions, set_scene
from loratui.generation.comparison_files import CELLS, BaseFacts, Cell, ComparisonResult, Row, publish_comparison
from loratui.generation.grid_picture import check_fits
from loratui.generation.sampler import SAMPLERS, OnStep
from loratui.profile.schema import Comparison
from loratui.safe_text import printable

BaseLoader = Callable[[], BaseModel]


@dataclass(frozen=True)
class LoraEpoch:
    """A LoRA file of the run and its label: "epoch 3", "last"."""

    path: Path
    label: str = "last"


def draw_comparison(
    bases: Sequence[BaseLoader],
    settings: Comparison,
    files: Sequence[LoraEpoch],
    directory: Path,
    *,
    size: tuple[int, int],
    prompts: Sequence[str] = (),
    grid_name: str = "grid.png",
    max_batch: int | None = None,
    on_cell: Callable[[Cell], None] | None = None,
    on_progress: OnStep | None = None,
    drawn: Sequence[Path] = (),
) -> ComparisonResult:
    """Draw every cell, the labelled grid and `comparison.json` into `directory`.

    Cells appear in `directory/cells` as they are done, each whole; grid and JSON appear at the end, and then the cells
    of an earlier comparison go.

    Args:
        bases: Load one base each; called one after the other, so that only one is in memory.
        files: The compared LoRA, one file per epoch.
        size: Width and height in pixels where the settings say 0.
        prompts: Used where the settings name none.
        max_batch: Most pictures drawn at once; default: by their size. Halved when a GPU runs out of memory.
        on_cell: Called with each cell once its file is there.
        on_progress: Called after each step of the sampler with (done, of); an exception it raises ends the drawing.
        drawn: Directories whose cells, drawn by the same device and precision, are taken over.

    Raises:
        GenerationError: prompts, tags, size or sampler cannot be used, or a file could not be written.
        LoraFileError: a LoRA file is damaged or fits no layer of a base.
    """
    drawing = CellDrawing(
        settings=settings,
        size=(settings.width or size[0], settings.height or size[1]),
        directory=directory,
        strengths=sorted({0.0, *(strength + 0.0 for strength in settings.strengths)}),
        max_batch=max_batch,
        on_cell=on_cell,
        on_progress=on_progress,
        drawn=drawn,
    )
    loras = [name_lora(file.path, file.label) for file in files]
    companions = read_companions(settings.other_loras)
    scenes = [set_scene(prompt, loras, companions) for prompt in settings.prompts or prompts]
    parse_emphasis(settings.negative_prompt)
    if not (scenes and settings.seeds and loras and bases):
        raise GenerationError(
            "There is nothing to compare: it takes a prompt, a seed, a LoRA file and a base.",
            "Set comparison.prompts, for example to one of the captions.",
        )
    if settings.sampler not in SAMPLERS:
        raise GenerationError(f"There is no sampler {settings.sampler!r}.", f"Choose one of: {', '.join(SAMPLERS)}.")
    rows = len(scenes) * len(settings.seeds) * len(loras) * len(bases)
    check_fits(rows, drawing.strengths, drawing.size)
    drawing.steps_to_do = rows * len(drawing.strengths) * settings.steps
    began = time.monotonic()
    facts: list[BaseFacts] = []
    for base_index, load in enumerate(bases):
        with _telling_what_stays(drawing, facts):
            base = load()
        facts.append(BaseFacts.of(base))
        with contextlib.ExitStack() as attached:
            with _telling_what_stays(drawing, facts[:-1]):
                others = [attached.enter_context(attach_lora(base, companion.lora.path)) for companion in companions]
            for file_index, file in enumerate(loras):
                with _telling_what_stays(drawing, facts[:-1]):
                    applied = attach_lora(base, file.path)
                with applied as own:
                    for (scene_index, scene), (seed_index, seed) in itertools.product(
                        enumerate(scenes), enumerate(settings.seeds)
                    ):
                        place = (scene_index, seed_index, file_index, base_index)
                        number = _row_number(place, len(settings.seeds), len(loras), len(bases))
                        drawing.row(Row(number, scene, seed, file, base.name), base, own, others)
        del base
    return publish_comparison(
        directory,
        grid_name,
        settings=settings,
        size=drawing.size,
        strengths=drawing.strengths,
        rows=drawing.rows,
        cells=drawing.cells,
        bases=facts,
        seconds=time.monotonic() - began,
    )


@contextlib.contextmanager
def _telling_what_stays(drawing: CellDrawing, before: Sequence[BaseFacts]) -> Iterator[None]:
    """Where a base or a LoRA on it is refused, say that what was drawn on the bases before it is there."""
    try:
        yield
    except (BaseModelError, LoraFileError) as error:
        if not before:
            raise
        on = ", ".join(printable(base.name) for base in before)
        raise type(error)(
            error.what,
            f"{error.todo} The {len(drawing.cells)} pictures on {on} stay in {printable(drawing.directory / CELLS)}.",
        ) from error


def _row_number(place: tuple[int, int, int, int], seeds: int, files: int, bases: int) -> int:
    """Rows are drawn base by base, but shown with a prompt's seeds, epochs and bases next to each other."""
    scene, seed, file, base = place
    return ((scene * seeds + seed) * files + file) * bases + base


def place_of_row(number: int, seeds: int, files: int, bases: int) -> tuple[int, int, int, int]:
    """Which prompt, seed, file and base a row shows, each counted from 0; so many there are of the last three."""
    number, base = divmod(number, bases)
    number, file = divmod(number, files)
    scene, seed = divmod(number, seeds)
    return scene, seed, file, base
