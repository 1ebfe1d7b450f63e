"""The real program with the real worker process on the tiny base: from `loratui run` to files, signals and failures."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from loratui.diffusion.loading import load_base
from loratui.generation.sampler import make_scheduler
from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import write_profile
from loratui.runs.directory import RunDirectory, list_runs
from loratui.runs.events import read_events
from tests.original_layout import write_single_file
from tests.small_dataset import small_profile, write_pictures
from tests.tiny_base import write_tiny_base


@pytest.fixture
def profile(tiny_base_directory: Path, tmp_path: Path) -> Profile:
    return small_profile(tiny_base_directory, write_pictures(tmp_path / "IMG" / "2_disc"), tmp_path / "out")


def loratui(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loratui", *arguments], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def newest_run() -> RunDirectory:
    return list_runs(runs_directory())[0]


def saved(profile: Profile, tmp_path: Path) -> str:
    path = tmp_path / "disc.toml"
    write_profile(profile, path, "disc")
    return str(path)


def test_run_gives_a_lora_and_a_grid_and_one_json_object(profile: Profile, tmp_path: Path) -> None:
    done = loratui("run", saved(profile, tmp_path), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert Path(result["lora"]) == tmp_path / "out" / "disc.safetensors"
    assert result["steps"] == 8
    with Image.open(result["grid"]) as grid:
        assert grid.width > 2 * 32
    assert result["last_loss"] > 0


def test_a_second_run_keeps_the_first_ones_files(profile: Profile, tmp_path: Path) -> None:
    path = saved(profile, tmp_path)
    first = json.loads(loratui("run", path, "--json", cwd=tmp_path).stdout)
    content = Path(first["lora"]).read_bytes()
    second = json.loads(loratui("run", path, "--json", cwd=tmp_path).stdout)
    assert Path(second["lora"]).name == "disc-v2.safetensors"
    assert Path(first["lora"]).read_bytes() == content
    # Same profile, same seed, another process: the same tensors.
    events = [read_events(run.events_path) for run in list_runs(runs_directory())]
    hashes = {[e for e in run if e["event"] == "saved"][-1]["model_hash"] for run in events}
    assert len(events) == 2
    assert len(hashes) == 1


def test_the_grids_cells_are_those_of_a_plain_diffusers_pipeline(
    profile: Profile, tiny_base_directory: Path, tmp_path: Path
) -> None:
    done = json.loads(loratui("run", saved(profile, tmp_path), "--json", cwd=tmp_path).stdout)
    comparison = json.loads((newest_run().comparison / "comparison.json").read_text())
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_base_directory)
    pipeline.set_progress_bar_config(disable=True)
    base = load_base(profile.model, device=torch.device("cpu"), dtype=torch.float32)
    pipeline.scheduler = make_scheduler(profile.comparison.sampler, base)
    for strength in (0.0, 1.0):
        if strength:
            lora = Path(done["lora"])
            pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name)
        expected = pipeline(
            "Emi, red disc",
            negative_prompt="",
            num_inference_steps=2,
            guidance_scale=7.0,
            height=32,
            width=32,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
        ).images[0]
        cell = _cell(comparison, strength)
        difference = abs(torch.tensor(expected) * 255 - torch.tensor(_pixels(cell)))
        assert float(difference.max()) <= 2.0


def _cell(comparison: dict[str, object], strength: float) -> Path:
    [cell] = [cell for cell in comparison["cells"] if cell["strength"] == strength]  # type: ignore[attr-defined]
    return newest_run().comparison / cell["file"]


def _pixels(path: Path) -> list[list[list[int]]]:
    with Image.open(path) as picture:
        rgb = picture.convert("RGB")
        data = list(rgb.getdata())
    return [[list(pixel) for pixel in data[row * rgb.width : (row + 1) * rgb.width]] for row in range(rgb.height)]


def test_a_single_file_base_with_a_separate_vae_trains_and_compares(
    profile: Profile, tiny_base_directory: Path, tmp_path: Path
) -> None:
    profile.model.base = str(write_single_file(tiny_base_directory, tmp_path / "AbyssOrange.safetensors"))
    profile.model.config = str(tiny_base_directory)
    profile.model.vae = str(tiny_base_directory / "vae")
    profile.model.clip_skip = 2
    done = loratui("run", saved(profile, tmp_path), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    comparison = json.loads((newest_run().comparison / "comparison.json").read_text())
    assert "AbyssOrange" in json.dumps(comparison)


def test_compare_draws_again_with_other_bases_loras_and_epochs(
    profile: Profile, tiny_base_directory: Path, tmp_path: Path
) -> None:
    path = saved(profile, tmp_path)
    first = json.loads(loratui("run", path, "--json", cwd=tmp_path).stdout)
    other = tmp_path / "style.safetensors"
    other.write_bytes(Path(first["lora"]).read_bytes())
    done = loratui(
        "compare",
        path,
        "--json",
        "--set",
        "comparison.strengths=[0.5]",
        "--set",
        'comparison.prompts=["Emi <lora:disc:0.3>", "a cat <lora:style:0.9>"]',
        "--set",
        "comparison.epochs=[1, 2]",
        "--set",
        f'comparison.other_bases=["{tiny_base_directory}"]',
        "--set",
        f'comparison.other_loras=["{other}:0.6"]',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    comparison = json.loads((newest_run().comparison / "comparison.json").read_text())
    # 2 prompts × 2 epochs (the last is asked for once more, but drawn once) × 2 bases, each at 0 and 0.5
    assert len(comparison["cells"]) == 2 * 2 * 2 * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_worker_after_a_whole_step(profile: Profile, tmp_path: Path, number: signal.Signals) -> None:
    profile.training.epochs = 5000
    run_profile = subprocess.Popen(
        [sys.executable, "-m", "loratui", "run", saved(profile, tmp_path), "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    events: list[dict[str, object]] = []
    while not any(event["event"] == "step" for event in events):
        assert time.monotonic() < deadline
        time.sleep(0.1)
        events = [event for run in list_runs(runs_directory()) for event in read_events(run.events_path)]
    [pid] = [event["pid"] for event in events if event["event"] == "started"]
    os.kill(int(str(pid)), number)
    stdout, _ = run_profile.communicate(timeout=60)
    [run] = list_runs(runs_directory())
    last = read_events(run.events_path)[-1]
    assert (last["event"], last["signal"]) == ("stopped", number)
    assert run_profile.returncode == 128 + number
    assert json.loads(stdout)


def test_a_worker_that_fails_says_why_and_where_the_log_is(profile: Profile, tmp_path: Path) -> None:
    profile.training.unet_lr = 1.0
    profile.training.warmup = 0.0
    profile.training.max_grad_norm = 0.0
    profile.training.scheduler = "constant"
    profile.training.epochs = 30
    profile.network.alpha = 4000.0
    done = loratui("run", saved(profile, tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_comparison_that_fails_keeps_the_lora_and_can_be_drawn_again(
    profile: Profile, tiny_base_directory: Path, tmp_path: Path
) -> None:
    other = write_tiny_base(tmp_path / "other")
    profile.comparison.other_bases = [str(other)]
    path = saved(profile, tmp_path)
    # Present and plausible before the training, of no use afterwards: only the drawing can find out.
    unet = other / "unet" / "diffusion_pytorch_model.safetensors"
    unet.write_bytes(unet.read_bytes()[:-1000])
    done = loratui("run", path, "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert "is trained and verified, but its comparison was not drawn" in json.loads(done.stdout)["error"]
    assert (tmp_path / "out" / "disc.safetensors").is_file()
    again = loratui("compare", path, "--json", "--set", "comparison.other_bases=[]", cwd=tmp_path)
    assert again.returncode == 0, again.stdout
    assert Path(json.loads(again.stdout)["grid"]).is_file()


def test_what_cannot_be_drawn_is_refused_before_the_training(profile: Profile, tmp_path: Path) -> None:
    profile.comparison.prompts = ["Emi <lora:nosuch:1>"]
    done = loratui("run", saved(profile, tmp_path), "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert "nosuch" in json.loads(done.stdout)["error"]
    assert not (tmp_path / "out").exists()
    assert list_runs(runs_directory()) == ()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("accelerate.processes=3", None),
        ("training.optimizer=adamw8bit", "bitsandbytes"),
    ],
)
def test_what_this_installation_cannot_do_is_refused_before_the_training(
    profile: Profile, tmp_path: Path, setting: str, words: str | None
) -> None:
    if words == "bitsandbytes" and importlib.util.find_spec("bitsandbytes"):
        pytest.skip("bitsandbytes is installed here, so nothing is refused")
    changes = ["--set", setting] if words else ["--set", setting, "--set", "accelerate.gpu_ids=0"]
    done = loratui("run", saved(profile, tmp_path), "--json", *changes, cwd=tmp_path)
    assert done.returncode == 2
    assert (words or "names 1 GPU,") in json.loads(done.stdout)["error"]
    assert list_runs(runs_directory()) == ()
