"""What this computer brings along for a training, finding by finding, each with the one thing to do.

Never imports torch. Asking takes some tenths of a second: from a screen it belongs into a thread, and `report` hands
each finding on as soon as it is known.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from loratui.environment.disks import find_disk, find_hub_cache
from loratui.environment.finding import Finding
from loratui.environment.gpu import Driver, Gpu, MemoryHolder, ask_driver, has_amd_driver
from loratui.environment.software import find_companions, find_python, find_torch, installed_torch
from loratui.paths import data_directory
from loratui.quantities import memory_gigabytes, memory_size

_CONTROL_GROUP = Path("/sys/fs/cgroup")
# Loading a base of Stable Diffusion 1.5 and drawing with it.
_MEMORY_TO_LOAD = 4 << 30
_GPU_MEMORY_AT_LEAST = 5 << 30
_HELD_BY_OTHERS = 0.2
_SHOWN_HOLDERS = 3


@dataclass(frozen=True)
class Facts:
    """What was found.

    Attributes:
        gpus: The machine's NVIDIA GPUs.
    """

    findings: tuple[Finding, ...]
    gpus: tuple[Gpu, ...]


def probe(output: Path, report: Callable[[Finding], None] = lambda finding: None) -> Facts:
    """Look at this computer.

    Args:
        output: Where a training would write its files; it need not exist yet.
        report: Called with each finding when it is known, in the order in which they are listed.
    """
    findings = []
    driver = ask_driver()
    for finding in _look(driver, output):
        report(finding)
        findings.append(finding)
    return Facts(tuple(findings), driver.gpus)


def _look(driver: Driver, output: Path) -> Iterator[Finding]:
    yield find_python()
    yield find_torch(installed_torch(), driver)
    yield find_companions()
    yield _find_driver(driver)
    for gpu in driver.gpus:
        yield _find_gpu(gpu)
    yield _find_memory()
    yield find_disk("Runs", data_directory(), "LORATUI_HOME")
    yield find_disk("Output", output, "output.directory")
    yield find_hub_cache()


def _find_driver(driver: Driver) -> Finding:
    name = "Driver"
    if has_amd_driver() and not driver.gpus:
        return Finding(name, "AMD's; its memory and temperature cannot be shown")
    if driver.missing:
        return Finding(name, driver.missing, "warning", driver.todo)
    value = f"NVIDIA {driver.version}, CUDA up to {driver.cuda[0]}.{driver.cuda[1]}"
    if not driver.gpus:
        return Finding(
            name, f"{value}, but no GPU", "warning", "A CPU is enough for the demo only: look at nvidia-smi."
        )
    return Finding(name, value)


def _find_gpu(gpu: Gpu) -> Finding:
    name = f"GPU {gpu.index}"
    capability = f", compute capability {gpu.capability[0]}.{gpu.capability[1]}" if gpu.capability else ""
    value = f"{gpu.name.removeprefix('NVIDIA ')}, {_of(gpu.memory_free, gpu.memory_total)}{capability}"
    if not gpu.visible:
        return Finding(name, value, "warning", "CUDA_VISIBLE_DEVICES hides it: unset that to train on it.")
    used = gpu.memory_total - gpu.memory_free
    if used > gpu.memory_total * _HELD_BY_OTHERS:
        return Finding(name, value, "warning", _who_holds(gpu, used))
    if gpu.memory_total < _GPU_MEMORY_AT_LEAST:
        return Finding(name, value, "warning", "Its memory is small: choose the preset for low memory in Settings.")
    if gpu.holders:
        value += f", used by {', '.join(dict.fromkeys(_program(holder) for holder in gpu.holders))}"
    return Finding(name, value)


def _who_holds(gpu: Gpu, used: int) -> str:
    if not gpu.holders:
        return f"Programs that cannot be seen from here hold {memory_size(used)}: end what is not needed."
    shown = [
        f"{_program(holder)} (process {holder.pid})" + (f" holds {memory_size(holder.bytes)}" if holder.bytes else "")
        for holder in gpu.holders[:_SHOWN_HOLDERS]
    ]
    more = len(gpu.holders) - len(shown)
    return f"{', '.join(shown)}{f' and {more} more' if more else ''}: end what is not needed."


def _find_memory() -> Finding:
    free, total = _memory()
    value = _of(free, total)
    if free < _MEMORY_TO_LOAD:
        return Finding(
            "Memory",
            value,
            "warning",
            f"Loading a base takes about {memory_size(_MEMORY_TO_LOAD)}: end what holds memory.",
        )
    return Finding("Memory", value)


def _memory() -> tuple[int, int]:
    """Free bytes of RAM and all of them, at most what a container may have."""
    memory = psutil.virtual_memory()
    free, total = int(memory.available), int(memory.total)
    try:
        limit = int((_CONTROL_GROUP / "memory.max").read_text())
        used = int((_CONTROL_GROUP / "memory.current").read_text())
        # Pages of files that were read count as used, but are given back when they are needed.
        pages = dict(line.split() for line in (_CONTROL_GROUP / "memory.stat").read_text().splitlines())
        used -= int(pages.get("inactive_file", 0))
    except (OSError, ValueError):  # no limit ("max"), or no control groups
        return free, total
    return min(free, max(0, limit - used)), min(total, limit)


def _program(holder: MemoryHolder) -> str:
    return holder.name.rpartition("/")[2] or holder.name


def _of(free: int, total: int) -> str:
    return f"{memory_gigabytes(free)} of {memory_gigabytes(total)} GB free"
