"""A folder with pictures and profiles as a person has it, and loratui's command line run in it as a process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, read_events
from tests.stand_in_worker import TRAINS, environment
from tests.terminal_session import TerminalSession

PROGRAM = (sys.executable, "-m", "loratui")


@dataclass(frozen=True)
class Project:
    """The folder, and what its processes find in their environment."""

    folder: Path
    environment: dict[str, str]

    @property
    def runs(self) -> list[RunDirectory]:
        """The runs, oldest first."""
        root = Path(self.environment["LORATUI_HOME"]) / "data" / "runs"
        return [RunDirectory(path) for path in sorted(root.glob("[!.]*"))] if root.is_dir() else []

    @property
    def queue(self) -> Path:
        return Path(self.environment["LORATUI_HOME"]) / "data" / "queue"

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*PROGRAM, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def answer(self, *arguments: str) -> Any:
        """The JSON answer of a command."""
        return json.loads(self.call(*arguments, "--json").stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command whose output can be read while it works."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def terminal(self, *arguments: str) -> TerminalSession:
        """Start a command in a terminal of its own."""
        return TerminalSession([*PROGRAM, *arguments], self.environment, self.folder)

    def states(self) -> list[str]:
        """The states of the runs, oldest first."""
        return [run["state"] for run in reversed(self.answer("runs"))]

    def let_go(self) -> None:
        """Let the workers that hold go on, those to come included."""
        (Path(self.environment["LORATUI_HOME"]) / "go").touch()

    def kill_everything(self) -> None:
        """End every process that works for this project, as a power cut does."""
        for pid in processes_of(self.environment["LORATUI_HOME"]):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes_of(self.environment["LORATUI_HOME"]))


def write_project(folder: Path, body: str = TRAINS, names: Sequence[str] = ("emi",)) -> Project:
    """Write three pictures, a base of nothing, and a profile for each name; `body` takes the worker's place."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("Emi, girl")
    (folder / "base").mkdir()
    (folder / "base" / "model_index.json").write_text("{}")
    for name in names:
        (folder / f"{name}.toml").write_text(
            'schema = 1\n[model]\nbase = "base"\n[dataset]\npath = "pictures"\nresolution = 64\nmin_bucket_reso = 32\n'
            '[output]\ndirectory = "out"\n[accelerate]\ndevice = "cpu"\n'
        )
    variables = environment(folder / "stand-in", body)
    return Project(folder, {**variables, "LORATUI_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"})


def processes_of(home: str) -> list[int]:
    """The processes whose environment names this home, other than this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                variables = (entry / "environ").read_bytes()
                if f"LORATUI_HOME={home}\0".encode() in variables and not is_zombie(int(entry.name)):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only its parent does not know yet."""
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def catches(process: subprocess.Popen[str], number: int) -> bool:
    """Whether a process does something of its own about a signal."""
    status = (Path("/proc") / str(process.pid) / "status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It never came to that."
        time.sleep(0.02)


def events_of(run: RunDirectory, kind: str) -> list[Event]:
    """The events of one kind."""
    return [event for event in read_events(run.events_path) if event["event"] == kind]
