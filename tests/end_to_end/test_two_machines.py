"""Two machines that train one LoRA, played by two homes on this one, with real launchers and workers over loopback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from loratui.profile.store import write_profile
from loratui.runs.directory import list_runs
from loratui.runs.events import read_events
from loratui.runs.state import run_state
from tests.small_dataset import small_profile, write_pictures


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_both_machines_finish_and_the_first_has_the_lora(tiny_base_directory: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "2_disc")
    port = free_port()
    machines = []
    for rank in (0, 1):
        profile = small_profile(
            tiny_base_directory,
            pictures,
            tmp_path / f"out{rank}",
            training={"batch_size": 2},
            comparison={"enabled": False},
        )
        profile.accelerate = profile.accelerate.model_copy(
            update={
                "device": "cpu",
                "processes": 2,
                "machines": 2,
                "machine_rank": rank,
                "main_address": "127.0.0.1",
                "main_port": port,
            }
        )
        write_profile(profile, tmp_path / f"disc{rank}.toml", "disc")
        environment = {**os.environ, "LORATUI_HOME": str(tmp_path / f"home{rank}"), "OMP_NUM_THREADS": "1"}
        machines.append(
            subprocess.Popen(
                [sys.executable, "-m", "loratui", "run", f"disc{rank}.toml", "--json"],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    answers = [machine.communicate(timeout=240)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], answers
    assert Path(json.loads(answers[0])["lora"]).is_file()
    assert not list((tmp_path / "out1").glob("*.safetensors"))
    for rank in (0, 1):
        [run] = list_runs(tmp_path / f"home{rank}" / "data" / "runs")
        assert run_state(run) == "finished"
        steps = [event for event in read_events(run.events_path) if event["event"] == "step"]
        assert len(steps) == (6 if rank == 0 else 0)
