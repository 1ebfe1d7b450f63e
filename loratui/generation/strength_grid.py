"""The comparison: the same prompts at rising LoRA strength, one row per prompt, seed, epoch and base.

All strengths of a row are drawn in one batch with the same noise, the strength being a tensor of the LoRA layers. The
column 0.0 means no LoRA at all, companions included; its picture equals, bit for bit, that of the bare base drawn in a
batch of the same shape. (Batches of other shapes differ in the last bits of floating point, LoRA or not.)

Knows nothing of runs and events: it draws into a directory and calls back.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_loading import LoadedLora, attach_lora
from loratui.diffusion.text import encode_prompts
from loratui.errors import GenerationError
from loratui.generation.combination import LoraFile, Scene, read_companions, read_lora, set_scene
from loratui.generation.comparison_files import BaseFacts, Cell, ComparisonResult, Row, cell_file, publish_comparison
from loratui.generation.grid_picture import check_fits
from loratui.generation.parameters import Parameters, write_png
from loratui.generation.prompt import LoraTag
from loratui.generation.sampler import SAMPLERS, OnStep, sample, unet_rows
from loratui.profile.schema import Comparison

BaseLoader = Callable[[], BaseModel]
# Pixels drawn at once: on a CPU batches gain nothing, on a GPU running out of memory is noticed and answered.
_PIXELS_AT_ONCE = {"cpu": 2 * 512 * 512, "cuda": 12 * 512 * 512}


@dataclass(frozen=True)
class LoraEpoch:
    """A LoRA file of the run and its label: "epoch 3", "last"."""

    path: Path
    label: str = "last"


@dataclass(frozen=True)
class Applied:
    """An attached LoRA and its strengths, one per picture of a batch: tensors [B]."""

    lora: LoadedLora
    unet: torch.Tensor
    text_encoder: torch.Tensor


def draw_batch(
    base: BaseModel,
    prompt: str,
    settings: Comparison,
    loras: Sequence[Applied],
    *,
    seeds: Sequence[int],
    size: tuple[int, int],
    on_step: OnStep | None = None,
) -> torch.Tensor:
    """Draw one prompt as many times as there are seeds, in one batch.

    As in A1111 a LoRA also acts on the text encoder, for the prompt and for the negative prompt.

    Args:
        prompt: Without tags.
        settings: Negative prompt, steps, guidance and sampler are read.
        loras: None of them gives the bare base.
        size: Width and height in pixels.

    Returns:
        Pictures, uint8 [B, height, width, 3] on the CPU.
    """
    for applied in loras:
        applied.lora.set_strength(
            unet=unet_rows(applied.unet, settings.guidance).to(base.device),
            text_encoder=unet_rows(applied.text_encoder, settings.guidance).to(base.device),
        )
    guided = settings.guidance > 1
    prompts = ([settings.negative_prompt] * len(seeds) if guided else []) + [prompt] * len(seeds)
    with torch.no_grad():
        embeddings = encode_prompts(base.tokenizer, base.text_encoder, prompts, clip_skip=base.clip_skip)
    return sample(
        base,
        embeddings[-len(seeds) :],
        embeddings[: len(seeds)] if guided else None,
        seeds=seeds,
        width=size[0],
        height=size[1],
        steps=settings.steps,
        guidance=settings.guidance,
        sampler=settings.sampler,
        on_step=on_step,
    )


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

    Raises:
        GenerationError: prompts, tags, size or sampler cannot be used, or a file could not be written.
        LoraFileError: a LoRA file is damaged or fits no layer of a base.
    """
    drawing = _Drawing(
        settings=settings,
        files=tuple(read_lora(file.path, file.label) for file in files),
        size=(settings.width or size[0], settings.height or size[1]),
        directory=directory,
        strengths=sorted({0.0, *(strength + 0.0 for strength in settings.strengths)}),
        max_batch=max_batch,
        on_cell=on_cell,
        on_progress=on_progress,
    )
    companions = read_companions(settings.other_loras)
    scenes = [set_scene(prompt, drawing.files, companions) for prompt in settings.prompts or prompts]
    if not (scenes and settings.seeds and drawing.files and bases):
        raise GenerationError(
            "There is nothing to compare: it takes a prompt, a seed, a LoRA file and a base.",
            "Set comparison.prompts, for example to one of the captions.",
        )
    if settings.sampler not in SAMPLERS:
        raise GenerationError(f"There is no sampler {settings.sampler!r}.", f"Choose one of: {', '.join(SAMPLERS)}.")
    rows = len(scenes) * len(settings.seeds) * len(drawing.files) * len(bases)
    check_fits(rows, drawing.strengths, drawing.size)
    drawing.steps_to_do = rows * len(drawing.strengths) * settings.steps
    began = time.monotonic()
    facts = []
    for base_index, load in enumerate(bases):
        base = load()
        facts.append(BaseFacts.of(base))
        with contextlib.ExitStack() as attached:
            others = [attached.enter_context(attach_lora(base, companion.lora.path)) for companion in companions]
            for file_index, file in enumerate(drawing.files):
                with attach_lora(base, file.path) as own:
                    for (scene_index, scene), (seed_index, seed) in itertools.product(
                        enumerate(scenes), enumerate(settings.seeds)
                    ):
                        place = (scene_index, seed_index, file_index, base_index)
                        number = _row_number(place, settings, drawing, len(bases))
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


