"""GPUs as NVIDIA's management library tells of them; without a driver there simply are none."""

from dataclasses import dataclass
from typing import Any

from loratui.safe_text import printable


@dataclass(frozen=True)
class MemoryHolder:
    """A process that holds memory of a GPU."""

    pid: int
    name: str
    bytes: int


def memory_holders(uuid: str) -> tuple[MemoryHolder, ...]:
    """Return the processes that hold memory of the GPU with this UUID, the largest first.

    Devices are matched by UUID, since NVML does not know CUDA_VISIBLE_DEVICES.
    """
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver, or one that does not match: nothing to tell
        return ()
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        found = {process.pid: process for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
        holders = [
            MemoryHolder(pid, _name(pynvml, pid), int(process.usedGpuMemory or 0)) for pid, process in found.items()
        ]
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()
    return tuple(sorted(holders, key=lambda holder: -holder.bytes))


def _name(pynvml: Any, pid: int) -> str:
    try:
        name = pynvml.nvmlSystemGetProcessName(pid)
    except pynvml.NVMLError:
        return "?"
    return printable(name.decode(errors="replace") if isinstance(name, bytes) else name)
