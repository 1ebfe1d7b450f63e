"""How much the GPUs, the processor and the memory are used right now: cheap enough to be asked every second.

The driver's library stays open between two readings. What a card does not tell is None, never a guess.
"""

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from loratui.environment.gpu import memory_of, missing_driver
from loratui.safe_text import printable


@dataclass(frozen=True)
class GpuReading:
    """A GPU at one moment; memory in bytes.

    Attributes:
        index: Its number, as nvidia-smi counts.
    """

    index: int
    name: str
    uuid: str
    memory_used: int
    memory_total: int
    load_percent: int | None = None
    celsius: int | None = None
    watts: float | None = None


@dataclass(frozen=True)
class Reading:
    """The computer at one moment; memory in bytes.

    Attributes:
        cpu_percent: Of all cores together, since the reading before; 0 in the first one.
        process_memory: What the watched process and its children hold of the RAM; None when it is gone.
    """

    gpus: tuple[GpuReading, ...]
    cpu_percent: float
    memory_used: int
    memory_total: int
    process_memory: int | None = None


class Gauges:
    """Keeps the driver open and reads it.

    Attributes:
        missing: Why there are no GPUs to read, a sentence; "" where there are.
    """

    def __init__(self, pid: int | None = None) -> None:
        """Open the driver, where there is one.

        Args:
            pid: A process to watch beside the computer, such as a run's worker.
        """
        self.missing = ""
        self._pid = pid
        self._nvml: Any = None
        try:
            nvml = importlib.import_module("pynvml")
            nvml.nvmlInit()
        except Exception as error:  # no package, no driver, or one that does not match
            self.missing = missing_driver(error).missing
        else:
            self._nvml = nvml
        psutil.cpu_percent()  # the first call only begins to count

    def watch(self, pid: int | None) -> None:
        """Watch another process from now on."""
        self._pid = pid

    def read(self) -> Reading:
        """Read everything once."""
        memory = psutil.virtual_memory()
        return Reading(
            self._read_gpus(),
            psutil.cpu_percent(),
            int(memory.total - memory.available),
            int(memory.total),
            self._read_process(),
        )

    def close(self) -> None:
        """Let go of the driver."""
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
            self._nvml = None

    def _read_gpus(self) -> tuple[GpuReading, ...]:
        if self._nvml is None:
            return ()
        found = []
        with contextlib.suppress(self._nvml.NVMLError):
            for index in range(self._nvml.nvmlDeviceGetCount()):
                with contextlib.suppress(self._nvml.NVMLError):  # one that has fallen off the bus
                    found.append(self._read_gpu(index))
        return tuple(found)

    def _read_gpu(self, index: int) -> GpuReading:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        used, total = memory_of(nvml, handle)
        load = self._ask(lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu))
        celsius = self._ask(lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)))
        milliwatts = self._ask(lambda: int(nvml.nvmlDeviceGetPowerUsage(handle)))
        return GpuReading(
            index,
            _text(nvml.nvmlDeviceGetName(handle)),
            _text(nvml.nvmlDeviceGetUUID(handle)),
            used,
            total,
            load,
            celsius,
            None if milliwatts is None else milliwatts / 1000,
        )

    def _ask(self, question: Callable[[], int]) -> int | None:
        try:
            return question()
        except self._nvml.NVMLError:  # not every card measures everything
            return None

    def _read_process(self) -> int | None:
        """Memory of the watched process with its children; None when it is gone."""
        if self._pid is None:
            return None
        try:
            first = psutil.Process(self._pid)
            family = [first, *first.children(recursive=True)]
        except psutil.Error:
            return None
        memory = 0
        for process in family:
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss
        return memory


def _text(value: object) -> str:
    return printable(value.decode(errors="replace") if isinstance(value, bytes) else value)
