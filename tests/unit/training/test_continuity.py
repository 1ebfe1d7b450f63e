"""Trouble met by a real training in this process, with the fault at its real place: the UNet, the disk."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from loratui.errors import TrainingError
from loratui.lora_file.header import model_hash
from loratui.profile.schema import Profile
from loratui.runs.commands import PREVIEW, SAVE, STOP, STOP_AFTER_EPOCH, commands_size, send
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, EventWriter, read_events
from loratui.runs.launch import ACCEPT_SMALLER
from loratui.training.processes import Processes
from loratui.training.recipe import Recipe, Stopped, TrainingResult
from loratui.training.requests import Requests
from loratui.training.trouble import Interrupted
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.tiny_base import write_tiny_base

Hook = Callable[[torch.nn.Module, Any], None]


@pytest.fixture
def profile(tiny_base_directory: Path, tmp_path: Path) -> Profile:
    return small_profile(
        tiny_base_directory,
        write_pictures(tmp_path / "2_disc"),
        tmp_path / "out",
        training={"batch_size": 4, "epochs": 3, "accept_smaller": True},
    )


class Training:
    """A run that can be trained in pieces, each by a new recipe as after a new start."""

    def __init__(self, profile: Profile, root: Path) -> None:
        self.profile = profile
        self.run: RunDirectory = new_run(profile, root)
        self.attempt = 0

    def go(
        self,
        before_forward: Hook | None = None,
        after_forward: Callable[[torch.nn.Module, Any, Any], None] | None = None,
        between: Callable[[Recipe], None] | None = None,
    ) -> TrainingResult:
        self.attempt += 1
        with EventWriter(self.run.events_path, self.attempt) as events:
            recipe = Recipe(
                self.run,
                events,
                Requests(self.run, commands_size(self.run.commands_path)),
                Processes(torch.device("cpu")),
            )
            base = recipe.setup()
            if before_forward is not None:
                base.unet.register_forward_pre_hook(before_forward)
            if after_forward is not None:
                base.unet.register_forward_hook(after_forward)
            if between is not None:
                between(recipe)
            recipe.train()
            return recipe.finish()

    def events(self, kind: str) -> list[Event]:
        return [event for event in read_events(self.run.events_path) if event["event"] == kind]


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


def kill_at(forward: int) -> Hook:
    """A hook that ends the process at the n-th forward pass."""
    left = [forward]

    def hook(module: torch.nn.Module, inputs: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    return hook


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
    pytest.importorskip("bitsandbytes", reason="the optional extra adamw8bit is not installed")
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


def out_of_memory_above(batch: int) -> Hook:
    """A hook that behaves like a card with room for `batch` pictures in a training step."""

    def hook(module: torch.nn.Module, inputs: Any) -> None:
        if torch.is_grad_enabled() and inputs[0].shape[0] > batch:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    return hook


def test_out_of_memory_goes_on_in_smaller_pieces_with_the_same_result(profile: Profile, tmp_path: Path) -> None:
    whole = Training(profile, tmp_path / "runs")
    whole.go()
    training = Training(profile, tmp_path / "runs")
    training.go(before_forward=out_of_memory_above(1))
    losses = [[event["loss"] for event in of.events("step")] for of in (whole, training)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert [event["what"] for event in training.events("recovered")] == [
        "out of memory: now 2 × 2 pictures a step (same effective batch)",
        "out of memory: now 4 × 1 picture a step (same effective batch)",
    ]


def test_what_memory_taught_is_kept_over_a_resume(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Stopped):
        training.go(before_forward=out_of_memory_above(1), between=lambda recipe: send(training.run, STOP))
    training.go(before_forward=out_of_memory_above(1))
    assert len(training.events("recovered")) == 2


def test_pictures_become_smaller_where_the_profile_allows(profile: Profile, tmp_path: Path) -> None:
    profile.training.may_lower_resolution = True
    profile.dataset.bucket_reso_steps = 8

    def hook(module: torch.nn.Module, inputs: Any) -> None:
        if torch.is_grad_enabled() and inputs[0].shape[-1] > 12:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    training = Training(profile, tmp_path / "runs")
    result = training.go(before_forward=hook)
    assert result.steps == 9
    assert "pictures at 75%" in training.events("recovered")[-1]["what"]


def test_no_room_even_for_one_picture_is_a_plain_failure(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="one picture a step"):
        Training(profile, tmp_path / "runs").go(before_forward=out_of_memory_above(0))


def not_a_number_in(forwards: range) -> Callable[[torch.nn.Module, Any, Any], None]:
    """A hook that spoils the training forward passes with these numbers."""
    count = [-1]

    def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if torch.is_grad_enabled():
            count[0] += 1
            if count[0] in forwards:
                output.sample = output.sample * float("nan")

    return hook


def test_a_loss_that_is_no_number_goes_back_with_half_the_rate(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")
    result = training.go(after_forward=not_a_number_in(range(4, 5)))
    assert result.steps == 9
    [recovered] = training.events("recovered")
    assert recovered["step"] == 3
    steps = training.events("step")
    assert [event["step"] for event in steps] == [1, 2, 3, 4, 4, 5, 6, 7, 8, 9]
    assert steps[4]["lr"] == pytest.approx(steps[3]["lr"] / 2)


def test_the_lower_rate_is_kept_over_a_resume(profile: Profile, tmp_path: Path) -> None:
    straight = Training(profile, tmp_path / "runs")
    expected = straight.go(after_forward=not_a_number_in(range(4, 5)))
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Killed):
        training.go(before_forward=kill_at(9 * 2 + 10), after_forward=not_a_number_in(range(4, 5)))
    assert model_hash(training.go().lora) == model_hash(expected.lora)


def test_coming_apart_again_and_again_is_a_plain_failure(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(TrainingError, match="came apart 4 times"):
        training.go(after_forward=not_a_number_in(range(2, 1000)))
    assert len(training.events("recovered")) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 200 KiB."""
    place = tmp_path / "small-disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_interrupts_and_the_training_can_be_resumed(
    profile: Profile, tmp_path: Path, small_disk: Path
) -> None:
    whole = Training(profile, tmp_path / "runs").go()
    expected = model_hash(whole.lora)
    profile.output.directory = str(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(180 * 1024))
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Interrupted, match="No space left on device; the state of step 3 was saved"):
        training.go()
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    filler.unlink()
    resumed = training.go()
    assert model_hash(resumed.lora) == expected
    # What the full disk cut short at the epoch's end was made up for.
    assert resumed.epoch_files.keys() == whole.epoch_files.keys()
    assert all(path.is_file() for path in resumed.epoch_files.values())
    assert [event["step"] for event in training.events("step")] == list(range(1, 10))
    assert {event["epoch"] for event in training.events("validation")} == {0, 1, 2, 3}