def _row_number(place: tuple[int, int, int, int], settings: Comparison, drawing: "_Drawing", bases: int) -> int:
    """Rows are drawn base by base, but shown with a prompt's seeds, epochs and bases next to each other."""
    scene, seed, file, base = place
    return ((scene * len(settings.seeds) + seed) * len(drawing.files) + file) * bases + base


@dataclass
class _Drawing:
    """What stays the same for all rows, and how far it has come."""

    settings: Comparison
    files: tuple[LoraFile, ...]
    size: tuple[int, int]
    directory: Path
    strengths: list[float]
    max_batch: int | None
    on_cell: Callable[[Cell], None] | None
    on_progress: OnStep | None
    rows: list[Row] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    steps_to_do: int = 0
    steps_done: int = 0

    def row(self, row: Row, base: BaseModel, own: LoadedLora, others: Sequence[LoadedLora]) -> None:
        """Draw all strengths of one row, in as few batches as memory allows."""
        self.rows.append(row)
        done = 0
        while done < len(self.strengths):
            part = self.strengths[done : done + self._at_once(base)]
            try:
                pictures = self._draw(row, base, own, others, part)
            except torch.OutOfMemoryError as error:
                self._shrink(len(part), error)
                continue
            for offset, (strength, picture) in enumerate(zip(part, pictures, strict=True)):
                self._publish(row, base, done + offset, strength, Image.fromarray(picture.numpy()))
            done += len(part)
            self.steps_done += len(part) * self.settings.steps

    def _at_once(self, base: BaseModel) -> int:
        if self.max_batch is None:
            pixels = _PIXELS_AT_ONCE.get(base.device.type, _PIXELS_AT_ONCE["cpu"])
            return max(1, pixels // (self.size[0] * self.size[1]))
        return max(1, self.max_batch)

    def _shrink(self, pictures: int, error: Exception) -> None:
        if pictures == 1:
            raise GenerationError(
                f"The GPU's memory does not hold one picture of {self.size[0]} × {self.size[1]} pixels.",
                "Lower comparison.width and comparison.height, or close what else uses the GPU.",
            ) from error
        self.max_batch = (pictures + 1) // 2
        torch.cuda.empty_cache()

    def _draw(
        self, row: Row, base: BaseModel, own: LoadedLora, others: Sequence[LoadedLora], strengths: Sequence[float]
    ) -> torch.Tensor:
        swept = torch.tensor(strengths, dtype=torch.float32)
        on = (swept != 0).float()
        applied = [Applied(own, swept, swept)]
        for lora, companion in zip(others, row.scene.companions, strict=True):
            applied.append(Applied(lora, on * companion.unet, on * companion.text_encoder))

        def on_step(done: int, _: int) -> None:
            if self.on_progress is not None:
                self.on_progress(self.steps_done + done * len(strengths), self.steps_to_do)

        seeds = [row.seed] * len(strengths)
        return draw_batch(base, row.scene.text, self.settings, applied, seeds=seeds, size=self.size, on_step=on_step)

    def _publish(self, row: Row, base: BaseModel, column: int, strength: float, picture: Image.Image) -> None:
        parameters = self._parameters(row.scene, row, base, strength)
        path = self.directory / cell_file(row, strength, parameters)
        write_png(picture, path, parameters)
        cell = Cell(row.number, column, strength, path)
        self.cells.append(cell)
        if self.on_cell is not None:
            self.on_cell(cell)

    def _parameters(self, scene: Scene, row: Row, base: BaseModel, strength: float) -> Parameters:
        companions = [companion for companion in scene.companions if companion.counts and strength]
        tags = [LoraTag(row.lora.name, strength, strength)] if strength else []
        tags += [companion.tag for companion in companions]
        loras = [row.lora] * bool(strength) + [companion.lora for companion in companions]
        return Parameters(
            prompt=" ".join([scene.text, *map(str, tags)]).strip(),
            negative_prompt=self.settings.negative_prompt,
            steps=self.settings.steps,
            sampler=self.settings.sampler,
            guidance=self.settings.guidance,
            seed=row.seed,
            width=self.size[0],
            height=self.size[1],
            model=base.name,
            model_hash=base.sha256 or "",
            lora_hashes=tuple((lora.name, lora.digest) for lora in loras),
            clip_skip=base.clip_skip,
        )
