"""What the computer is doing, as lines of text: GPU memory, load and temperature with a short history, RAM and CPU.

Functions of a reading and the room for it. A figure that a card does not tell is left out.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

from loratui.environment.gauges import GpuReading, Reading
from loratui.quantities import disk_size, memory_gigabytes, memory_size
from loratui.safe_text import printable
from loratui.tui.fitting import cut
from loratui.tui.glyphs import Glyphs
from loratui.tui.widgets.changing_lines import Line

CPU = -1
_LABEL = 5
_REMEMBERED = 120
_HOT = 85


@dataclass
class GaugeHistory:
    """The latest readings of the load, by GPU; the CPU's under `CPU`."""

    loads: dict[int, deque[int]] = field(default_factory=dict)

    def take(self, reading: Reading) -> None:
        """Learn from a reading."""
        self._add(CPU, round(reading.cpu_percent))
        for gpu in reading.gpus:
            if gpu.load_percent is not None:
                self._add(gpu.index, gpu.load_percent)

    def taken(self) -> dict[int, tuple[int, ...]]:
        """The loads as they are now, in percent, the oldest first."""
        return {index: tuple(loads) for index, loads in self.loads.items()}

    def _add(self, index: int, load: int) -> None:
        self.loads.setdefault(index, deque(maxlen=_REMEMBERED)).append(load)


@dataclass(frozen=True)
class RunMemory:
    """What a run itself has told of its memory, in bytes; 0 where it has told nothing.

    Attributes:
        peak: The most that was in use in this run.
        reserved: What the training holds of the card now.
    """

    peak: int = 0
    reserved: int = 0


@dataclass(frozen=True)
class Gauged:
    """Everything that the gauges of a run show.

    Attributes:
        gpus: Those of the reading that the run uses; the first is shown in full, of others a line each.
        loads: The latest loads in percent, the oldest first: by GPU, the CPU's under `CPU`.
        memory: What the run itself has told.
        without_gpu: Why no GPU is shown, where none is.
        disk_free: Bytes that are free where the run writes; None where that is not known.
    """

    reading: Reading
    gpus: tuple[GpuReading, ...]
    loads: Mapping[int, Sequence[int]]
    memory: RunMemory
    without_gpu: str = ""
    disk_free: int | None = None


def gauge_lines(gauged: Gauged, glyphs: Glyphs, width: int, *, details: bool = False) -> list[Line]:
    """The gauges of a run in lines of `width` columns; with `details` power, reserved memory and the disk too."""
    reading, memory = gauged.reading, gauged.memory
    lines: list[Line] = []
    if gauged.gpus:
        lines += _gpu(gauged, glyphs, width, details=details)
        lines += [_further(gpu, glyphs, width) for gpu in gauged.gpus[1:]]
    else:
        lines.append(((cut(gauged.without_gpu, width, glyphs), "text"),))
        if memory.peak:
            lines.append(_figure("peak of this run", memory_size(memory.peak), width))
    ram = f"{memory_gigabytes(reading.memory_used)}/{memory_gigabytes(reading.memory_total)} GB"
    lines.append(_gauge("RAM", reading.memory_used / max(reading.memory_total, 1), ram, glyphs, width))
    cpu = f"{round(reading.cpu_percent)} %"
    lines.append(_gauge("CPU", reading.cpu_percent / 100, cpu, glyphs, width))
    if not gauged.gpus:
        lines.append(_past(gauged.loads.get(CPU, ()), "", "text", glyphs, width))
    if details and reading.process_memory is not None:
        lines.append(_figure("of it the run", memory_size(reading.process_memory), width))
    if details and gauged.disk_free is not None:
        lines.append(_figure("disk free", disk_size(gauged.disk_free), width))
    return lines


def _gpu(gauged: Gauged, glyphs: Glyphs, width: int, *, details: bool) -> list[Line]:
    gpu, memory, loads = gauged.gpus[0], gauged.memory, gauged.loads.get(gauged.gpus[0].index, ())
    name = printable(gpu.name).removeprefix("NVIDIA ").removeprefix("GeForce ")
    used, total = memory_gigabytes(gpu.memory_used), memory_gigabytes(gpu.memory_total)
    lines: list[Line] = [
        ((cut(f"GPU {gpu.index} {name}", width, glyphs), "strong"),),
        _gauge("VRAM", gpu.memory_used / max(gpu.memory_total, 1), f"{used}/{total} GB", glyphs, width),
    ]
    if memory.peak:
        lines.append(_figure("peak of this run", memory_size(memory.peak), width))
    if details and memory.reserved:
        lines.append(_figure("reserved by it", memory_size(memory.reserved), width))
    if gpu.load_percent is not None:
        lines.append(_gauge("load", gpu.load_percent / 100, f"{gpu.load_percent} %", glyphs, width))
    if gpu.celsius is not None or loads:
        degrees = "" if gpu.celsius is None else f"{gpu.celsius} {'°C' if glyphs.braille else 'C'}"
        hot = gpu.celsius is not None and gpu.celsius >= _HOT
        lines.append(_past(loads, degrees, "warning" if hot else "text", glyphs, width))
    if details and gpu.watts is not None:
        lines.append(_figure("power", f"{gpu.watts:.0f} W", width))
    return lines


def _further(gpu: GpuReading, glyphs: Glyphs, width: int) -> Line:
    load = "" if gpu.load_percent is None else f" {gpu.load_percent:>3} %"
    text = f"{memory_gigabytes(gpu.memory_used)}/{memory_gigabytes(gpu.memory_total)}{load}"
    return _gauge(f"GPU {gpu.index}", gpu.memory_used / max(gpu.memory_total, 1), text, glyphs, width)


def _gauge(label: str, share: float, value: str, glyphs: Glyphs, width: int) -> Line:
    """`VRAM ███████▌···  5.4/8.0 GB`, the value at the right."""
    room = width - max(_LABEL, cell_len(label) + 1) - max(12, cell_len(value) + 1)
    before = label.ljust(_LABEL) if len(label) < _LABEL else f"{label} "
    return (
        (before, "faint"),
        *_bar(share, max(room, 0), glyphs),
        (value.rjust(width - len(before) - max(room, 0)), "text"),
    )


def _bar(share: float, width: int, glyphs: Glyphs) -> Line:
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    full = glyphs.bar_full * (halves // 2) + glyphs.bar_part * (halves % 2)
    return ((full, "accent"), (glyphs.bar_empty * (width - len(full)), "rule"))


def _past(loads: Sequence[int], value: str, role: str, glyphs: Glyphs, width: int) -> Line:
    """The latest loads as bars of one cell, and a value at the right."""
    room = width - _LABEL - max(12, cell_len(value) + 1)
    steps = len(glyphs.bars) - 1
    bars = "".join(glyphs.bars[-(-min(max(load, 0), 100) * steps // 100)] for load in loads[-max(room, 0) :])
    after = width - _LABEL - len(bars)
    return ((" " * _LABEL, "text"), (bars, "accent"), (value.rjust(after), "warning" if role == "warning" else "text"))


def _figure(label: str, value: str, width: int) -> Line:
    return ((label, "faint"), (value.rjust(width - cell_len(label)), "text"))
