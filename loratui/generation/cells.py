"""Cells: one row of pictures at rising strength, drawn in as few batches as memory allows, each file published whole.

All strengths of a batch are drawn with the same noise, the strength being a tensor of the LoRA layers. Knows bases and
LoRAs that are loaded; which rows there are is `strength_grid`'s and `trying`'s business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_loading import LoadedLora
from loratui.diffusion.text import encode_prompts
from loratui.errors import GenerationError
from loratui.generation.comparison_files import Cell, Row, cell_file, drawing_order, same_cell
from loratui.generation.parameters import Parameters, write_png
from loratui.generation.prompt import LoraTag
from loratui.generation.publish import publish
from loratui.generation.sampler import OnStep, sample, unet_rows
from loratui.profile.schema import Comparison

# Pixels drawn at once: on a CPU batches gain nothing, on a GPU running out of memory is noticed and answered.
_PIXELS_AT_ONCE = {"cpu": 2 * 512 * 512, "cuda": 12 * 512 * 512}


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
        told = encode_prompts(base, prompts)
    cond, uncond = told[-len(seeds) :], told[: len(seeds)] if guided else None
    if uncond is not None and base.family == "sdxl" and not settings.negative_prompt:
        uncond = uncond.zeros()  # as A1111 and diffusers do it
    return sample(
        base,
        cond,
        uncond,
        seeds=seeds,
        width=size[0],
        height=size[1],
        steps=settings.steps,
        guidance=settings.guidance,
        sampler=settings.sampler,
        on_step=on_step,
    )


@dataclass
class CellDrawing:
    """What stays the same for all rows, and how far it has come.

    Attributes:
        size: Width and height in pixels.
        directory: Where cells go, below `cells`.
        strengths: The columns, rising.
        max_batch: Most pictures drawn at once; None: by their size. Halved when a GPU runs out of memory.
        on_cell: Called with each cell once its file is there.
        on_progress: Called after each step of the sampler with (done, of); an exception it raises ends the drawing.
        drawn: Directories with cells of this LoRA: what is there already is not drawn again.
    """

    settings: Comparison
    size: tuple[int, int]
    directory: Path
    strengths: list[float]
    max_batch: int | None = None
    on_cell: Callable[[Cell], None] | None = None
    on_progress: OnStep | None = None
    drawn: Sequence[Path] = ()
    rows: list[Row] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    steps_to_do: int = 0
    steps_done: int = 0

    def row(self, row: Row, base: BaseModel, own: LoadedLora, others: Sequence[LoadedLora]) -> None:
        """Draw all strengths of one row: none, the usual one and the rest, in as few batches as memory allows."""
        self.rows.append(row)
        waiting = [strength for strength in drawing_order(self.strengths) if not self._take_drawn(row, base, strength)]
        while waiting:
            part = waiting[: self._at_once(base)]
            try:
                pictures = self._draw(row, base, own, others, part)
            except torch.OutOfMemoryError as error:
                self._shrink(len(part), error)
                continue
            for strength, picture in zip(part, pictures, strict=True):
                parameters = self._parameters(row, base, strength)
                path = self.directory / cell_file(row, strength, parameters)
                write_png(Image.fromarray(picture.numpy()), path, parameters)
                self._tell(row, strength, path)
            waiting = waiting[len(part) :]
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

    def _take_drawn(self, row: Row, base: BaseModel, strength: float) -> bool:
        """Take over a cell that was drawn before; False when there is none."""
        path = self.directory / cell_file(row, strength, self._parameters(row, base, strength))
        for directory in self.drawn:
            found = same_cell(directory, path.name)
            if found is None:
                continue
            if found != path:
                _copy(found, path)
            self.steps_done += self.settings.steps
            self._tell(row, strength, path)
            return True
        return False

    def _tell(self, row: Row, strength: float, path: Path) -> None:
        cell = Cell(row.number, self.strengths.index(strength), strength, path)
        self.cells.append(cell)
        if self.on_cell is not None:
            self.on_cell(cell)

    def _parameters(self, row: Row, base: BaseModel, strength: float) -> Parameters:
        companions = [companion for companion in row.scene.companions if companion.counts and strength]
        tags = [LoraTag(row.lora.name, strength, strength)] if strength else []
        tags += [companion.tag for companion in companions]
        loras = [row.lora] * bool(strength) + [companion.lora for companion in companions]
        return Parameters(
            prompt=" ".join([row.scene.text, *map(str, tags)]).strip(),
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


def _copy(source: Path, target: Path) -> None:
    content = source.read_bytes()
    publish(target, lambda stream: stream.write(content))
