"""Readings of GPUs, processor and memory; only the edge to NVIDIA's driver is played."""

import os
import subprocess
import sys

import psutil
import pytest

from loratui.environment.gauges import Gauges, GpuReading
from tests.stand_in_nvml import GIB, RTX_2070, RTX_4090, Card, stand_in_nvml


def test_a_gpu_is_read_with_all_that_it_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    module = stand_in_nvml(RTX_2070, RTX_4090)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    gauges = Gauges()
    assert gauges.missing == ""
    for _ in range(2):
        first, second = gauges.read().gpus
        assert first == GpuReading(0, "NVIDIA GeForce RTX 2070", "GPU-2070", GIB // 2, 8 * GIB, 94, 71, 150.5)
        assert second.uuid == "GPU-4090"
        assert module.opened == 1
    gauges.close()
    gauges.close()
    assert module.opened == 0
    assert gauges.read().gpus == ()


def test_what_a_card_does_not_measure_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(load=None, celsius=None, milliwatts=None)
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(card))
    (reading,) = Gauges().read().gpus
    assert (reading.load_percent, reading.celsius, reading.watts) == (None, None, None)
    assert reading.memory_total == 8 * GIB


def test_a_gpu_that_falls_off_the_bus_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card("NVIDIA T4", "GPU-t4")
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(card, RTX_4090))
    gauges = Gauges()
    assert len(gauges.read().gpus) == 2
    card.lost = True
    assert [gpu.uuid for gpu in gauges.read().gpus] == ["GPU-4090"]


def test_without_a_gpu_processor_and_memory_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(failure=12))
    gauges = Gauges()
    assert gauges.missing == "No NVIDIA driver answers here."
    reading = gauges.read()
    assert reading.gpus == ()
    assert reading.memory_total == psutil.virtual_memory().total
    assert 0 < reading.memory_used < reading.memory_total
    assert 0 <= reading.cpu_percent <= 100
    assert reading.process_memory is None


def test_a_process_is_watched_with_its_children_until_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    program = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', "
        "\"held = b'x' * 60_000_000; print('ready', flush=True); input()\"], stdin=subprocess.PIPE); "
        "input(); child.kill(); child.wait()"
    )
    command = [sys.executable, "-c", program]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        gauges = Gauges(worker.pid)
        reading = gauges.read()
        assert reading.process_memory is not None
        assert reading.process_memory > 60_000_000
    finally:
        worker.communicate("\n")
    assert gauges.read().process_memory is None
    gauges.watch(os.getpid())
    assert gauges.read().process_memory is not None
