"""Holds training in bf16 against fp32: `python -m tests.benchmarks.loss_curve` on the demo base, over 200 steps.

The yardstick is the spread between seeds in fp32: a precision that moves the curve less than another seed does cannot
be told from it. Curves are compared as means over stretches of 20 steps, since single losses follow their timesteps.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from loratui.profile.demo import demo_profile
from loratui.profile.schema import Accelerate, Comparison, Output
from loratui.runs.events import read_events
from tests.small_dataset import new_run

STEPS, STRETCH, SEEDS = 200, 20, (1, 2, 3)


def main() -> int:
    """Train, compare and print; 0 where bf16 lies within the spread of the seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["LORATUI_HOME"] = str(Path(name) / "home")
        seeds = {seed: curve(Path(name), "no", seed) for seed in SEEDS}
        halves = {seed: curve(Path(name), "bf16", seed) for seed in SEEDS}
    spread = max(apart(seeds[a], seeds[b]) for a in SEEDS for b in SEEDS if a < b)
    moved = {seed: apart(seeds[seed], halves[seed]) for seed in SEEDS}
    facts = {
        "steps": STEPS,
        "fp32": seeds,
        "bf16": halves,
        "spread of the seeds in fp32": spread,
        "bf16 from fp32, same seed": moved,
    }
    print(f"mean loss of the first and last {STRETCH} steps: {seeds[SEEDS[0]][0]:.4f}, {seeds[SEEDS[0]][-1]:.4f}")
    print(f"two seeds in fp32 differ by up to {spread:.4f}")
    print(f"bf16 and fp32 of one seed differ by up to {max(moved.values()):.4f}")
    if options.json:
        Path(options.json).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0 if max(moved.values()) <= spread else 1


def curve(directory: Path, precision: str, seed: int) -> list[float]:
    """Train the demo in a worker of its own and return the mean losses of its stretches."""
    profile = demo_profile().model_copy(
        update={
            "accelerate": Accelerate(device="cpu", mixed_precision=precision),  # type: ignore[arg-type]
            "comparison": Comparison(enabled=False),
            "output": Output(name="curve", directory=str(directory / f"{precision}-{seed}")),
        }
    )
    profile.training.steps, profile.training.seed = STEPS, seed
    run = new_run(profile, directory / "runs" / f"{precision}-{seed}")
    subprocess.run([sys.executable, "-m", "loratui.worker", str(run.path), "train"], check=True)
    losses = [float(event["loss"]) for event in read_events(run.events_path) if event["event"] == "step"]
    return [statistics.fmean(losses[start : start + STRETCH]) for start in range(0, STEPS, STRETCH)]


def apart(one: list[float], other: list[float]) -> float:
    """Return the root of the mean squared distance of two curves."""
    return float(statistics.fmean((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)


if __name__ == "__main__":
    sys.exit(main())
