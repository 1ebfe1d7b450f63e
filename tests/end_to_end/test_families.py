"""SD 2.x and SDXL as SD 1.x: trained by the real worker, verified, drawn as a plain diffusers pipeline draws."""

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from loratui.diffusion.loading import load_base
from loratui.generation.sampler import make_scheduler
from loratui.lora_file.header import read_header
from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import write_profile
from loratui.runs.directory import RunDirectory, list_runs
from tests.original_layout import write_single_file
from tests.small_dataset import small_profile, write_pictures
from tests.small_project import events_of
from tests.tiny_base import write_tiny_sd2, write_tiny_xl

WRITERS = {"sd2": write_tiny_sd2, "sdxl": write_tiny_xl}
VERSIONS = {"sd2": "sd_v2_v", "sdxl": "sdxl_base_v1-0"}


def profile_of(base: Path, tmp_path: Path) -> Profile:
    profile = small_profile(base, write_pictures(tmp_path / "IMG" / "2_disc"), tmp_path / "out")
    profile.network.train_text_encoder = True
    profile.network.conv_rank = 2
    profile.dataset.flip = True
    profile.output.precision = "fp32"
    return profile


def run_of(profile: Profile, tmp_path: Path, *more: str) -> RunDirectory:
    path = tmp_path / "disc.toml"
    write_profile(profile, path, "disc", force=True)
    command = [sys.executable, "-m", "loratui", "run", str(path), "--json", *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return list_runs(runs_directory())[0]


def cell(run: RunDirectory, strength: float) -> numpy.ndarray:
    comparison = json.loads((run.comparison / "comparison.json").read_text())
    [found] = [cell for cell in comparison["cells"] if cell["strength"] == strength]
    with Image.open(run.comparison / found["file"]) as picture:
        return numpy.asarray(picture.convert("RGB"), dtype=numpy.float32)


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_it_trains_and_its_grid_is_that_of_a_plain_diffusers_pipeline(family: str, tmp_path: Path) -> None:
    base = WRITERS[family](tmp_path / "base")
    profile = profile_of(base, tmp_path)
    run = run_of(profile, tmp_path)
    lora = tmp_path / "out" / "disc.safetensors"
    assert [event["file"] for event in events_of(run, "verified")] == [str(lora)]
    assert read_header(lora).metadata["ss_base_model_version"] == VERSIONS[family]
    pipeline = DiffusionPipeline.from_pretrained(base)
    pipeline.set_progress_bar_config(disable=True)
    ours = load_base(profile.model, device=torch.device("cpu"), dtype=torch.float32)
    pipeline.scheduler = make_scheduler(profile.comparison.sampler, ours)
    # An empty negative prompt of SDXL is none at all, for diffusers as for A1111.
    negative = {} if family == "sdxl" else {"negative_prompt": ""}
    for strength in (0.0, 1.0):
        if strength:
            pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name)
        [expected] = pipeline(
            "Emi, red disc",
            **negative,
            num_inference_steps=2,
            guidance_scale=7.0,
            height=32,
            width=32,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
        ).images
        assert abs(expected * 255 - cell(run, strength)).max() <= 2.0


def test_a_single_file_trains_and_is_compared_with_its_directory(tmp_path: Path) -> None:
    directory = write_tiny_xl(tmp_path / "base")
    file = write_single_file(directory, tmp_path / "animagine.safetensors")
    other = write_tiny_xl(tmp_path / "pony", seed=1)
    profile = profile_of(file, tmp_path)
    profile.model.config = str(directory)
    profile.comparison.other_bases = [str(other)]
    profile.comparison.prompts = ["(Emi:1.2), red disc"]
    run = run_of(profile, tmp_path)
    comparison = json.loads((run.comparison / "comparison.json").read_text())
    assert {row["base"] for row in comparison["rows"]} == {"animagine", "pony"}
    assert len({(cell["row"], cell["strength"]) for cell in comparison["cells"]}) == 2 * 2


def test_a_base_of_another_family_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    run = run_of(profile_of(write_tiny_xl(tmp_path / "base"), tmp_path), tmp_path)
    drawn = len(events_of(run, "cell"))
    command = ["compare", str(tmp_path / "disc.toml"), "--set"]
    command.append(f"comparison.other_bases={[str(write_tiny_sd2(tmp_path / 'sd2'))]}")
    done = subprocess.run(
        [sys.executable, "-m", "loratui", *command, "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode != 0
    told = json.loads(done.stdout)["error"]
    assert "sd2, which is Stable Diffusion 2.x, and the LoRA is for Stable Diffusion XL" in told
    assert len(events_of(run, "cell")) == drawn
