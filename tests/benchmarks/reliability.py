"""Measures what reliability costs: `python -m tests.benchmarks.reliability` prints the table in README.

Lost work is counted in steps over real kills of a real worker; a save and an event are timed where the training calls
them. Sizes are those of the demo and of a rank-16 LoRA of SD 1.5's 192 UNet layers.
"""

import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, read_events
from loratui.training.adjustments import Adjustments
from loratui.training.checkpoint import TrainingState, save_state
from tests.small_dataset import new_run, small_profile, write_pictures
from tests.tiny_base import write_tiny_base

KILLS = 10
REPETITIONS = 20
# Parameters of a rank-16 LoRA on the 192 UNet layers of SD 1.5, by kohya's list of shapes.
SD15_PARAMETERS = 6_782_976


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        os.environ["LORATUI_HOME"] = str(directory / "home")
        step_seconds, lost, between_states = killed_runs(directory)
        event = event_seconds(directory)
        rows = [
            ("steps lost by a SIGKILL, mean and most", f"{statistics.mean(lost):.1f}, {max(lost)}"),
            ("steps between two states in that run", str(between_states)),
            ("writing a step's event", f"{event * 1e6:.0f} µs"),
            ("… as a share of that run's step", f"{event / step_seconds:.2%} of {step_seconds * 1e3:.0f} ms"),
            ("saving a state of a rank-16 SD 1.5 LoRA", f"{save_seconds(directory, SD15_PARAMETERS):.2f} s"),
        ]
    for what, figure in rows:
        print(f"| {what} | {figure} |")


def killed_runs(directory: Path) -> tuple[float, list[int], int]:
    """Kill a worker again and again; returns seconds of a step, steps lost per kill, and steps between states."""
    base = write_tiny_base(directory / "base" / "tiny")
    profile = small_profile(
        base,
        write_pictures(directory / "2_disc", count=8),
        directory / "out",
        training={"epochs": 500, "batch_size": 2, "save_every": 100},
        comparison={"enabled": False},
    )
    run = new_run(profile, directory / "runs")
    moments = random.Random(1)
    for attempt in range(1, KILLS + 1):
        process = subprocess.Popen(
            [sys.executable, "-m", "loratui.worker", str(run.path), "train"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not _has_stepped(run, attempt):
            time.sleep(0.02)
        time.sleep(moments.uniform(0.2, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    events = read_events(run.events_path)
    seconds = [event["seconds"] for event in events if event["event"] == "step"]
    lost = []
    for attempt in range(2, KILLS + 1):
        before = max(e["step"] for e in events if e["event"] == "step" and e["attempt"] == attempt - 1)
        resumed = next(e["step"] for e in events if e["event"] == "resumed" and e["attempt"] == attempt)
        lost.append(before - resumed)
    states = sorted({event["step"] for event in events if event["event"] == "state"})
    return statistics.median(seconds), lost, math.gcd(*states[1:])


def _has_stepped(run: RunDirectory, attempt: int) -> bool:
    return any(e["event"] == "step" and e["attempt"] == attempt for e in read_events(run.events_path))


def event_seconds(directory: Path) -> float:
    """Median seconds of writing one step's event."""
    times = []
    with EventWriter(directory / "events.jsonl") as events:
        for step in range(2000):
            began = time.perf_counter()
            events.write("step", step=step, epoch=1, loss=0.1, lr=1e-4, gradient_norm=0.5, seconds=0.1)
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def save_seconds(directory: Path, parameters: int) -> float:
    """Median seconds of saving a state: masters and AdamW's two moments in fp32, synced to the disk."""
    names = ("master.unet", "optimizer.0.exp_avg", "optimizer.0.exp_avg_sq")
    tensors = {name: torch.rand(parameters) for name in names}
    state = TrainingState(
        step=1,
        ended_epochs=0,
        tensors=tensors,
        scalars={},
        losses=[0.1] * 1000,
        adjustments=Adjustments(),
        epoch_files={},
    )
    return statistics.median(save_state(directory / "state", state).seconds for _ in range(REPETITIONS))


if __name__ == "__main__":
    main()
