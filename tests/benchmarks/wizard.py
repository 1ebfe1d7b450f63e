"""Measures what the wizard costs: `python -m tests.benchmarks.wizard` prints the table in README.

The first frame is measured beside posting's (in a virtual environment of its own, made by the first run, which needs
the package index) and that of a minimal Textual app, then traffic, processor, memory and keys while a run is watched
and while a large dataset is looked through. Takes about three minutes and wants the machine to itself.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.wizard_at_work import PICTURES, SECONDS, measure_dataset, measure_training, percentile_95
from tests.benchmarks.wizard_start import Starts, measure_starts

Row = tuple[str, str, str, bool]


def main() -> int:
    """Measure and print; returns 1 when something is over its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.wizard", description=__doc__)
    parser.add_argument("--starts", type=int, default=11, help="how often each program is started (default: 11)")
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        rows = start_rows(measure_starts(directory, starts), starts) + work_rows(directory)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end\n")
    print("| measured | | limit |\n|---|---:|---:|")
    for what, figure, limit, _ in rows:
        print(f"| {what} | {figure} | {limit} |")
    over = [what for what, _, _, holds in rows if not holds]
    if over:
        print(f"\nOver the limit: {'; '.join(over)}", file=sys.stderr)
    return 1 if over else 0


def start_rows(starts: Starts, repetitions: int) -> list[Row]:
    """The first frames."""
    imports = statistics.median(starts.imports)
    rows: list[Row] = []
    for answering, kind in ((True, "terminal answers"), (False, "no answers")):
        wizard, posting, minimal = (
            starts.median(program, answering=answering) for program in ("loratui", "posting", "minimal")
        )
        rows += [
            (f"first frame, {kind}, median of {repetitions}", f"{wizard:.2f} s", "", True),
            ("… posting", f"{posting:.2f} s", "", True),
            ("… a minimal Textual app", f"{minimal:.2f} s", "", True),
            ("… as a share of posting's", f"{wizard / posting:.2f}", "0.50", wizard <= 0.5 * posting),
            ("… as a multiple of the bare import", f"{wizard / imports:.2f}", "2.50", wizard <= 2.5 * imports),
        ]
    return [("bare import of textual and three widgets", f"{imports:.2f} s", "", True), *rows]


def work_rows(directory: Path) -> list[Row]:
    """A run that is watched, and a large dataset."""
    training, dataset = measure_training(directory), measure_dataset(directory)
    memory = max(training.memory, dataset.memory) / 2**20
    keys, while_checking = percentile_95(training.keys) * 1e3, percentile_95(dataset.keys) * 1e3
    has_torch = training.has_torch or dataset.has_torch
    return [
        row("sent while training, 10 steps/s, 80×24", training.bytes_a_second / 1024, "KiB/s", 3, f"{SECONDS:.0f} s"),
        row("processor meanwhile", training.processor * 100, "% of a core", 5),
        row(
            "help opened and shut meanwhile, 95th percentile",
            keys,
            "ms",
            50,
            f"{len(training.keys)} keys",
        ),
        row(f"{PICTURES:,} pictures: key to first picture", dataset.first_picture, "s", 1),
        row("… key to paint during the check, 95th percentile", while_checking, "ms", 50, f"{len(dataset.keys)} keys"),
        row("peak memory of the wizard, every step looked at", memory, "MiB", 120),
        ("torch in the wizard's process", "yes" if has_torch else "no", "no", not has_torch),
    ]


def row(what: str, figure: float, unit: str, limit: float, over: str = "") -> Row:
    """A row whose figure has a limit in the same unit."""
    digits = 2 if figure < 10 else 0
    name = f"{what}, {over}" if over else what
    return name, f"{figure:.{digits}f} {unit}", f"{limit:g} {unit}", figure <= limit


if __name__ == "__main__":
    raise SystemExit(main())
