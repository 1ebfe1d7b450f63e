"""Which program starts a run's worker: itself, torchrun for several CPU processes, accelerate for several GPUs.

Every option is explicit, and the configuration file lies in the run, so that a `default_config.yaml` of the person's
own fills no gap. Writes that file and knows no process.
"""

import sys
from pathlib import Path

from loratui.environment.accelerate_config import config_values, yaml_text
from loratui.errors import RunError
from loratui.profile.schema import Accelerate
from loratui.runs.directory import RunDirectory

_WORKER = ["-m", "loratui.worker"]


def worker_program(run: RunDirectory, settings: Accelerate) -> tuple[list[str], dict[str, str]]:
    """Return the program that a worker is started with, and what it needs in its environment.

    Raises:
        RunError: The settings contradict each other, or the configuration file cannot be written.
    """
    environment = {} if settings.gpu_ids == "all" else {"CUDA_VISIBLE_DEVICES": settings.gpu_ids}
    if settings.processes == 1:
        return [sys.executable, *_WORKER], environment
    check_processes(settings)
    here = settings.processes // settings.machines
    if settings.device == "cpu":
        # accelerate itself starts several CPU processes only through MPI.
        rendezvous = ["--standalone"] if settings.machines == 1 else _rendezvous(settings)
        torchrun = ["-m", "torch.distributed.run", *rendezvous, "--nproc-per-node", str(here)]
        return [sys.executable, *torchrun, *_WORKER], {**environment, "ACCELERATE_USE_CPU": "true"}
    file = write_accelerate_config(run.path / "accelerate.yaml", settings)
    launch = ["-m", "accelerate.commands.launch", "--config_file", str(file)]
    return [sys.executable, *launch, *_WORKER], environment


def check_accelerate(settings: Accelerate, has_gpu: bool) -> None:
    """Refuse what this computer or the engine cannot do with these settings.

    Args:
        has_gpu: Whether this computer has a GPU that a training would see.

    Raises:
        RunError: There is no GPU to use, or the numbers do not fit together.
    """
    if settings.device == "cuda" and not has_gpu:
        # The worker would say the same, but only after everything before it.
        raise RunError(
            'The profile asks for a GPU (accelerate.device = "cuda"), but torch sees none.',
            'Check the driver with nvidia-smi, or set accelerate.device to "auto".',
        )
    check_processes(settings)


def check_processes(settings: Accelerate) -> None:
    """Refuse numbers of processes, machines and GPUs that do not fit together.

    Raises:
        RunError: They do not.
    """
    if settings.processes % settings.machines:
        raise RunError(
            f"accelerate.processes ({settings.processes}) cannot be shared evenly by accelerate.machines "
            f"({settings.machines}).",
            "Give every machine the same number of processes.",
        )
    here, gpus = settings.processes // settings.machines, settings.gpu_ids.split(",")
    if settings.gpu_ids != "all" and len(gpus) != here:
        raise RunError(
            f"accelerate.gpu_ids names {len(gpus)} GPU{'' if len(gpus) == 1 else 's'}, but this machine is to run "
            f"{here} process{'' if here == 1 else 'es'}.",
            "Name one GPU per process, or set accelerate.gpu_ids to all.",
        )


def write_accelerate_config(file: Path, settings: Accelerate) -> Path:
    """Write accelerate's own configuration for these settings, complete, and return its path.

    Raises:
        RunError: It cannot be written.
    """
    values = {
        # Precision is the engine's own; accelerate only starts processes.
        **config_values(settings, "no", on_cpu=False),
        "dynamo_backend": "no",
        "gpu_ids": "all",  # the visible ones: CUDA_VISIBLE_DEVICES holds the choice
        "main_process_ip": settings.main_address or "127.0.0.1",
        "main_process_port": settings.main_port,
    }
    try:
        file.write_text(yaml_text(values), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{file} cannot be written: {error.strerror or error}.") from error
    return file


def _rendezvous(settings: Accelerate) -> list[str]:
    return [
        "--nnodes",
        str(settings.machines),
        "--node-rank",
        str(settings.machine_rank),
        "--master-addr",
        settings.main_address,
        "--master-port",
        str(settings.main_port),
    ]
