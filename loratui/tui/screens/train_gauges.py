"""The gauges of the run that is shown: read in a thread, for the GPUs that it holds. Draws nothing."""

import shutil
from pathlib import Path

from loratui.environment.disks import nearest_existing
from loratui.environment.gauges import Gauges, GpuReading, Reading
from loratui.errors import LoratuiError
from loratui.runs.directory import RunDirectory
from loratui.runs.slots import slot_holders
from loratui.tui.moment import Moment
from loratui.tui.widgets.gauges import Gauged, GaugeHistory, RunMemory


class GaugeReader:
    """Reads the gauges again and again; one thread at a time may `read`.

    Attributes:
        missing: Why there are no GPUs to read, a sentence; "" where there are, or nobody has looked.
    """

    def __init__(self) -> None:
        self.missing = ""
        self._gauges: Gauges | None = None
        self._history = GaugeHistory()
        self._output: tuple[Path, Path] | None = None

    def read(self, run: RunDirectory, moment: Moment) -> Gauged:
        """The gauges of a run at work."""
        if self._gauges is None:
            self._gauges = Gauges()
            self.missing = self._gauges.missing
        self._gauges.watch(moment.pid)
        reading = self._gauges.read()
        self._history.take(reading)
        return Gauged(
            reading,
            _gpus_of(run, moment, reading),
            self._history.taken(),
            RunMemory(moment.memory_peak, moment.memory_reserved),
            without_gpu="no GPU: trains on the CPU",
            disk_free=self._disk_free(run),
        )

    def close(self) -> None:
        """Let go of the driver."""
        if self._gauges is not None:
            self._gauges.close()
            self._gauges = None

    def _disk_free(self, run: RunDirectory) -> int | None:
        """Bytes that are free where the run writes its files."""
        if self._output is None or self._output[0] != run.path:
            try:
                self._output = run.path, Path(run.read_profile().output.directory)
            except LoratuiError:
                return None
        try:
            return shutil.disk_usage(nearest_existing(self._output[1])).free
        except OSError:
            return None


def _gpus_of(run: RunDirectory, moment: Moment, reading: Reading) -> tuple[GpuReading, ...]:
    """The GPUs that the run holds; before it has said where it trains, those that it holds a place on."""
    if moment.device == "cpu":
        return ()
    held = {slot for slot, holder in slot_holders().items() if holder == str(run.path)}
    if "cpu" in held:
        return ()
    return tuple(gpu for gpu in reading.gpus if f"gpu-{gpu.index}" in held) or reading.gpus[:1]
