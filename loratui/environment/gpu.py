"""GPUs as NVIDIA's management library tells of them; without a driver there simply are none.

NVML knows no CUDA_VISIBLE_DEVICES and counts as nvidia-smi does: a GPU is told apart by its UUID. Imports no torch.
"""

import contextlib
import importlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loratui.safe_text import printable

_DRIVER_NOT_LOADED, _LIBRARY_NOT_FOUND, _VERSIONS_DIFFER = 9, 12, 18
_AMD_DRIVER = Path("/dev/kfd")


@dataclass(frozen=True)
class MemoryHolder:
    """A process that holds memory of a GPU."""

    pid: int
    name: str
    bytes: int


@dataclass(frozen=True)
class Gpu:
    """A GPU of this machine.

    Attributes:
        index: Its number, as nvidia-smi counts.
        capability: CUDA's compute capability, such as (7, 5); None where the driver does not tell.
        visible: Whether CUDA_VISIBLE_DEVICES lets a program see it.
        holders: The processes that hold its memory, the largest first.
    """

    index: int
    name: str
    uuid: str
    memory_free: int
    memory_total: int
    capability: tuple[int, int] | None
    visible: bool = True
    holders: tuple[MemoryHolder, ...] = ()


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver and the GPUs that it knows.

    Attributes:
        version: Such as "550.54.14"; "" where no driver answers.
        cuda: The newest CUDA that it runs, such as (12, 4).
        missing: Why no driver answers, a sentence; "" where one does.
        todo: What would make it answer.
    """

    version: str = ""
    cuda: tuple[int, int] = (0, 0)
    gpus: tuple[Gpu, ...] = ()
    missing: str = ""
    todo: str = ""


def ask_driver() -> Driver:
    """The driver, its GPUs, and who holds their memory."""
    try:
        pynvml = importlib.import_module("pynvml")
        pynvml.nvmlInit()
    except Exception as error:  # no package, no driver, or one that does not match
        return missing_driver(error)
    try:
        visible = visible_gpus()
        gpus = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            with contextlib.suppress(pynvml.NVMLError):  # one that has fallen off the bus
                gpus.append(_gpu(pynvml, index, str(index) in visible))
        number = int(pynvml.nvmlSystemGetCudaDriverVersion())
        version = printable(_text(pynvml.nvmlSystemGetDriverVersion()))
        return Driver(version, (number // 1000, number % 1000 // 10), tuple(gpus))
    except pynvml.NVMLError as error:
        return missing_driver(error)
    finally:
        pynvml.nvmlShutdown()


def memory_holders(uuid: str) -> tuple[MemoryHolder, ...]:
    """Return the processes that hold memory of the GPU with this UUID, the largest first."""
    try:
        pynvml = importlib.import_module("pynvml")
        pynvml.nvmlInit()
    except Exception:  # no package, no driver, or one that does not match: nothing to tell
        return ()
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        return _holders(pynvml, handle)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def visible_gpus() -> dict[str, str]:
    """The GPUs that a program would see, as nvidia-smi counts them, each with CUDA's name for it; maybe none.

    The name is the word in CUDA_VISIBLE_DEVICES, where that is set, else the number.
    """
    uuids = _gpu_uuids()
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None or not uuids:
        return {str(number): str(number) for number in range(len(uuids))}
    gpus: dict[str, str] = {}
    for word in filter(None, (word.strip() for word in wanted.split(","))):
        if re.fullmatch(r"\d+", word) and int(word) < len(uuids):
            gpus.setdefault(word, word)
        elif matching := [str(number) for number, uuid in enumerate(uuids) if uuid.startswith(word)]:
            gpus.setdefault(matching[0], word)
        elif word.startswith("MIG-"):
            gpus.setdefault(re.sub(r"[^A-Za-z0-9-]", "-", word), word)
        else:
            break  # CUDA too sees none of those behind one that is not there, as in "-1"
    return gpus


def has_amd_driver() -> bool:
    """Whether AMD's driver is here: NVML does not know its GPUs, but torch calls them cuda too."""
    return _AMD_DRIVER.exists()


def memory_of(pynvml: Any, handle: Any) -> tuple[int, int]:
    """Bytes that are used of a GPU's memory, and all of them."""
    try:
        # The first version of the call counts what the driver keeps for itself as used.
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except pynvml.NVMLError:  # a driver older than that call
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return int(memory.used), int(memory.total)


def _gpu(pynvml: Any, index: int, visible: bool) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    used, total = memory_of(pynvml, handle)
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        capability = (int(major), int(minor))
    except pynvml.NVMLError:
        capability = None
    try:
        holders = _holders(pynvml, handle)
    except pynvml.NVMLError:
        holders = ()
    name = printable(_text(pynvml.nvmlDeviceGetName(handle)))
    uuid = printable(_text(pynvml.nvmlDeviceGetUUID(handle)))
    return Gpu(index, name, uuid, total - used, total, capability, visible, holders)


def _holders(pynvml: Any, handle: Any) -> tuple[MemoryHolder, ...]:
    found = {process.pid: process for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    holders = [MemoryHolder(pid, _name(pynvml, pid), int(process.usedGpuMemory or 0)) for pid, process in found.items()]
    return tuple(sorted(holders, key=lambda holder: -holder.bytes))


def _name(pynvml: Any, pid: int) -> str:
    try:
        return printable(_text(pynvml.nvmlSystemGetProcessName(pid)))
    except pynvml.NVMLError:
        return "?"


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def missing_driver(error: Exception) -> Driver:
    """What a failure to open NVML means to a person."""
    if isinstance(error, ImportError):
        return Driver(missing="The package nvidia-ml-py is not installed.", todo="Install it: pip install nvidia-ml-py")
    code = getattr(error, "value", _LIBRARY_NOT_FOUND)
    if code == _VERSIONS_DIFFER:
        return Driver(missing="The driver was updated, and the old one still runs.", todo="Restart this computer.")
    if code == _DRIVER_NOT_LOADED:
        return Driver(
            missing="NVIDIA's driver is installed but not loaded.",
            todo="Restart this computer, or load it: sudo modprobe nvidia",
        )
    if code == _LIBRARY_NOT_FOUND:
        return Driver(
            missing="No NVIDIA driver answers here.",
            todo="A CPU is enough for the demo only: use a computer with an NVIDIA GPU, or install its driver.",
        )
    return Driver(missing=f"NVIDIA's driver does not answer: {printable(error)}.", todo="Look at what nvidia-smi says.")


def _gpu_uuids() -> list[str]:
    """The UUIDs of this machine's GPUs in nvidia-smi's order, asked without torch; without NVML, blanks by number."""
    try:
        pynvml = importlib.import_module("pynvml")
        pynvml.nvmlInit()
    except Exception:  # nvidia-ml-py is not there, or it finds no driver
        return ["" for path in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return [_text(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
