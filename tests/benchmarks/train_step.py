"""Measures training against the programs that people use, on the same weights, pictures, settings and computer.

`python -m tests.benchmarks.train_step --arch sd15 --resolution 512 --batch 2 --rank 16 --tokenizers DIR
[--peer kohya=DIR] [--peer diffusers=DIR]` prints a table and writes the same as JSON. A peer's folder holds its own
unmodified scripts and, in `.venv`, the Python that they need; `probe/` watches all of them alike from outside.

kohya: a checkout of kohya-ss/sd-scripts; beside torch 2.13 its `.venv` held transformers 4.54.1, diffusers 0.32.1,
accelerate 1.6.0, huggingface-hub 0.34.3, safetensors 0.4.5, numpy below 2, imagesize, ftfy, einops, toml, voluptuous,
opencv-python-headless 4.10, tensorboard, and torchvision 0.28 without its dependencies. diffusers: a folder with
`examples/text_to_image`, and the versions that loratui has with peft, datasets, tensorboard and torchvision.

Each program trains twice: a few steps first, which warm the disk and let loratui measure its step beforehand as it does
once per computer and shape, and then the steps that count. Nothing else may run meanwhile: a second busy process on a
small computer makes everything many times slower.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from loratui.runs.events import read_events
from tests.benchmarks.random_base import write_random_base
from tests.benchmarks.trainers import PEERS, Job, Loratui, Trainer
from tests.small_dataset import write_pictures

PROBE = Path(__file__).parent / "probe"
# The guide's job: 15 pictures, shown 5 times an epoch, 10 epochs.
PICTURES, REPEATS, EPOCHS = 15, 5, 10
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Measured:
    """What one program did.

    Attributes:
        steps_per_second: After the warm-up.
        step_seconds: Median of a step; on a GPU the host runs ahead, and only the rate counts.
        first_step_seconds: From the command to the end of the first step.
        whole_seconds: From the command to the process's end.
        peak_memory_bytes: Most main memory of the process.
        allocated_bytes, reserved_bytes: Most memory of the GPU, as torch counts it; None on the CPU.
        waits_per_step: How often the host waited for the GPU in a step; None on the CPU.
    """

    steps: int
    steps_per_second: float
    step_seconds: float
    first_step_seconds: float
    whole_seconds: float
    peak_memory_bytes: int
    allocated_bytes: int | None = None
    reserved_bytes: int | None = None
    waits_per_step: float | None = None


def main() -> int:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        work = Path(options.work or name)
        work.mkdir(parents=True, exist_ok=True)
        job = _job(options, work)
        trainers: list[Trainer] = [Loratui()]
        for peer in options.peer:
            kind, _, folder = peer.partition("=")
            trainers.append(PEERS[kind](Path(folder).resolve()))
        found: dict[str, Measured] = {}
        for trainer in trainers:
            say(f"{trainer.name}: warming up")
            folder = work / trainer.name
            measure(trainer, replace(job, steps=2), folder)
            if job.precision == "auto":
                job = replace(job, precision=_own_precision(folder))
            say(f"{trainer.name}: {job.steps} steps")
            found[trainer.name] = measure(trainer, job, folder)
    facts = {"machine": machine(job.device), "job": _told(job), "trainers": {k: asdict(v) for k, v in found.items()}}
    if job.arch != "demo":
        facts["arithmetic"] = _arithmetic(job, found["loratui"])
    print(table(facts))
    if options.json:
        Path(options.json).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(trainer: Trainer, job: Job, work: Path) -> Measured:
    """Have a trainer do the job, watched.

    Raises:
        RuntimeError: It ended before its last step, with the end of what it said.
    """
    work.mkdir(parents=True, exist_ok=True)
    seen_file, log = work / "steps.json", work / "output.log"
    seen_file.unlink(missing_ok=True)
    environment = os.environ | {
        "PYTHONPATH": str(PROBE) if trainer.folder else os.pathsep.join([str(PROBE), *sys.path[:1]]),
        "LORATUI_PROBE": str(seen_file),
        "LORATUI_PROBE_FROM": str(min(WARM_UP_STEPS, job.steps)),
        "LORATUI_PROBE_TO": str(job.steps),
        "LORATUI_HOME": str(work / "home"),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "WANDB_MODE": "disabled",
    }
    if trainer.folder:
        environment["LORATUI_PROBE_TORCHVISION"] = "1"
    if job.cap:
        environment["LORATUI_PROBE_CAP"] = str(job.cap)
    if job.device == "cpu":
        environment |= {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "1"}
    command = trainer.command(job, work)
    began = time.monotonic()
    with open(log, "wb") as told:
        code = subprocess.run(
            command, cwd=trainer.folder, env=environment, stdout=told, stderr=subprocess.STDOUT, check=False
        ).returncode
    whole = time.monotonic() - began
    if code or not seen_file.is_file():
        raise RuntimeError(f"{trainer.name} ended with {code}:\n{log.read_text(errors='replace')[-3000:]}")
    return _measured(json.loads(seen_file.read_text()), began, whole)


def _measured(seen: dict[str, object], began: float, whole: float) -> Measured:
    ends = [float(end) for end in seen["steps"]]  # type: ignore[attr-defined]
    counted = ends[min(WARM_UP_STEPS, len(ends)) - 1 :]
    durations = [after - before for before, after in itertools.pairwise(counted)] or [ends[0] - began]
    waits = seen.get("host_waits")
    return Measured(
        steps=len(ends),
        steps_per_second=len(durations) / sum(durations),
        step_seconds=statistics.median(durations),
        first_step_seconds=ends[0] - began,
        whole_seconds=whole,
        peak_memory_bytes=int(str(seen["peak_memory_bytes"])),
        allocated_bytes=seen.get("allocated_bytes"),  # type: ignore[arg-type]
        reserved_bytes=seen.get("reserved_bytes"),  # type: ignore[arg-type]
        waits_per_step=None if waits is None else float(str(waits)) / max(len(counted) - 1, 1),
    )


def machine(device: str) -> dict[str, object]:
    """Say in words what was measured on."""
    import torch

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    told: dict[str, object] = {
        "cpu": f"{os.cpu_count()} cores, {names[0].partition(': ')[2] if names else platform.processor()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device == "cuda":
        told["gpu"] = torch.cuda.get_device_name()
    return told


def table(facts: dict[str, object]) -> str:
    """Return the figures as a table in Markdown, a program each column."""
    trainers: dict[str, dict[str, float | None]] = facts["trainers"]  # type: ignore[assignment]
    own = trainers["loratui"]
    lines = [f"{key}: {value}" for key, value in {**facts["machine"], **facts["job"]}.items()]  # type: ignore[dict-item]
    lines += ["", f"| | {' | '.join(trainers)} |", f"|---|{'---|' * len(trainers)}"]
    for field, (what, unit, scale) in _ROWS.items():
        if own.get(field) is None:
            continue
        cells = []
        for name, figures in trainers.items():
            value = figures[field]
            ratio = f" ({own[field] / value:.2f} ×)" if name != "loratui" and value and own[field] is not None else ""  # type: ignore[operator]
            cells.append("–" if value is None else f"{value * scale:.2f} {unit}{ratio}".strip())
        lines.append(f"| {what} | {' | '.join(cells)} |")
    if "arithmetic" in facts:
        lines += ["", *(f"{key}: {value}" for key, value in facts["arithmetic"].items())]  # type: ignore[attr-defined]
    return "\n".join(lines)


_GIB = 1 / 2**30
_ROWS = {
    "steps_per_second": ("steps a second", "", 1.0),
    "step_seconds": ("a step, median", "s", 1.0),
    "first_step_seconds": ("to the end of the first step", "s", 1.0),
    "whole_seconds": ("the whole command", "s", 1.0),
    "peak_memory_bytes": ("most main memory", "GiB", _GIB),
    "allocated_bytes": ("most memory of the GPU, allocated", "GiB", _GIB),
    "reserved_bytes": ("most memory of the GPU, reserved", "GiB", _GIB),
    "waits_per_step": ("host waits for the GPU, a step", "", 1.0),
}


def _arithmetic(job: Job, own: Measured) -> dict[str, object]:
    """Set the measured rate against the arithmetic of a step over the device's rate at matrix products."""
    import torch

    from tests.benchmarks.arithmetic import count_step, matrix_rate

    dtype = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[job.precision]
    counted, rate = count_step(job.arch, job.resolution, job.batch, job.rank), matrix_rate(job.device, dtype)
    return {
        "operations a step (UNet)": f"{counted.step / 1e12:.3f} T",
        "matrix rate": f"{rate / 1e12:.2f} T/s",
        "the floor of a step": f"{counted.step / rate:.3f} s",
        "share of the matrix rate": f"{counted.step * own.steps_per_second / rate:.0%}",
    }


