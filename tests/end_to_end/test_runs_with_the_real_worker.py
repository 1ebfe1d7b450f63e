"""One training by the real worker whose terminal is taken away."""

import json
import os
import signal
from pathlib import Path

from loratui.profile.store import write_profile
from loratui.runs.lock import is_alive, is_busy
from tests.small_dataset import small_profile, write_pictures
from tests.small_project import Project, events_of, wait_until


def test_a_training_outlives_its_terminal_and_its_whole_curve_is_shown_later(
    tmp_path: Path, tiny_base_directory: Path
) -> None:
    profile = small_profile(
        tiny_base_directory,
        write_pictures(tmp_path / "pictures"),
        tmp_path / "out",
        training={"epochs": 10},
        comparison={"enabled": False},
    )
    write_profile(profile, tmp_path / "disc.toml")
    home = str(tmp_path / "home")
    project = Project(tmp_path, {**os.environ, "LORATUI_HOME": home, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"})
    with project.terminal("run", "disc.toml") as session:
        session.wait_for("Training 40 steps", seconds=120)
        session.hang_up()
        assert session.wait() == -signal.SIGHUP
    [run] = project.runs
    assert is_alive(run)
    wait_until(lambda: not is_busy(run), seconds=120)
    with project.terminal("attach") as session:
        session.wait_for("loss of steps 1–40")
        session.wait_for("Finished: 40 steps")
        assert session.wait() == 0
    [listed] = json.loads(project.call("runs", "--json").stdout)
    assert (listed["state"], listed["step"], listed["steps"]) == ("finished", 40, 40)
    assert str(tmp_path / "out" / "disc.safetensors") in listed["outputs"]
    assert [event["attempt"] for event in events_of(run, "finished")] == [1]
