"""A profile's devices as accelerate's own configuration: in a line, as YAML, and as its `default_config.yaml`.

Never imports accelerate: its classes do their part in a child process, `python -m loratui.accelerate_default`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loratui.environment.cpu import has_bf16_units
from loratui.environment.gpu import Gpu, has_amd_driver
from loratui.errors import ComputerError
from loratui.profile.schema import Accelerate
from loratui.safe_text import printable

Value = str | int | bool | dict[str, str]
Values = dict[str, Value]

# Settings that tell accelerate of no compilation; auto is decided by the engine.
_NO_BACKENDS = {"auto", "no"}
_BF16_CAPABILITY = (8, 0)
_CHILD = "loratui.accelerate_default"
_LONGEST_WAIT = 120.0
# What YAML reads as itself. Words such as `no`, which it reads as false, are put in quotes.
_PLAIN = re.compile(r"[A-Za-z][\w.-]*|\d+(\.\d+){2,}|\d+(,\d+)+", re.ASCII)
_NOT_PLAIN = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


@dataclass(frozen=True)
class DefaultConfig:
    """accelerate's `default_config.yaml` as it is, and as it would be.

    Attributes:
        before: What the file holds; None where there is none.
        after: What it would hold.
        difference: From one to the other, in the format of `diff -u`, a line each.
    """

    path: Path
    before: str | None
    after: str
    difference: tuple[str, ...]


def chosen_gpus(settings: Accelerate, gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Those of this machine's GPUs that a training may be given."""
    if settings.device == "cpu":
        return ()
    visible = tuple(gpu for gpu in gpus if gpu.visible)
    wanted = settings.gpu_ids.split(",")
    return visible if settings.gpu_ids == "all" else tuple(gpu for gpu in visible if str(gpu.index) in wanted)


def uses_cpu(settings: Accelerate, gpus: Sequence[Gpu]) -> bool:
    """Whether the training would run on the CPU."""
    if settings.device != "auto":
        return settings.device == "cpu"
    return not any(gpu.visible for gpu in gpus) and not has_amd_driver()


def precision_of(settings: Accelerate, gpus: Sequence[Gpu]) -> str:
    """The precision that `auto` stands for here.

    bf16 from compute capability 8.0 and on CPUs with bf16 units, fp16 on older GPUs, none on other CPUs.
    """
    if settings.mixed_precision != "auto":
        return settings.mixed_precision
    if uses_cpu(settings, gpus):
        return "bf16" if has_bf16_units() else "no"
    known = [gpu.capability for gpu in chosen_gpus(settings, gpus) if gpu.capability]
    # The engine asks torch, to which AMD's GPUs are above 8.0; a driver that does not tell belongs to an old card.
    return "bf16" if (min(known) >= _BF16_CAPABILITY if known else not gpus) else "fp16"


def found_here(gpus: Sequence[Gpu]) -> dict[str, str | int]:
    """The answers that suit this computer best, by the profile's own names: every GPU, one process each."""
    visible = [gpu for gpu in gpus if gpu.visible]
    device = "cuda" if visible or has_amd_driver() else "cpu"
    return {
        "accelerate.device": device,
        "accelerate.processes": max(1, len(visible)),
        "accelerate.gpu_ids": "all",
        "accelerate.mixed_precision": precision_of(Accelerate(), gpus),
        "accelerate.machines": 1,
        "accelerate.machine_rank": 0,
        "accelerate.dynamo": "auto",
    }