def _own_precision(work: Path) -> str:
    """Return the precision that loratui chose in its first run here."""
    events = next((work / "home").rglob("events.jsonl"))
    chosen = next(event["precision"] for event in read_events(events) if event["event"] == "base")
    return {"float32": "no", "float16": "fp16", "bfloat16": "bf16"}[str(chosen)]


def _job(options: argparse.Namespace, work: Path) -> Job:
    pictures = work / f"IMG{options.resolution}"
    if not pictures.is_dir():
        size = (options.resolution, options.resolution)
        write_pictures(pictures / f"{REPEATS}_emi_person", count=PICTURES, size=size)
    tokenizers = Path(options.tokenizers).resolve() if options.tokenizers else work
    base = write_random_base(options.arch, work / f"base-{options.arch}", tokenizers)
    return Job(
        arch=options.arch,
        resolution=options.resolution,
        batch=options.batch,
        rank=options.rank,
        text_encoder=options.text_encoder,
        checkpointing=options.checkpointing,
        device=options.device,
        precision=options.precision,
        steps=PICTURES * REPEATS * EPOCHS // options.batch if options.whole else options.steps,
        base=base,
        pictures=pictures,
        cap=options.cap,
        tokenizers=tokenizers,
    )


def _told(job: Job) -> dict[str, object]:
    return {key: value for key, value in asdict(job).items() if not isinstance(value, Path)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--arch", choices=["sd15", "sd21", "sdxl", "demo"], default="sd15")
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--text-encoder", action="store_true", help="train the text encoder too")
    parser.add_argument("--checkpointing", action="store_true", help="with gradient checkpointing")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cpu")
    parser.add_argument("--precision", choices=["auto", "no", "fp16", "bf16"], default="auto")
    parser.add_argument(
        "--cap",
        type=float,
        default=0.0,
        metavar="GIB",
        help="most memory of the GPU, without flash attention: 7 for an 8 GB RTX 2070",
    )
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--whole", action="store_true", help="the guide's whole job: 15 pictures × 5 × 10 epochs")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=DIR", help="kohya=DIR or diffusers=DIR")
    parser.add_argument("--tokenizers", help="folder with CLIP's `tokenizer` (and `tokenizer_2`)")
    parser.add_argument("--work", help="kept: bases of random weights are written there once")
    parser.add_argument("--json", help="file for the figures")
    return parser.parse_args()


def say(text: str) -> None:
    """Tell what is being done."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
