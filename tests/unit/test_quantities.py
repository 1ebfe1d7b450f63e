"""How figures are written."""

import pytest

from loratui.quantities import countdown, disk_size, duration, memory_gigabytes, memory_size

GIB, MIB = 1 << 30, 1 << 20


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (3.04, "3.0 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (119.7, "2 min 0 s"),
        (3599.6, "1 h 0 min"),
        (3900, "1 h 5 min"),
    ],
)
def test_a_duration_tells_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0:00"), (9, "0:09"), (117, "1:57"), (3599.6, "1:00:00"), (7390, "2:03:10")]
)
def test_a_countdown_looks_like_a_clock(seconds: float, text: str) -> None:
    assert countdown(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_500_000, "9.5 MB"),
        (99_960_000, "100 MB"),
        (999_600_000, "1.0 GB"),
        (271_000_000_000, "271 GB"),
        (2_000_000_000_000, "2.0 TB"),
        (31_000_000_000_000_000, "31000.0 TB"),
    ],
)
def test_files_and_disks_are_measured_in_powers_of_ten(size: int, text: str) -> None:
    assert disk_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.0 GB"),
        (412 * MIB, "412 MB"),
        (999 * MIB, "999 MB"),
        (1000 * MIB, "1.0 GB"),
        (8 * GIB, "8.0 GB"),
        (8_000_000_000, "7.5 GB"),
        (128 * GIB, "128 GB"),
    ],
)
def test_memory_is_measured_as_cards_are_labelled(size: int, text: str) -> None:
    assert memory_size(size) == text


def test_gigabytes_without_a_unit_have_at_most_four_letters() -> None:
    assert [memory_gigabytes(number * GIB) for number in (0, 0.44, 99.94, 99.96, 2000)] == [
        "0.0",
        "0.4",
        "99.9",
        "100",
        "2000",
    ]
