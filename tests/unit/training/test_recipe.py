"""Whole trainings on the tiny base, in this process: losses, files, determinism, and what every setting reaches."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from loratui.errors import TrainingError
from loratui.lora_file.header import model_hash
from loratui.profile.schema import Profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, EventWriter, read_events
from loratui.training.processes import Processes
from loratui.training.recipe import Recipe, Stopped, TrainingResult
from loratui.training.requests import Requests
from tests.original_layout import write_single_file
from tests.small_dataset import new_run, small_profile, write_pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "2_disc")


@pytest.fixture
def profile(tiny_base_directory: Path, pictures: Path, tmp_path: Path) -> Profile:
    return small_profile(tiny_base_directory, pictures, tmp_path / "out")


def train(profile: Profile, tmp_path: Path, **changes: Any) -> tuple[TrainingResult, list[Event], RunDirectory]:
    """Train `profile` with `section__field=value` changes."""
    changed = profile.model_copy(deep=True)
    for name, value in changes.items():
        section, field = name.split("__")
        setattr(getattr(changed, section), field, value)
    run = new_run(changed, tmp_path / "runs")
    with EventWriter(run.events_path) as events:
        recipe = Recipe(run, events, Requests(run, 0), Processes(torch.device("cpu")))
        recipe.setup()
        recipe.train()
        result = recipe.finish()
    return result, read_events(run.events_path), run


def losses(events: list[Event]) -> list[float]:
    return [event["loss"] for event in events if event["event"] == "step"]


def test_losses_are_the_expected_ones(profile: Profile, tmp_path: Path) -> None:
    """Regression: any change of draws, weights, precision or optimizer shows here first."""
    _, events, _ = train(profile, tmp_path)
    assert losses(events) == pytest.approx(EXPECTED_LOSSES, rel=1e-3)
    validated = [event for event in events if event["event"] == "validation"]
    assert all(event["peak_memory_bytes"] > 0 for event in validated)
    validation = [event["loss"] for event in validated]
    assert validation == pytest.approx(EXPECTED_VALIDATION, rel=1e-3)
    assert validation[0] > validation[1] > validation[2]


def test_a_single_file_trains_and_its_base_says_which_tokenizer_it_took(
    profile: Profile, tiny_base_directory: Path, tmp_path: Path
) -> None:
    profile.model.base = str(write_single_file(tiny_base_directory, tmp_path / "tiny.safetensors"))
    profile.model.config = str(tiny_base_directory)
    run = new_run(profile, tmp_path / "runs")
    with EventWriter(run.events_path) as events:
        Recipe(run, events, Requests(run, 0), Processes(torch.device("cpu"))).setup()
    [told] = [event["tokenizer"] for event in read_events(run.events_path) if event["event"] == "base"]
    assert told == f"The tokenizer is that of {tiny_base_directory} (model.config)."


def test_files_are_written_per_epoch_and_verified(profile: Profile, tmp_path: Path) -> None:
    result, events, _ = train(profile, tmp_path, training__epochs=3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "disc-000001.safetensors",
        "disc-000002.safetensors",
        "disc.safetensors",
    ]
    assert result.epoch_files == {
        1: tmp_path / "out" / "disc-000001.safetensors",
        2: tmp_path / "out" / "disc-000002.safetensors",
        3: result.lora,
    }
    [verified] = [event for event in events if event["event"] == "verified"]
    assert verified["error"] < verified["bound"]
    assert len({model_hash(path) for path in (tmp_path / "out").iterdir()}) == 3


def test_saving_can_be_rarer_and_old_files_go(profile: Profile, tmp_path: Path) -> None:
    train(profile, tmp_path, training__epochs=6, training__save_every=2, training__keep_last=1)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["disc-000004.safetensors", "disc.safetensors"]


def test_the_same_profile_and_seed_train_the_same_tensors(profile: Profile, tmp_path: Path) -> None:
    settings = {"dataset__shuffle": True, "dataset__flip": True, "network__dropout": 0.1}
    first = train(profile, tmp_path, output__name="one", **settings)[0]
    torch.manual_seed(99)
    second = train(profile, tmp_path, output__name="two", **settings)[0]
    other = train(profile, tmp_path, output__name="three", training__seed=43, **settings)[0]
    assert model_hash(first.lora) == model_hash(second.lora)
    assert model_hash(first.lora) != model_hash(other.lora)


def test_accumulation_gives_the_losses_of_the_larger_batch(profile: Profile, tmp_path: Path) -> None:
    whole = losses(train(profile, tmp_path, training__batch_size=4, output__name="a")[1])
    pieces = losses(
        train(profile, tmp_path, training__batch_size=2, training__gradient_accumulation=2, output__name="b")[1]
    )
    assert len(whole) == len(pieces) == 6
    assert pieces == pytest.approx(whole, rel=1e-4)


def test_steps_end_a_training_within_an_epoch(profile: Profile, tmp_path: Path) -> None:
    result, events, _ = train(profile, tmp_path, training__steps=5, training__epochs=99)
    assert result.steps == 5
    assert [event["epoch"] for event in events if event["event"] == "step"] == [1, 1, 1, 1, 2]


def test_learning_rates_follow_warm_up_and_schedule(profile: Profile, tmp_path: Path) -> None:
    _, events, _ = train(profile, tmp_path, training__scheduler="linear", training__warmup=0.25, training__epochs=2)
    rates = [event["lr"] for event in events if event["event"] == "step"]
    assert rates == pytest.approx([0.0, 5e-4, 1e-3, 8.33e-4, 6.67e-4, 5e-4, 3.33e-4, 1.67e-4], rel=1e-2)


@pytest.mark.parametrize(
    "changes",
    [
        {"network__train_text_encoder": True},
        {"network__conv_rank": 2},
        {"dataset__shuffle": True},
        {"dataset__dropout": 0.5},
        {"dataset__tag_dropout": 0.5},
        {"dataset__flip": True},
        {"dataset__max_token_length": 150},
        {"model__clip_skip": 2},
        {"model__prediction": "v_prediction"},
        {"network__dropout": 0.5},
        {"training__noise_offset": 0.1},
        {"training__min_snr_gamma": 0.0},
        {"training__max_grad_norm": 0.01},
        {"training__weight_decay": 0.5},
        {"network__alpha": 1.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_setting_reaches_the_result(profile: Profile, tmp_path: Path, changes: dict[str, Any]) -> None:
    plain = train(profile, tmp_path, output__name="plain", output__precision="fp32")[0]
    changed = train(profile, tmp_path, output__name="changed", output__precision="fp32", **changes)[0]
    first, second = load_file(plain.lora), load_file(changed.lora)
    ups = [name for name in first if "lora_up" in name]
    assert first.keys() != second.keys() or any(not torch.equal(first[name], second[name]) for name in ups)


def test_checkpointing_trains_the_same(profile: Profile, tmp_path: Path) -> None:
    settings = {"network__train_text_encoder": True, "network__dropout": 0.1}
    plain = losses(train(profile, tmp_path, output__name="a", **settings)[1])
    saved = losses(train(profile, tmp_path, output__name="b", training__gradient_checkpointing=True, **settings)[1])
    assert saved == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_what_fp32_learns(profile: Profile, tmp_path: Path, precision: str) -> None:
    settings = {"training__unet_lr": 1e-2, "output__precision": "fp32", "training__epochs": 4}
    plain, events, _ = train(profile, tmp_path, output__name="a", **settings)
    half, half_events, _ = train(profile, tmp_path, output__name="b", accelerate__mixed_precision=precision, **settings)
    drops = [[event["loss"] for event in of if event["event"] == "validation"] for of in (events, half_events)]
    assert drops[0][0] - drops[0][-1] > 0.02
    assert drops[1][0] - drops[1][-1] == pytest.approx(drops[0][0] - drops[0][-1], rel=0.1)
    ups = [torch.cat([t.flatten() for n, t in load_file(r.lora).items() if "lora_up" in n]) for r in (plain, half)]
    assert float(torch.nn.functional.cosine_similarity(*ups, dim=0)) > 0.95


def test_regularisation_pictures_take_part(profile: Profile, tmp_path: Path) -> None:
    regular = write_pictures(tmp_path / "reg" / "1_thing", count=3)
    _, events, _ = train(profile, tmp_path, dataset__regularisation_path=str(regular))
    assert len(losses(events)) == 2 * 8  # as many regularisation samples as training samples


def test_the_file_tells_its_training(profile: Profile, tmp_path: Path) -> None:
    result, _, _ = train(profile, tmp_path)
    with safe_open(result.lora, framework="pt") as file:
        metadata = file.metadata()
        keys = set(file.keys())
    assert metadata["ss_output_name"] == "disc"
    assert (metadata["ss_epoch"], metadata["ss_num_epochs"], metadata["ss_steps"]) == ("2", "2", "8")
    assert metadata["ss_network_dim"] == "4"
    assert json.loads(metadata["ss_dataset_dirs"])["2_disc"] == {"n_repeats": 2, "img_count": 6}
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert metadata["sshs_model_hash"] == model_hash(result.lora)
    assert str(tmp_path) not in str(metadata)
    assert all(re.fullmatch(r"lora_unet_\w+\.(lora_down\.weight|lora_up\.weight|alpha)", key) for key in keys)


def test_a_verified_file_is_installed(profile: Profile, tmp_path: Path) -> None:
    folder = tmp_path / "webui" / "models" / "Lora"
    folder.mkdir(parents=True)
    result, _, _ = train(profile, tmp_path, output__install_to=[str(tmp_path / "webui")])
    assert (folder / "disc.safetensors").read_bytes() == result.lora.read_bytes()


def test_a_diverging_training_ends_with_a_sentence(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="came apart"):
        train(
            profile,
            tmp_path,
            training__unet_lr=1.0,
            training__warmup=0.0,
            training__epochs=30,
            training__scheduler="constant",
            training__max_grad_norm=0.0,
            network__alpha=4000.0,
        )


def test_a_stop_ends_after_a_whole_step(profile: Profile, tmp_path: Path) -> None:
    run = new_run(profile, tmp_path / "runs")
    requests = Requests(run, 0)
    with EventWriter(run.events_path) as events:
        recipe = Recipe(run, events, requests, Processes(torch.device("cpu")))
        recipe.setup()
        requests.signal_number = 15
        with pytest.raises(Stopped) as stopped:
            recipe.train()
    assert stopped.value.step == 1
    assert len(losses(read_events(run.events_path))) == 1


EXPECTED_LOSSES = [0.82015, 1.09499, 1.10903, 1.11323, 1.10344, 0.79078, 1.12466, 1.07785]
EXPECTED_VALIDATION = [1.02974, 1.01913, 1.01593]
