"""Resume, states and requests: a training that was ended goes on as if it had not been."""

import dataclasses
import shutil
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

from loratui.errors import TrainingError
from loratui.lora_file.header import model_hash
from loratui.profile.schema import Profile
from loratui.runs import measured
from loratui.runs.commands import PREVIEW, SAVE, STOP, STOP_AFTER_EPOCH, commands_size, send
from loratui.runs.events import EventWriter
from loratui.training.preflight import facts_of
from loratui.training.processes import Processes
from loratui.training.recipe import Recipe, Stopped
from loratui.training.requests import Requests
from tests.tiny_base import write_tiny_base
from tests.training_in_pieces import Killed, Training, kill_at, profile_in_pieces


@pytest.fixture
def profile(tiny_base_directory: Path, tmp_path: Path) -> Profile:
    return profile_in_pieces(tiny_base_directory, tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dataset": {"shuffle": True, "flip": True, "dropout": 0.2}, "network": {"dropout": 0.1}},
        {"network": {"train_text_encoder": True, "rank": 4, "alpha": 4.0}, "accelerate": {"mixed_precision": "bf16"}},
    ],
    ids=["plain", "with every draw", "text encoder in bf16"],
)
def test_a_resumed_training_ends_in_the_same_tensors(
    profile: Profile, tmp_path: Path, settings: dict[str, dict[str, Any]]
) -> None:
    for section, values in settings.items():
        for field, value in values.items():
            setattr(getattr(profile, section), field, value)
    whole = Training(profile, tmp_path / "runs").go()
    expected = model_hash(whole.lora)

    training = Training(profile, tmp_path / "runs")
    for forward in (9, 11, 13):
        with pytest.raises(Killed):
            training.go(before_forward=kill_at(forward))
    resumed = training.go()

    assert model_hash(resumed.lora) == expected
    assert resumed.epoch_files.keys() == whole.epoch_files.keys()
    assert [event["step"] for event in training.events("resumed")] != []


def test_eight_bit_adamw_trains_and_resumes_too(profile: Profile, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="the optional extra adamw8bit is not installed here")
    profile.training.optimizer = "adamw8bit"
    whole = Training(profile, tmp_path / "runs")
    expected = model_hash(whole.go().lora)
    losses = [event["loss"] for event in whole.events("validation")]
    assert losses[-1] < losses[0]
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Killed):
        training.go(before_forward=kill_at(25))
    assert model_hash(training.go().lora) == expected


def test_a_step_saved_in_mid_epoch_resumes_from_there(profile: Profile, tmp_path: Path) -> None:
    expected = model_hash(Training(profile, tmp_path / "runs").go().lora)
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Stopped) as stopped:
        training.go(between=lambda recipe: send(training.run, STOP))
    assert (stopped.value.step, stopped.value.command) == (1, STOP)
    assert stopped.value.lora == tmp_path / "out" / "disc-step00000001.safetensors"
    assert stopped.value.lora.is_file()
    resumed = training.go()
    assert model_hash(resumed.lora) == expected
    assert training.events("resumed")[0]["step"] == 1


def test_pictures_and_captions_changed_since_the_launch_change_nothing(profile: Profile, tmp_path: Path) -> None:
    expected = model_hash(Training(profile, tmp_path / "runs").go().lora)
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Killed):
        training.go(before_forward=kill_at(9))
    for file in (tmp_path / "2_disc").iterdir():
        file.unlink()
    assert model_hash(training.go().lora) == expected


def test_a_damaged_newest_state_costs_only_the_steps_since_the_one_before(profile: Profile, tmp_path: Path) -> None:
    expected = model_hash(Training(profile, tmp_path / "runs").go().lora)
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Killed):
        training.go(before_forward=kill_at(25))
    newest = max(training.run.state.iterdir())
    (newest / "tensors.safetensors").write_bytes(b"half")
    assert model_hash(training.go().lora) == expected
    assert any("damaged" in event["message"] for event in training.events("warning"))


