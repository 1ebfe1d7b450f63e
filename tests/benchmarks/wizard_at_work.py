"""What the wizard costs while it is used: bytes to the terminal, processor, memory, and how soon a key is answered.

A real wizard in a pseudo-terminal of 80×24; a stand-in takes the worker's place and does ten steps a second.
"""

import os
import re
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from loratui.profile.schema import Profile
from loratui.profile.store import write_profile
from tests.answering_terminal import KITTY, AnsweringTerminal
from tests.benchmarks.wizard_start import ROOT, environment, wait_for
from tests.small_project import write_project

SECONDS = 30.0
KEYS = 40
PICTURES = 2000
# So many of them are as large as a camera's.
PHOTOGRAPHS = 20
_STEPS_A_SECOND = 10
_WORK = f"train({_STEPS_A_SECOND * 600}, {1 / _STEPS_A_SECOND})\nfinish()"
_HELP_OPEN, _HELP_SHUT = b"While it trains", b"Detach"


@dataclass(frozen=True)
class AtWork:
    """What was measured while a run was watched.

    Attributes:
        bytes_a_second: Sent to the terminal on average; there are no pictures among them.
        processor: Share of one core.
        keys: Seconds from each key to what it painted.
        memory: Most memory ever resident, in bytes.
        has_torch: Whether torch was mapped into the process.
    """

    bytes_a_second: float
    processor: float
    keys: list[float]
    memory: int
    has_torch: bool


@dataclass(frozen=True)
class Dataset:
    """What was measured with a large dataset.

    Attributes:
        first_picture: Seconds from the key that opens it to its first picture.
        keys: Seconds from each key to what it painted, while the pictures were being checked.
        memory: Most memory ever resident, in bytes.
        has_torch: Whether torch was mapped into the process.
    """

    first_picture: float
    keys: list[float]
    memory: int
    has_torch: bool


def measure_training(directory: Path) -> AtWork:
    """Watch a run for half a minute, then open and shut the help again and again."""
    project = write_project(directory / "training", _WORK)
    project.call("run", "emi.toml", "--detach")
    variables = {**project.environment, **environment(directory / "training"), "PYTHONPATH": str(ROOT)}
    with AnsweringTerminal([sys.executable, "-m", "loratui"], variables, project.folder, KITTY) as session:
        try:
            wait_for(session, lambda sent: b"loss" in sent)
            time.sleep(5)
            begun, sent, worked = time.monotonic(), session.length, _processor_seconds(session.pid)
            time.sleep(SECONDS)
            passed = time.monotonic() - begun
            sent, worked = session.length - sent, _processor_seconds(session.pid) - worked
            keys = [
                seconds_to_paint(session, key, painted)
                for _ in range(KEYS // 2)
                for key, painted in (("?", _HELP_OPEN), ("?", _HELP_SHUT))
            ]
            return AtWork(sent / passed, worked / passed, keys, *_process(session.pid))
        finally:
            project.kill_everything()


def measure_dataset(directory: Path) -> Dataset:
    """Open a dataset of many pictures and move through it while they are checked; then look at every other step."""
    home = directory / "dataset"
    _write_pictures(home / "5_emi_person")
    profile = Profile.model_validate({"dataset": {"path": str(home / "5_emi_person")}})
    write_profile(profile, home / "loratui" / "config" / "profiles" / "emi.toml", "emi")
    variables = {**environment(home), "PYTHONPATH": str(ROOT), "LORATUI_HOME": str(home / "loratui")}
    with AnsweringTerminal([sys.executable, "-m", "loratui"], variables, home, KITTY) as session:
        wait_for(session, lambda sent: b"emi" in sent)
        time.sleep(1.5)
        first = seconds_to_paint(session, "\r", b"\x1b_Gi=[0-9]+,f=100")
        keys = [seconds_to_paint(session, "\x1b[B", f"{number:04}".encode()) for number in range(2, 2 + KEYS)]
        for step in "12456h":
            session.press(step)
            time.sleep(2)
        return Dataset(first, keys, *_process(session.pid))


def seconds_to_paint(session: AnsweringTerminal, key: str, painted: bytes) -> float:
    """Press a key; seconds until what matches `painted` arrives."""
    before = session.length
    begun = time.monotonic()
    session.press(key)
    length = wait_for(session, lambda sent: re.search(painted, sent) is not None, before)
    time.sleep(0.11)
    return session.arrival(length) - begun


def percentile_95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _write_pictures(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(1, PICTURES + 1):
        size = (4000, 3000) if number > PICTURES - PHOTOGRAPHS else (512, 512)
        picture = Image.new("RGB", size, (number % 256, number // 8 % 256, 90))
        ImageDraw.Draw(picture).ellipse((40, 40, 400 + number % 100, 470), fill=(200, number % 200, 60))
        picture.save(folder / f"{number:04}.jpg", quality=85)
        (folder / f"{number:04}.txt").write_text(f"Emi, girl, drawing {number}", encoding="utf-8")


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _process(pid: int) -> tuple[int, bool]:
    status = Path(f"/proc/{pid}/status").read_text()
    most = int(re.search(r"VmHWM:\s+([0-9]+) kB", status)[1]) << 10  # type: ignore[index]
    return most, "torch" in Path(f"/proc/{pid}/maps").read_text()
