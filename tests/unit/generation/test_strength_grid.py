"""A comparison: which cells are drawn in which order, what of them is left in files, and what is refused before."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from loratui.diffusion.base_model import BaseModel
from loratui.errors import GenerationError, LoraFileError
from loratui.generation.cells import draw_batch
from loratui.generation.comparison_files import ComparisonResult
from loratui.generation.strength_grid import LoraEpoch, draw_comparison
from loratui.lora_file.header import model_hash
from loratui.profile.schema import Comparison

WriteLora = Callable[..., Path]
SETTINGS = Comparison(prompts=["Emi, smile"], negative_prompt="bad", strengths=[0.4, 0.8], seeds=[7], steps=3)
SIZE = (16, 16)


def compare(
    base: BaseModel, directory: Path, files: list[Path], settings: Comparison = SETTINGS, **options: object
) -> ComparisonResult:
    epochs = [LoraEpoch(path, path.stem.replace("emi", "last")) for path in files]
    wanted = {"size": SIZE, **options}
    return draw_comparison([lambda: base], settings, epochs, directory, **wanted)  # type: ignore[arg-type]


def chunk(path: Path) -> str:
    with Image.open(path) as picture:
        return picture.text["parameters"]


def test_a_comparison_leaves_cells_grid_and_json(base: BaseModel, write_lora: WriteLora, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    appeared: list[bool] = []
    path = write_lora("emi.safetensors", metadata={"ss_output_name": "emi"})
    result = compare(
        base,
        tmp_path / "out",
        [path],
        on_cell=lambda cell: appeared.append(cell.path.is_file()),
        on_progress=lambda done, of: told.append((done, of)),
    )
    assert [cell.strength for cell in result.cells] == [0.0, 0.4, 0.8]
    assert appeared == [True] * 3
    assert told == [(3, 9), (6, 9), (9, 9)]
    assert chunk(result.cells[0].path) == (
        "Emi, smile\nNegative prompt: bad\nSteps: 3, Sampler: Euler a, CFG scale: 7, Seed: 7, Size: 16x16, "
        "Model hash: 0123456789, Model: tiny"
    )
    assert chunk(result.cells[2].path) == (
        "Emi, smile <lora:emi:0.8>\nNegative prompt: bad\nSteps: 3, Sampler: Euler a, CFG scale: 7, Seed: 7, "
        f'Size: 16x16, Model hash: 0123456789, Model: tiny, Lora hashes: "emi: {model_hash(path)[:12]}"'
    )
    record = json.loads(result.json.read_text(encoding="utf-8"))
    assert [column["label"] for column in record["columns"]] == ["no LoRA", "0.4", "0.8"]
    assert record["columns"][2]["recommended"] == ["0.7–0.9 everyday"]
    assert record["rows"][0]["prompt"] == "Emi, smile"
    assert record["loras"] == [{"name": "emi", "label": "last", "file": str(path), "hash": model_hash(path)}]
    assert record["bases"][0]["sha256"] == base.sha256
    assert record["settings"]["width"] == 16
    assert [tmp_path / "out" / cell["file"] for cell in record["cells"]] == [cell.path for cell in result.cells]
    with Image.open(result.grid) as grid:
        assert grid.width > 3 * 192
    names = {entry.name for entry in (tmp_path / "out").iterdir()}
    assert names == {"cells", "grid.png", "comparison.json"}


def test_the_cell_at_zero_shows_the_bare_base_even_with_companions(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    other = write_lora("other.safetensors", seed=2)
    settings = SETTINGS.model_copy(update={"other_loras": [f"{other}:0.6"]})
    result = compare(base, tmp_path / "out", [write_lora("emi.safetensors")], settings)
    bare = draw_batch(base, "Emi, smile", settings, [], seeds=[7] * 3, size=SIZE)
    assert torch.equal(_pixels(result.cells[0].path), bare[0])
    assert chunk(result.cells[0].path).startswith("Emi, smile\n")
    assert chunk(result.cells[2].path).startswith("Emi, smile <lora:emi:0.8> <lora:other:0.6>\n")
    assert f"other: {model_hash(other)[:12]}" in chunk(result.cells[2].path)


def test_a_tag_decides_a_companions_strength(base: BaseModel, write_lora: WriteLora, tmp_path: Path) -> None:
    own = write_lora("emi.safetensors")
    other = write_lora("other.safetensors", seed=2, metadata={"ss_output_name": "Other Girl"})
    prompts = ["Emi", "Emi <lora:other:0.3:0.2>", "Emi <lora:Other Girl:0>"]
    settings = SETTINGS.model_copy(update={"prompts": prompts, "other_loras": [f"{other}:0.6"]})
    result = compare(base, tmp_path / "out", [own], settings)
    strongest = [cell for cell in result.cells if cell.strength == 0.8]
    assert [chunk(cell.path).splitlines()[0] for cell in strongest] == [
        "Emi <lora:emi:0.8> <lora:other:0.6>",
        "Emi <lora:emi:0.8> <lora:other:0.3:0.2>",
        "Emi <lora:emi:0.8>",
    ]
    pictures = [_pixels(cell.path).int() for cell in strongest]
    assert (pictures[0] - pictures[1]).abs().max() > 2
    alone = compare(base, tmp_path / "alone", [own], SETTINGS.model_copy(update={"prompts": ["Emi"]}))
    assert torch.equal(pictures[2], _pixels(alone.cells[2].path).int())


def test_a_tag_of_the_compared_lora_changes_nothing(base: BaseModel, write_lora: WriteLora, tmp_path: Path) -> None:
    own = write_lora("emi-000002.safetensors", metadata={"ss_output_name": "emi"})
    settings = SETTINGS.model_copy(update={"prompts": ["Emi", "Emi <lora:emi:0.1>", "Emi <lora:emi-000002:0.1>"]})
    result = compare(base, tmp_path / "out", [own], settings)
    pictures = [_pixels(cell.path) for cell in result.cells if cell.strength == 0.8]
    assert torch.equal(pictures[0], pictures[1])
    assert torch.equal(pictures[0], pictures[2])


def test_an_unknown_name_in_a_tag_is_refused_before_anything_is_drawn(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"prompts": ["Emi <lora:emmi:0.1>"]})
    with pytest.raises(GenerationError, match=r"emmi, which is not part .* nearest name is emi"):
        compare(base, tmp_path / "out", [write_lora("emi.safetensors")], settings)
    assert not (tmp_path / "out").exists()


def test_rows_are_prompts_seeds_epochs_and_bases(base: BaseModel, write_lora: WriteLora, tmp_path: Path) -> None:
    files = [write_lora("emi-000001.safetensors", seed=1), write_lora("emi.safetensors", seed=3)]
    settings = SETTINGS.model_copy(update={"prompts": ["one", "two"], "seeds": [7, 8], "strengths": [0.0, 1.0]})
    loaded: list[str] = []

    def load(name: str) -> Callable[[], BaseModel]:
        return lambda: (loaded.append(name), base)[1]

    result = draw_comparison(
        [load("first"), load("second")],
        settings,
        [LoraEpoch(files[0], "epoch 1"), LoraEpoch(files[1])],
        tmp_path / "out",
        size=SIZE,
    )
    assert loaded == ["first", "second"]
    record = json.loads(result.json.read_text(encoding="utf-8"))
    rows = [(row["text"], row["seed"], row["label"]) for row in record["rows"]]
    assert rows == [
        (text, seed, label)
        for text in ("one", "two")
        for seed in (7, 8)
        for label in ("epoch 1", "last")
        for _ in range(2)
    ]
    assert len(result.cells) == 32
    assert len({cell.path for cell in result.cells}) == 32


def test_prompts_may_come_from_the_caller(base: BaseModel, write_lora: WriteLora, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"prompts": []})
    own = write_lora("emi.safetensors")
    with pytest.raises(GenerationError, match="nothing to compare"):
        compare(base, tmp_path / "out", [own], settings)
    assert len(compare(base, tmp_path / "out", [own], settings, prompts=["a caption"]).cells) == 3


def test_a_row_that_is_too_much_at_once_is_drawn_in_parts(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    own = write_lora("emi.safetensors")
    whole = compare(base, tmp_path / "whole", [own])
    parts = compare(base, tmp_path / "parts", [own], max_batch=2)
    for one, other in zip(whole.cells, parts.cells, strict=True):
        assert (_pixels(one.path).int() - _pixels(other.path).int()).abs().max() <= 1


def test_running_out_of_gpu_memory_makes_the_parts_smaller(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    full = [True, True]

    def progress(done: int, of: int) -> None:
        if full:
            full.pop()
            raise torch.OutOfMemoryError("CUDA out of memory.")

    result = compare(base, tmp_path / "out", [write_lora("emi.safetensors")], max_batch=4, on_progress=progress)
    assert not full
    assert len(result.cells) == 3

    def never(done: int, of: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(GenerationError, match="does not hold one picture of 16 × 16"):
        compare(base, tmp_path / "none", [tmp_path / "emi.safetensors"], on_progress=never)


def test_a_drawing_that_ends_early_publishes_no_grid_and_frees_the_base(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    bare = [type(module) for module in base.unet.modules()]

    def stop(done: int, of: int) -> None:
        if done > 9:
            raise KeyboardInterrupt

    settings = SETTINGS.model_copy(update={"seeds": [7, 8]})
    with pytest.raises(KeyboardInterrupt):
        compare(base, tmp_path / "out", [write_lora("emi.safetensors")], settings, on_progress=stop)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["cells"]
    assert len(list((tmp_path / "out" / "cells").iterdir())) == 3
    assert [type(module) for module in base.unet.modules()] == bare


def test_drawing_again_replaces_the_cells_of_before_and_nothing_else(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    own = write_lora("emi.safetensors")
    first = compare(base, tmp_path / "out", [own])
    (tmp_path / "out" / "cells" / "mine.png").write_bytes(b"kept")
    second = compare(base, tmp_path / "out", [own], SETTINGS.model_copy(update={"seeds": [8]}))
    assert not {cell.path for cell in first.cells} & {cell.path for cell in second.cells}
    left = {path.name for path in (tmp_path / "out" / "cells").iterdir()}
    assert left == {"mine.png", *(cell.path.name for cell in second.cells)}


def test_a_file_that_does_not_fit_leaves_the_base_alone(base: BaseModel, write_lora: WriteLora, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(write_lora("emi.safetensors").read_bytes()[:-100])
    with pytest.raises(LoraFileError):
        compare(base, tmp_path / "out", [broken])
    assert not (tmp_path / "out").exists()


def test_a_further_base_that_does_not_fit_is_named_and_what_was_drawn_stays(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    other = copy.deepcopy(base)
    other.name = "other"
    other.unet.down_blocks[0].attentions[0].proj_in = torch.nn.Identity()
    own = write_lora("emi.safetensors")
    with pytest.raises(LoraFileError, match="does not fit the base other: it has no layer for lora_unet_") as caught:
        draw_comparison([lambda: base, lambda: other], SETTINGS, [LoraEpoch(own)], tmp_path / "out", size=SIZE)
    assert f"The 3 pictures on tiny stay in {tmp_path / 'out' / 'cells'}." in caught.value.todo
    assert len(list((tmp_path / "out" / "cells").iterdir())) == 3


def _pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as picture:
        width, height = picture.size
        return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(height, width, 3)


def test_cells_appear_without_first_then_the_usual_then_the_rest(
    base: BaseModel, write_lora: WriteLora, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"strengths": [0.0, 0.4, 0.7, 0.8, 1.2], "steps": 1})
    appeared: list[float] = []
    result = compare(
        base,
        tmp_path / "out",
        [write_lora("emi.safetensors")],
        settings,
        max_batch=1,
        on_cell=lambda cell: appeared.append(cell.strength),
    )
    assert appeared == [0.0, 0.8, 0.4, 0.7, 1.2]
    assert [cell.strength for cell in result.cells] == [0.0, 0.4, 0.7, 0.8, 1.2]


def test_cells_that_were_drawn_elsewhere_are_taken_over(base: BaseModel, write_lora: WriteLora, tmp_path: Path) -> None:
    path = write_lora("emi.safetensors")
    before = compare(base, tmp_path / "before", [path])
    told: list[tuple[int, int]] = []
    settings = SETTINGS.model_copy(update={"strengths": [0.0, 0.4, 0.8, 1.0]})
    after = compare(
        base,
        tmp_path / "after",
        [path],
        settings,
        drawn=[tmp_path / "nowhere", tmp_path / "before"],
        on_progress=lambda done, of: told.append((done, of)),
    )
    assert told == [(10, 12), (11, 12), (12, 12)]
    drawn = {cell.strength: cell.path.read_bytes() for cell in after.cells}
    assert [drawn[cell.strength] for cell in before.cells] == [cell.path.read_bytes() for cell in before.cells]