def test_commands_are_answered_between_steps(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")

    def ask(recipe: Recipe) -> None:
        for command in (SAVE, PREVIEW, STOP_AFTER_EPOCH):
            send(training.run, command)

    with pytest.raises(Stopped) as stopped:
        training.go(between=ask)
    assert stopped.value.step == 3  # the epoch's end
    assert [event["command"] for event in training.events("told")] == [SAVE, PREVIEW, STOP_AFTER_EPOCH]
    assert (tmp_path / "out" / "disc-step00000001.safetensors").is_file()
    assert [Path(event["file"]).is_file() for event in training.events("preview")] == [True, True]


def test_a_preview_leaves_the_training_untouched(profile: Profile, tmp_path: Path) -> None:
    expected = model_hash(Training(profile, tmp_path / "runs").go().lora)
    training = Training(profile, tmp_path / "runs")
    result = training.go(between=lambda recipe: send(training.run, PREVIEW))
    assert model_hash(result.lora) == expected


def test_preflight_measures_and_leaves_the_training_untouched(profile: Profile, tmp_path: Path) -> None:
    first, second = (Training(profile, tmp_path / "runs") for _ in range(2))
    hashes = [model_hash(training.go().lora) for training in (first, second)]
    measured, remembered = (training.events("preflight")[0] for training in (first, second))
    assert hashes[0] == hashes[1]
    assert measured["seconds_per_step"] > 0
    assert (measured["remembered"], remembered["remembered"]) == (False, True)
    assert measured["peak_memory_bytes"] == remembered["peak_memory_bytes"]


def test_what_steps_really_took_replaces_what_a_busy_computer_was_measured_by(profile: Profile, tmp_path: Path) -> None:
    profile.training.epochs = 8
    first = Training(profile, tmp_path / "runs")

    def measured_while_busy(recipe: Recipe) -> None:
        facts = facts_of(recipe._bench)
        found = measured.recall(facts)
        assert found is not None
        measured.remember(facts, dataclasses.replace(found, seconds_per_step=900.0))

    first.go(between=measured_while_busy)
    second = Training(profile, tmp_path / "runs")
    second.go()
    told = second.events("preflight")[0]
    taken = sorted(event["seconds"] for event in first.events("step"))
    assert told["remembered"]
    assert taken[0] <= told["seconds_per_step"] <= taken[-1]
    assert told["seconds_per_step"] == median(taken)
    assert told["peak_memory_bytes"] == first.events("preflight")[0]["peak_memory_bytes"]


def test_a_stop_after_few_steps_leaves_what_was_measured(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Stopped):
        training.go(between=lambda recipe: send(training.run, STOP))
    again = Training(profile, tmp_path / "runs")
    again.go()
    before, after = (one.events("preflight")[0]["seconds_per_step"] for one in (training, again))
    assert before == after


def test_another_base_in_the_same_place_is_refused_at_resume(
    profile: Profile, tmp_path: Path, tiny_base_directory: Path
) -> None:
    copy = tmp_path / "base"
    shutil.copytree(tiny_base_directory, copy)
    profile.model.base = str(copy)
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Killed):
        training.go(before_forward=kill_at(25))
    write_tiny_base(copy, seed=9)
    with pytest.raises(TrainingError, match="not the one that this run was started with"):
        training.go()


def test_a_stop_in_setup_tells_the_step_that_is_kept(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Killed):
        training.go(before_forward=kill_at(35))
    kept = max(event["step"] for event in training.events("state"))
    requests = Requests(training.run, commands_size(training.run.commands_path))
    send(training.run, STOP)
    with EventWriter(training.run.events_path, 2) as events:
        recipe = Recipe(training.run, events, requests, Processes(torch.device("cpu")))
        with pytest.raises(Stopped) as stopped:
            recipe.setup()
    assert (stopped.value.step, stopped.value.command) == (kept, STOP)
    assert kept > 0


def test_states_are_never_older_than_the_limit(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loratui.training.recipe.SECONDS_BETWEEN_STATES", 0.0)
    training = Training(profile, tmp_path / "runs")
    training.go()
    assert {event["step"] for event in training.events("state")} == set(range(10))