def test_a_full_disk_of_the_runs_leaves_no_gap_in_the_history(
    profile: Profile, tmp_path: Path, small_disk: Path
) -> None:
    whole = Training(profile, tmp_path / "runs").go()
    training = Training(profile, tmp_path / "runs")
    training.run.events_path.unlink()
    training.run.events_path.symlink_to(small_disk / "events.jsonl")
    (small_disk / "events.jsonl").touch()

    def fill(recipe: Recipe) -> None:
        with contextlib.suppress(OSError), open(small_disk / "filler", "ab") as filler:
            while True:
                filler.write(bytes(4096))
                filler.flush()

    with pytest.raises(Interrupted, match="No space left"):
        training.go(between=fill)
    (small_disk / "filler").unlink()
    assert model_hash(training.go().lora) == model_hash(whole.lora)
    latest = {event["step"]: event for event in training.events("step")}
    assert sorted(latest) == list(range(1, 10))


def test_the_preflight_asks_again_after_a_refusal(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile.training.accept_smaller = False
    training = Training(profile, tmp_path / "runs")
    monkeypatch.setattr("diffusers.UNet2DConditionModel.forward", _small_card(UNet2DConditionModel.forward))
    for _ in range(2):
        with pytest.raises(TrainingError, match="more memory than cpu has free") as refused:
            training.go()
        assert "2 × 2 pictures a step" in refused.value.todo
    assert training.events("step") == []
    monkeypatch.setenv(ACCEPT_SMALLER, "1")
    assert training.go().steps == 9


def _small_card(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Make a UNet's forward pass behave as on a card with room for one picture in a training step."""

    def limited(self: torch.nn.Module, sample: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        if torch.is_grad_enabled() and sample.shape[0] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, sample, *arguments, **named)

    return limited


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


def test_fp16_overflow_is_told_and_costs_no_step(profile: Profile, tmp_path: Path) -> None:
    profile.accelerate.mixed_precision = "fp16"
    training = Training(profile, tmp_path / "runs")

    def raise_the_scale(recipe: Recipe) -> None:
        recipe._bench.step.loss_scale.scale = 2.0**24

    result = training.go(between=raise_the_scale)
    told = [event["what"] for event in training.events("recovered") if event["trouble"] == "overflow"]
    assert result.steps == 9
    assert told[0].startswith("fp16 overflowed at step 1")
    assert told[1].endswith("no step was lost")


def test_a_preview_that_cannot_be_written_harms_nothing(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")
    training.run.previews.write_text("in the way")
    assert training.go().steps == 9
    assert any("No preview" in event["message"] for event in training.events("warning"))


def test_an_output_directory_that_went_away_interrupts(profile: Profile, tmp_path: Path) -> None:
    profile.output.directory = str(tmp_path / "gone" / "out")
    (tmp_path / "gone").write_text("no directory")
    with pytest.raises(Interrupted, match="state of step 3 was saved"):
        Training(profile, tmp_path / "runs").go()
