"""Two CPU processes over gloo: the losses of one with twice the batch, one writer, and no hang when one dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loratui.errors import RunError
from loratui.profile.schema import Accelerate, Profile
from loratui.runs.directory import RunDirectory
from loratui.runs.launcher import worker_program
from loratui.runs.lock import is_alive
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.small_project import events_of, wait_until


def profile_for(base: Path, tmp_path: Path, *, processes: int, batch: int, epochs: int = 2) -> Profile:
    profile = small_profile(
        base,
        write_pictures(tmp_path / "2_disc"),
        tmp_path / "out",
        training={"batch_size": batch, "epochs": epochs},
        network={"train_text_encoder": True},
        output={"name": f"by{processes}"},
        comparison={"enabled": False},
    )
    profile.accelerate.device = "cpu"
    profile.accelerate.processes = processes
    return profile


def start(profile: Profile, tmp_path: Path, **more_environment: str) -> tuple[RunDirectory, subprocess.Popen[bytes]]:
    run = new_run(profile, tmp_path / "runs")
    program, environment = worker_program(run, profile.accelerate)
    with open(run.log_path, "ab") as log:
        process = subprocess.Popen(
            [*program, str(run.path), "train"],
            env={**os.environ, **environment, "OMP_NUM_THREADS": "1", **more_environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return run, process


def test_two_processes_train_like_one_with_twice_the_batch(tiny_base_directory: Path, tmp_path: Path) -> None:
    losses = []
    for processes, batch in ((1, 4), (2, 2)):
        run, process = start(profile_for(tiny_base_directory, tmp_path, processes=processes, batch=batch), tmp_path)
        assert process.wait(timeout=240) == 0, run.log_path.read_text()[-2000:]
        losses.append([event["loss"] for event in events_of(run, "step")])
        assert len(events_of(run, "started")) == len(events_of(run, "finished")) == 1
        assert len(events_of(run, "validation")) == 3
    assert len(losses[0]) == 6
    # The same samples and draws in another order of addition.
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "by1-000001.safetensors",
        "by1.safetensors",
        "by2-000001.safetensors",
        "by2.safetensors",
    ]


# What Python runs at its start: the second process has a UNet that behaves as on a card with room for one picture.
_SMALL_SECOND_CARD = """
import os
if os.environ.get("RANK") == "1":
    import torch
    from diffusers import UNet2DConditionModel
    forward = UNet2DConditionModel.forward
    def limited(self, sample, *arguments, **named):
        if torch.is_grad_enabled() and sample.shape[0] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, sample, *arguments, **named)
    UNet2DConditionModel.forward = limited
"""


def test_out_of_memory_in_one_process_makes_all_go_on_smaller(tiny_base_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_SMALL_SECOND_CARD)
    losses = []
    for environment in ({}, {"PYTHONPATH": str(tmp_path / "site")}):
        profile = profile_for(tiny_base_directory, tmp_path, processes=2, batch=2)
        profile.training.accept_smaller = True
        run, process = start(profile, tmp_path, **environment)
        assert process.wait(timeout=240) == 0, run.log_path.read_text()[-2000:]
        losses.append([event["loss"] for event in events_of(run, "step")])
    assert [event["what"] for event in events_of(run, "recovered")] == [
        "out of memory: now gradient checkpointing of 1 of 2 levels",
        "out of memory: now gradient checkpointing",
        "out of memory: now 2 × 1 picture a step (same effective batch), gradient checkpointing",
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_killed_process_ends_the_run_as_failed(tiny_base_directory: Path, tmp_path: Path) -> None:
    run, process = start(profile_for(tiny_base_directory, tmp_path, processes=2, batch=2, epochs=5000), tmp_path)
    wait_until(lambda: events_of(run, "step") or process.poll() is not None, 120)
    assert events_of(run, "step"), run.log_path.read_text()[-2000:]
    os.kill(_second_process(run), signal.SIGKILL)
    assert process.wait(timeout=120) != 0
    [failed] = events_of(run, "failed")
    assert "processes lost each other" in failed["what"]
    assert not is_alive(run)


def test_a_stop_reaches_all_processes_at_the_same_step(tiny_base_directory: Path, tmp_path: Path) -> None:
    run, process = start(profile_for(tiny_base_directory, tmp_path, processes=2, batch=2, epochs=5000), tmp_path)
    wait_until(lambda: events_of(run, "step") or process.poll() is not None, 120)
    assert events_of(run, "step"), run.log_path.read_text()[-2000:]
    [started] = events_of(run, "started")
    os.kill(started["pid"], signal.SIGTERM)
    process.wait(timeout=120)
    [stopped] = events_of(run, "stopped")
    assert stopped["step"] == events_of(run, "step")[-1]["step"]
    assert Path(stopped["lora"]).is_file()


def _second_process(run: RunDirectory) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                is_ours = os.fsencode(run.path) in (entry / "cmdline").read_bytes()
                if is_ours and b"\0RANK=1\0" in (entry / "environ").read_bytes():
                    return int(entry.name)
            except OSError:
                continue
    raise AssertionError("there is no second process")


def test_several_gpus_are_started_by_accelerate_with_nothing_left_open(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    program, environment = worker_program(run, Accelerate(processes=2, gpu_ids="0,2"))
    assert program[1:4] == ["-m", "accelerate.commands.launch", "--config_file"]
    assert environment == {"CUDA_VISIBLE_DEVICES": "0,2"}
    check = (
        "from accelerate.commands.config.config_args import load_config_from_file;"
        f"c = load_config_from_file({str(tmp_path / 'accelerate.yaml')!r});"
        "print(c.num_processes, c.mixed_precision, c.distributed_type.value, c.num_machines, c.gpu_ids)"
    )
    told = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["2", "no", "MULTI_GPU", "1", "all"]


def test_one_process_starts_the_worker_itself(tmp_path: Path) -> None:
    assert worker_program(RunDirectory(tmp_path), Accelerate()) == ([sys.executable, "-m", "loratui.worker"], {})


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"processes": 3, "machines": 2, "main_address": "10.0.0.1"}, "cannot be shared evenly"),
        ({"processes": 2, "gpu_ids": "0"}, "names 1 GPU, but this machine is to run 2 processes"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(tmp_path: Path, settings: dict[str, object], what: str) -> None:
    with pytest.raises(RunError, match=what):
        worker_program(RunDirectory(tmp_path), Accelerate(**settings))
