"""What a comparison leaves behind: cells, the labelled grid and `comparison.json`, each published whole.

Knows files and labels; the drawing is `strength_grid`'s. Imports no torch.
"""

import glob
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loratui import __version__
from loratui.generation.combination import NamedLora, Scene
from loratui.generation.grid_picture import BANDS, GridRow, draw_grid, strength_label
from loratui.generation.parameters import Parameters
from loratui.generation.publish import publish
from loratui.profile.schema import Comparison

CELLS = "cells"
JSON_NAME = "comparison.json"
USUAL_STRENGTH = 0.8
_CELL = re.compile(r"row\d+_.*_[0-9a-f]{10}\.png")


@dataclass(frozen=True)
class Row:
    """One row of the grid, numbered from 0 in the order shown."""

    number: int
    scene: Scene
    seed: int
    lora: NamedLora
    base: str


@dataclass(frozen=True)
class Cell:
    """One picture: its place, its strength and its file."""

    row: int
    column: int
    strength: float
    path: Path


@dataclass(frozen=True)
class BaseFacts:
    """What is recorded of a base."""

    name: str
    source: str
    sha256: str | None
    device: str
    precision: str

    @classmethod
    def of(cls, base: Any) -> "BaseFacts":
        """Take the facts from a `BaseModel`."""
        precision = str(base.dtype).removeprefix("torch.")
        return cls(base.name, str(base.source), base.sha256, str(base.device), precision)


@dataclass(frozen=True)
class ComparisonResult:
    """Where everything is; cells in the order of rows and columns."""

    grid: Path
    json: Path
    cells: tuple[Cell, ...]
    seconds: float


def cell_file(row: Row, strength: float, parameters: Parameters) -> str:
    """Return a cell's name below the comparison's directory; another name as soon as anything about it differs."""
    about = f"{parameters.text()}\n{row.base}\n{row.lora.digest}"
    digest = hashlib.sha256(about.encode("utf-8", "replace")).hexdigest()[:10]
    label = re.sub(r"[^0-9A-Za-z]+", "-", row.lora.label).strip("-")[:40]
    return f"{CELLS}/row{row.number + 1:03}_{label}_seed{row.seed}_{strength:g}_{digest}.png"


def same_cell(directory: Path, name: str) -> Path | None:
    """The file in `directory/cells` that shows what the cell `name` shows, in whatever row; None without one."""
    _, _, content = Path(name).name.partition("_")
    return next((directory / CELLS).glob(f"row[0-9]*_{glob.escape(content)}"), None)


def drawing_order(strengths: Sequence[float]) -> list[float]:
    """The order in which strengths are drawn: none, the one nearest to the usual, then the rest, rising."""
    rest = sorted(strength for strength in strengths if strength)
    usual = sorted(rest, key=lambda strength: abs(strength - USUAL_STRENGTH))[:1]
    return [*([0.0] if 0.0 in strengths else []), *usual, *(strength for strength in rest if strength not in usual)]


def publish_comparison(
    directory: Path,
    grid_name: str,
    *,
    settings: Comparison,
    size: tuple[int, int],
    strengths: Sequence[float],
    rows: Sequence[Row],
    cells: Sequence[Cell],
    bases: Sequence[BaseFacts],
    seconds: float,
) -> ComparisonResult:
    """Write the grid and `comparison.json`, then remove the cells of earlier comparisons.

    Raises:
        GenerationError: a file could not be written.
    """
    rows = sorted(rows, key=lambda row: row.number)
    cells = sorted(cells, key=lambda cell: (cell.row, cell.column))
    result = ComparisonResult(directory / grid_name, directory / JSON_NAME, tuple(cells), seconds)
    loras = {row.lora.path: row.lora for row in rows}
    grid = draw_grid(
        strengths,
        [_grid_row(row, cells, many_loras=len(loras) > 1, many_bases=len(bases) > 1) for row in rows],
        size,
        title=f"{list(loras.values())[-1].name} on {', '.join(base.name for base in bases)}",
        footnote=_footnote(settings, size),
    )
    publish(result.grid, lambda stream: grid.save(stream, format="PNG"))
    record = {
        "format": 1,
        "program": f"loratui {__version__}",
        "grid": grid_name,
        "columns": [_column(strength) for strength in strengths],
        "rows": [_row(row) for row in rows],
        "cells": [_cell(cell, directory) for cell in cells],
        "loras": [_lora(lora) for lora in loras.values()],
        "bases": [asdict(base) for base in bases],
        "settings": {**settings.model_dump(mode="json"), "width": size[0], "height": size[1]},
        "seconds": round(seconds, 3),
    }
    text = json.dumps(record, ensure_ascii=False, indent=1)
    publish(result.json, lambda stream: stream.write(text.encode("utf-8", "backslashreplace")))
    kept = {cell.path.name for cell in cells}
    for path in (directory / CELLS).iterdir():
        if path.name not in kept and _CELL.fullmatch(path.name):
            path.unlink(missing_ok=True)
    return result


def _grid_row(row: Row, cells: Sequence[Cell], *, many_loras: bool, many_bases: bool) -> GridRow:
    companions = [f"with {companion.tag}" for companion in row.scene.companions if companion.counts]
    details = [f"seed {row.seed}", row.lora.label if many_loras else "", f"on {row.base}" if many_bases else ""]
    return GridRow(
        prompt=row.scene.text,
        details=tuple(filter(None, [*details, *companions])),
        pictures={cell.strength: cell.path for cell in cells if cell.row == row.number},
    )


def _footnote(settings: Comparison, size: tuple[int, int]) -> str:
    facts = f"{settings.sampler}, {settings.steps} steps, CFG scale {settings.guidance:g}, {size[0]} × {size[1]}."
    return f"{facts} Negative prompt: {settings.negative_prompt}" if settings.negative_prompt else facts


def _column(strength: float) -> dict[str, Any]:
    bands = [band.words for band in BANDS if strength in band]
    return {"strength": strength, "label": strength_label(strength), "recommended": bands}


def _row(row: Row) -> dict[str, Any]:
    return {
        "prompt": row.scene.prompt,
        "text": row.scene.text,
        "seed": row.seed,
        "lora": row.lora.name,
        "label": row.lora.label,
        "base": row.base,
        "companions": [
            {**_lora(companion.lora), "unet": companion.unet, "text_encoder": companion.text_encoder}
            for companion in row.scene.companions
        ],
    }


def _cell(cell: Cell, directory: Path) -> dict[str, Any]:
    return {
        "row": cell.row,
        "column": cell.column,
        "strength": cell.strength,
        "file": cell.path.relative_to(directory).as_posix(),
    }


def _lora(lora: NamedLora) -> dict[str, Any]:
    return {"name": lora.name, "label": lora.label, "file": str(lora.path), "hash": lora.digest}
