"""LoRAs and bases that do not belong together are refused by their headers, before anything is loaded or drawn."""

from pathlib import Path

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.errors import BaseModelError, GenerationError, LoraFileError
from loratui.generation.check import check_kinds, on_base
from loratui.generation.of_run import compare_run
from loratui.profile.schema import Comparison, Model, Profile
from loratui.runs.directory import create_run
from tests.unit.generation.test_of_run import EMPTY
from tests.unit.hub.checkpoints import INPAINTING, SD1, SD2, SDXL, diffusers_files, write_checkpoint

READS_TEXT = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
SELF = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
BASES = {"sd1": SD1, "sd2": SD2, "sdxl": SDXL}


def lora_of(width: int, key: str = READS_TEXT, out: int = 320) -> dict[str, tuple[int, ...]]:
    return {f"{key}.lora_down.weight": (4, width), f"{key}.lora_up.weight": (out, 4)}


@pytest.fixture
def bases(tmp_path: Path) -> dict[str, str]:
    return {name: str(write_checkpoint(tmp_path / f"{name}.safetensors", shapes)) for name, shapes in BASES.items()}


def test_a_lora_of_the_own_family_is_let_through(bases: dict[str, str], tmp_path: Path) -> None:
    for family, width in (("sd1", 768), ("sd2", 1024), ("sdxl", 2048)):
        path = write_checkpoint(tmp_path / "lora.safetensors", lora_of(width))
        check_kinds(Model(base=bases[family]), Comparison(other_loras=[f"{path}:0.6"]), [path])


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
@pytest.mark.parametrize("place", ["companion", "own"])
def test_a_lora_of_another_family_is_refused_with_its_first_key(
    bases: dict[str, str], tmp_path: Path, family: str, place: str
) -> None:
    path = write_checkpoint(tmp_path / "lora.safetensors", lora_of(1024))
    settings = Comparison(other_loras=[f"{path}:0.6"] if place == "companion" else [])
    with pytest.raises(LoraFileError, match=rf"lora\.safetensors does not fit the base {family}: {READS_TEXT} reads"):
        check_kinds(Model(base=bases[family]), settings, [path] if place == "own" else [])


def test_where_widths_say_nothing_the_files_own_word_counts(bases: dict[str, str], tmp_path: Path) -> None:
    told = {"ss_base_model_version": "sdxl_base_v1-0"}
    path = write_checkpoint(tmp_path / "lora.safetensors", lora_of(640, SELF, 640), told)
    check_kinds(Model(base=bases["sdxl"]), Comparison(), [path])
    with pytest.raises(LoraFileError, match=r"it is for Stable Diffusion XL, the base is Stable Diffusion 1\.x"):
        check_kinds(Model(base=bases["sd1"]), Comparison(), [path])


def test_what_is_not_known_is_not_refused(bases: dict[str, str], tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "lora.safetensors", lora_of(640, SELF, 640))
    check_kinds(Model(base=bases["sdxl"]), Comparison(other_loras=[f"{path}:1"]), [path])
    check_kinds(Model(base="owner/never-heard-of"), Comparison(other_bases=[bases["sdxl"]]), [path])


@pytest.mark.parametrize(
    ("shapes", "what"),
    [
        ({f"{READS_TEXT}.hada_w1_a": (4, 4), f"{READS_TEXT}.hada_w1_b": (4, 4)}, "LoHa"),
        ({"conv_in.weight": (320, 4, 3, 3), "time_embedding.linear_1.weight": (8, 8)}, "holds no LoRA"),
    ],
)
def test_what_cannot_be_applied_is_refused(
    bases: dict[str, str], tmp_path: Path, shapes: dict[str, tuple[int, ...]], what: str
) -> None:
    path = write_checkpoint(tmp_path / "lora.safetensors", shapes)
    with pytest.raises(LoraFileError, match=what):
        check_kinds(Model(base=bases["sd1"]), Comparison(other_loras=[f"{path}:0.6"]))


def test_a_further_base_of_another_family_is_refused(bases: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"names sdxl, which is Stable Diffusion XL, .* for Stable Diffusion 1"):
        check_kinds(Model(base=bases["sd1"]), Comparison(other_bases=[bases["sdxl"]]))
    other = str(write_checkpoint(tmp_path / "paint.safetensors", INPAINTING))
    with pytest.raises(BaseModelError, match="inpainting"):
        check_kinds(Model(base=bases["sd1"]), Comparison(other_bases=[other]))


def test_a_further_base_of_another_shape_is_refused(bases: dict[str, str], tmp_path: Path) -> None:
    for name, content in diffusers_files(width=32).items():
        (tmp_path / "tiny" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tiny" / name).write_bytes(content)
    with pytest.raises(GenerationError, match="reads text of width 32, not 768"):
        check_kinds(Model(base=bases["sd1"]), Comparison(other_bases=[str(tmp_path / "tiny")]))


def test_what_belongs_to_the_own_base_does_not_count_on_another() -> None:
    own = Model(base="a/b", vae="v/ae", config="/c", clip_skip=2, prediction="v_prediction", zero_terminal_snr="on")
    assert on_base(own, "c/d") == Model(base="c/d", clip_skip=2)


def test_a_finished_run_is_compared_only_on_bases_that_fit(tmp_path: Path, bases: dict[str, str]) -> None:
    profile = Profile()
    profile.model.base, profile.output.directory = bases["sd1"], str(tmp_path / "output")
    profile.comparison.prompts, profile.comparison.other_bases = ["Emi"], [bases["sdxl"]]
    run = create_run(profile, EMPTY, tmp_path / "runs")
    loaded: list[str] = []

    def load() -> BaseModel:
        loaded.append("own")
        raise BaseModelError("loaded")

    def compare() -> None:
        compare_run(
            run,
            profile,
            EMPTY,
            load,
            {},
            write_checkpoint(tmp_path / "emi.safetensors", lora_of(768)),
            device=torch.device("cpu"),
            dtype=torch.float32,
            on_cell=lambda cell: None,
            on_progress=lambda done, of: None,
        )

    with pytest.raises(GenerationError, match="other_bases names sdxl"):
        compare()
    assert loaded == []
    profile.comparison.other_bases = []
    with pytest.raises(BaseModelError, match="loaded"):
        compare()
