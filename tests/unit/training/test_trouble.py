"""Trouble met by a real training in this process, with the fault at its real place: the UNet, the disk."""

import contextlib
import itertools
import math
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from loratui.diffusion.base_model import BaseModel
from loratui.errors import TrainingError
from loratui.lora_file.header import model_hash
from loratui.profile.schema import Profile
from loratui.runs.commands import STOP, send
from loratui.runs.launch import ACCEPT_SMALLER
from loratui.training.recipe import Recipe, Stopped
from loratui.training.trouble import Interrupted
from tests.training_in_pieces import Hook, Killed, Training, kill_at, profile_in_pieces


@pytest.fixture
def profile(tiny_base_directory: Path, tmp_path: Path) -> Profile:
    return profile_in_pieces(tiny_base_directory, tmp_path)


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
        "out of memory: now gradient checkpointing of 1 of 2 levels",
        "out of memory: now gradient checkpointing",
        "out of memory: now 2 × 2 pictures a step (same effective batch), gradient checkpointing",
        "out of memory: now 4 × 1 picture a step (same effective batch), gradient checkpointing",
    ]


def test_what_memory_taught_is_kept_over_a_resume(profile: Profile, tmp_path: Path) -> None:
    training = Training(profile, tmp_path / "runs")
    with pytest.raises(Stopped):
        training.go(before_forward=out_of_memory_above(1), between=lambda recipe: send(training.run, STOP))
    training.go(before_forward=out_of_memory_above(1))
    assert len(training.events("recovered")) == 4


def _without_room_for_the_largest_level(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Make a UNet's forward pass behave as on a card with room for a training step if that level is checkpointed."""

    def limited(self: Any, *arguments: Any, **named: Any) -> Any:
        if torch.is_grad_enabled() and not self.down_blocks[0].gradient_checkpointing:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, *arguments, **named)

    return limited


def test_the_preflight_checkpoints_unasked_and_a_resume_keeps_the_level(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile.training.accept_smaller = False
    training = Training(profile, tmp_path / "runs")
    monkeypatch.setattr(
        "diffusers.UNet2DConditionModel.forward", _without_room_for_the_largest_level(UNet2DConditionModel.forward)
    )
    checkpointed: list[bool] = []

    def watch(base: BaseModel) -> None:
        checkpointed.extend(block.gradient_checkpointing for block in base.unet.down_blocks)

    with pytest.raises(Killed):
        training.go(before_forward=kill_at(9), watch=watch)
    training.go(watch=watch)
    assert [(event["step"], event["what"]) for event in training.events("recovered")] == [
        (0, "out of memory: now gradient checkpointing of 1 of 2 levels")
    ]
    assert training.events("proposed") == []
    assert checkpointed == [True, False] * 2


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
    assert [event["what"] for event in training.events("proposed")] == [
        "2 × 2 pictures a step (same effective batch), gradient checkpointing"
    ] * 2
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


def test_an_overflow_without_end_is_a_plain_failure(profile: Profile, tmp_path: Path) -> None:
    profile.accelerate.mixed_precision = "fp16"
    calls = itertools.count()

    def overflow(_: torch.nn.Module, __: Any, output: Any) -> None:
        if output.sample.requires_grad and next(calls) >= 3:
            output.sample.register_hook(lambda gradient: gradient * math.inf)

    training = Training(profile, tmp_path / "runs")
    with pytest.raises(TrainingError, match=r"apart 4 times \(fp16 gradients overflow at step 4 at any"):
        training.go(after_forward=overflow)


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
