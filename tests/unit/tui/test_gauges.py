"""The gauges as lines: with a GPU, with several, without one, and on a card that does not tell everything."""

import pytest
from rich.cells import cell_len

from loratui.environment.gauges import GpuReading, Reading
from loratui.tui.glyphs import ASCII, UNICODE, Glyphs
from loratui.tui.widgets.changing_lines import plain
from loratui.tui.widgets.gauges import Gauged, GaugeHistory, RunMemory, gauge_lines

GIB = 1 << 30
CARD = GpuReading(0, "NVIDIA GeForce RTX 2070", "GPU-a", int(5.4 * GIB), 8 * GIB, 94, 71, 142.3)
READING = Reading((CARD,), 31.0, int(6.1 * GIB), 31 * GIB, 2 * GIB)


def loads_of(*loads: int) -> dict[int, tuple[int, ...]]:
    """Earlier readings."""
    history = GaugeHistory()
    for load in loads:
        gpu = GpuReading(0, "", "", 0, 1, load)
        history.take(Reading((gpu,), float(load), 0, 1))
    return history.taken()


def shown(reading: Reading, gpus: tuple[GpuReading, ...], *, details: bool = False) -> list[str]:
    """The gauges as text, 29 wide."""
    memory = RunMemory(int(5.9 * GIB), int(5.6 * GIB))
    gauged = Gauged(reading, gpus, loads_of(0, 50, 100), memory, "no GPU: trains on the CPU", 51_000_000_000)
    return plain(gauge_lines(gauged, UNICODE, 29, details=details)).splitlines()


def test_a_gpu_has_memory_peak_load_and_temperature() -> None:
    assert shown(READING, (CARD,)) == [
        "GPU 0 RTX 2070",
        "VRAM ████████····  5.4/8.0 GB",
        "peak of this run       5.9 GB",
        "load ███████████▌        94 %",
        "      ▄█                71 °C",
        "RAM  ██▌········· 6.1/31.0 GB",
        "CPU  ███▌········        31 %",
    ]


def test_wide_gauges_tell_power_what_is_reserved_and_the_disk() -> None:
    text = "\n".join(shown(READING, (CARD,), details=True))

    assert "power                   142 W" in text
    assert "reserved by it" in text
    assert "disk free             51.0 GB" in text
    assert "of it the run          2.0 GB" in text


def test_further_gpus_take_a_line_each() -> None:
    other = GpuReading(1, "NVIDIA GeForce RTX 2070", "GPU-b", 4 * GIB, 8 * GIB, 7, 50, None)
    reading = Reading((CARD, other), 31.0, 6 * GIB, 31 * GIB)

    assert "GPU 1 ████▌···· 4.0/8.0   7 %" in shown(reading, (CARD, other))


def test_without_a_gpu_it_says_so_and_shows_cpu_and_ram() -> None:
    reading = Reading((), 31.0, int(6.1 * GIB), 31 * GIB)

    assert shown(reading, ()) == [
        "no GPU: trains on the CPU",
        "peak of this run       5.9 GB",
        "RAM  ██▌········· 6.1/31.0 GB",
        "CPU  ███▌········        31 %",
        "      ▄█",
    ]


def test_a_figure_that_the_card_does_not_tell_is_left_out() -> None:
    card = GpuReading(0, "Some Card", "GPU-c", 1 * GIB, 8 * GIB)
    text = "\n".join(shown(Reading((card,), 0.0, 0, GIB), (card,), details=True))

    assert "None" not in text
    assert "power" not in text
    assert "load" not in text


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [29, 41])
def test_no_line_is_longer_than_its_room(glyphs: Glyphs, width: int) -> None:
    card = GpuReading(0, "NVIDIA 画像 RTX 6000 Ada Generation Laptop GPU", "", 141 * GIB, 141 * GIB, 100, 101, 700.0)
    reading = Reading((card, card), 100.0, 1000 * GIB, 2000 * GIB, 100 * GIB)
    gauged = Gauged(reading, (card, card), loads_of(*range(100)), RunMemory(140 * GIB, 139 * GIB), disk_free=10**14)
    lines = gauge_lines(gauged, glyphs, width, details=True)

    assert max(cell_len("".join(text for text, _ in line)) for line in lines) <= width
    if glyphs is ASCII:
        assert plain(lines).replace("画像", "").isascii()