def in_a_line(settings: Accelerate, gpus: Sequence[Gpu]) -> str:
    """The settings as a person would say them: `1 GPU, fp16`."""
    on_cpu = uses_cpu(settings, gpus)
    here = settings.processes // settings.machines
    if on_cpu:
        parts = ["CPU" if here == 1 else f"CPU, {here} processes"]
    else:
        ids = "" if settings.gpu_ids == "all" else f" ({settings.gpu_ids.replace(',', ', ')})"
        parts = [f"{here} GPU{'' if here == 1 else 's'}{ids}"]
    if settings.machines > 1:
        parts.append(f"{settings.machines} machines, this is number {settings.machine_rank}")
    precision = precision_of(settings, gpus)
    parts.append("full precision" if precision == "no" else precision)
    if settings.dynamo not in _NO_BACKENDS:
        parts.append(f"compiled by {settings.dynamo}")
    return ", ".join(parts)


def config_values(settings: Accelerate, precision: str, on_cpu: bool) -> Values:
    """What accelerate's configuration would hold, by accelerate's own names.

    Args:
        precision: "no", "fp16" or "bf16".
        on_cpu: Whether no GPU is to be used.
    """
    values: Values = {
        "compute_environment": "LOCAL_MACHINE",
        "debug": False,
        "distributed_type": "NO" if settings.processes == 1 else "MULTI_CPU" if on_cpu else "MULTI_GPU",
        "downcast_bf16": "no",
        "enable_cpu_affinity": False,
        "gpu_ids": settings.gpu_ids,
        "machine_rank": settings.machine_rank,
        "main_training_function": "main",
        "mixed_precision": precision,
        "num_machines": settings.machines,
        "num_processes": settings.processes,
        "rdzv_backend": "static",
        "same_network": True,
        "tpu_use_cluster": False,
        "tpu_use_sudo": False,
        "use_cpu": on_cpu,
    }
    if settings.machines > 1:
        values |= {"main_process_ip": settings.main_address, "main_process_port": settings.main_port}
    if settings.dynamo not in _NO_BACKENDS:
        values["dynamo_config"] = {"dynamo_backend": settings.dynamo.upper()}
    return values


def yaml_text(values: Mapping[str, Value]) -> str:
    """The values as YAML, in the order in which accelerate writes them."""
    lines = []
    for key, value in sorted(values.items()):
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {inner}: {_scalar(text)}" for inner, text in sorted(value.items()))]
        else:
            lines.append(f"{key}: {_scalar(value)}")
    return "".join(f"{line}\n" for line in lines)


def compare_default(values: Values) -> DefaultConfig:
    """Ask accelerate's own classes what its `default_config.yaml` would hold, and what would change. Takes seconds.

    Raises:
        ComputerError: accelerate cannot be asked, or the file that is there cannot be read.
    """
    told = _ask_accelerate({"values": values, "write": False})
    before = told["before"]
    return DefaultConfig(
        Path(str(told["path"])),
        None if before is None else str(before),
        str(told["after"]),
        tuple(str(told["difference"]).splitlines()),
    )


def write_default(values: Values, shown: DefaultConfig) -> None:
    """Have accelerate's own classes write its `default_config.yaml`. Takes seconds.

    Args:
        shown: What the person has agreed to.

    Raises:
        ComputerError: it cannot be written, or is no longer what was shown.
    """
    _ask_accelerate({"values": values, "write": True, "before": shown.before})


def _ask_accelerate(question: dict[str, object]) -> dict[str, object]:
    try:
        child = subprocess.run(
            [sys.executable, "-m", _CHILD],
            input=json.dumps(question),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_LONGEST_WAIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ComputerError(f"accelerate cannot be asked: {printable(error)}.") from error
    try:
        told = json.loads(child.stdout.strip().rpartition("\n")[2])
    except ValueError:
        told = None
    if not isinstance(told, dict):
        words = printable(child.stderr.strip().rpartition("\n")[2][:200]) or f"exit code {child.returncode}"
        raise ComputerError(f"accelerate does not answer: {words}.", "Install it again: pip install accelerate")
    if "error" in told:
        raise ComputerError(printable(told["error"]), printable(told["todo"]))
    return told


def _scalar(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (_PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN):
        return str(value)
    return "'" + value.replace("'", "''") + "'"
