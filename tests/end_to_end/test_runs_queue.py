"""The queue as real processes: turns, failures, killed waiters, reboots; only the worker's work is a stand-in."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_events
from loratui.runs.lock import is_alive, is_attended, is_busy, worker_pid
from tests.small_project import Project, catches, events_of, processes_of, wait_until, write_project

BODY = """
if name == "b" and (go.parent / "b-fails").exists():
    events.write("failed", what="The base is broken.", todo="Take another one.")
    sys.exit(1)
train(4, hold_at=2 if name == "a" and (go.parent / "hold").exists() else 0)
finish()
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = write_project(tmp_path / "work", BODY, names=("a", "b", "c"))
    yield project
    project.kill_everything()


def marker(project: Project, name: str) -> Path:
    path = Path(project.environment["LORATUI_HOME"]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def by_name(project: Project) -> dict[str, RunDirectory]:
    return {run.name[-1]: run for run in project.runs if run.path.is_dir()}


def waiter_of(project: Project, run: RunDirectory) -> int:
    for pid in processes_of(project.environment["LORATUI_HOME"]):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "loratui.runs.waiter" in command and str(run.path) in command:
            return pid
    raise AssertionError("There is no waiter.")


def at_work(run: RunDirectory) -> tuple[float, float]:
    times = [event["time"] for event in read_events(run.events_path)]
    return times[0], times[-1]


def test_three_runs_take_turns_and_the_one_that_fails_stops_nobody(project: Project) -> None:
    marker(project, "b-fails")
    done = project.call("run", "a.toml", "b.toml", "c.toml")
    assert done.returncode == 1
    assert "Run 2 of 3" in done.stdout
    assert "error: The base is broken." in done.stderr
    assert done.stdout.count("Finished") == 2
    runs = by_name(project)
    assert project.states() == ["finished", "failed", "finished"]
    assert at_work(runs["a"])[1] < at_work(runs["b"])[0]
    assert at_work(runs["b"])[1] < at_work(runs["c"])[0]


def test_several_runs_give_one_json_object(project: Project) -> None:
    marker(project, "b-fails")
    done = project.call("run", "a.toml", "b.toml", "--json")
    answers = json.loads(done.stdout)["runs"]
    assert [answer["state"] for answer in answers] == ["finished", "failed"]
    assert answers[1]["error"] == "The base is broken."
    assert done.returncode == 1


def test_a_fault_in_the_second_profile_starts_and_writes_nothing(project: Project) -> None:
    (project.folder / "b.toml").write_text("schema = 1\n[training]\nbatchsize = 1\n")
    before = sorted(project.folder.rglob("*"))
    done = project.call("run", "a.toml", "b.toml")
    assert done.returncode == 2
    assert "batchsize" in done.stderr
    assert sorted(project.folder.rglob("*")) == before


def test_waiting_runs_are_listed_in_order_and_can_be_taken_out(project: Project) -> None:
    marker(project, "hold")
    answers = project.answer("run", "a.toml", "b.toml", "c.toml", "--detach")["runs"]
    # Where a worker takes more than two seconds to come up, the first is said to wait still.
    assert [answer["state"] for answer in answers] in (["running", "queued", "queued"], ["queued"] * 3)
    runs = by_name(project)
    wait_until(lambda: is_alive(runs["a"]))
    assert project.states() == ["running", "queued", "queued"]
    queue = project.answer("queue")
    assert queue["at_work"] == [{"slot": "cpu", "directory": str(runs["a"].path)}]
    assert [(entry["name"], entry["state"]) for entry in queue["waiting"]] == [
        (runs["b"].name, "queued"),
        (runs["c"].name, "queued"),
    ]
    assert runs["a"].name in project.call("queue").stdout
    watcher = project.start("attach", "c")
    said = ""
    while "Waiting for the CPU" not in said:
        assert watcher.stdout is not None
        said = watcher.stdout.readline()
    assert f"where {runs['a'].name} is at work; 1 more is before this one" in said
    assert project.call("queue", "remove", "b").returncode == 0
    assert project.call("queue", "remove", "b").returncode == 2
    assert project.call("queue", "remove", "a").returncode == 2
    assert project.call("rm", "c", "--yes").returncode == 2
    assert project.call("tell", "c", "save").returncode == 2
    assert project.states() == ["running", "stopped", "queued"]
    assert "taken out" in project.call("stop", "c").stdout
    assert "stopped at step 0" in watcher.communicate(timeout=120)[0]
    project.let_go()
    wait_until(lambda: not is_busy(runs["a"]))
    assert project.states() == ["finished", "stopped", "stopped"]
    assert project.call("resume", "b").returncode == 0
    assert project.states() == ["finished", "finished", "stopped"]


def test_a_run_that_waits_keeps_its_name_for_itself(project: Project) -> None:
    marker(project, "hold")
    assert project.answer("run", "a.toml", "--detach")["name"].endswith("-a")
    assert project.answer("run", "a.toml", "--dry-run")["name"] == "a-v2"
    project.let_go()


def test_a_killed_waiter_does_not_let_a_second_job_start(project: Project) -> None:
    marker(project, "hold")
    project.answer("run", "a.toml", "b.toml", "--detach")
    runs = by_name(project)
    wait_until(lambda: is_alive(runs["a"]))
    os.kill(waiter_of(project, runs["a"]), signal.SIGKILL)
    wait_until(lambda: not is_attended(runs["a"]))
    time.sleep(1.0)
    assert is_alive(runs["a"])
    assert project.states() == ["running", "queued"]
    assert read_events(runs["b"].events_path) == []
    project.let_go()
    wait_until(lambda: events_of(runs["b"], "finished"))
    assert at_work(runs["a"])[1] < at_work(runs["b"])[0]


def test_a_killed_worker_lets_the_next_one_start(project: Project) -> None:
    marker(project, "hold")
    project.answer("run", "a.toml", "b.toml", "--detach")
    runs = by_name(project)
    wait_until(lambda: worker_pid(runs["a"]))
    pid = worker_pid(runs["a"])
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: events_of(runs["b"], "finished"))
    assert project.states() == ["interrupted", "finished"]


def test_the_living_pass_over_one_whose_waiter_was_killed(project: Project) -> None:
    marker(project, "hold")
    project.answer("run", "a.toml", "b.toml", "c.toml", "--detach")
    runs = by_name(project)
    os.kill(waiter_of(project, runs["b"]), signal.SIGKILL)
    project.let_go()
    wait_until(lambda: events_of(runs["c"], "finished"))
    listed = project.call("runs")
    assert "1 queued run waits for loratui" in listed.stderr
    assert project.answer("queue")["waiting"][0]["state"] == "waiting for loratui"
    assert project.states() == ["finished", "queued", "finished"]


def test_after_a_reboot_the_queue_says_so_and_goes_on_in_order(project: Project) -> None:
    marker(project, "hold")
    project.answer("run", "a.toml", "b.toml", "c.toml", "--detach")
    runs = by_name(project)
    wait_until(lambda: is_alive(runs["a"]))
    project.kill_everything()
    assert project.states() == ["interrupted", "queued", "queued"]
    said = project.call("runs")
    assert "2 queued runs wait for loratui" in said.stderr
    assert "loratui queue start" in said.stderr
    assert project.call("runs", "--json").stderr == ""
    project.let_go()
    assert project.answer("queue", "start") == {"started": [runs["b"].name, runs["c"].name]}
    wait_until(lambda: events_of(runs["c"], "finished"))
    assert at_work(runs["b"])[1] < at_work(runs["c"])[0]
    wait_until(lambda: not is_busy(runs["c"]))
    assert project.call("queue", "start").stdout == "Nothing waits to be started.\n"
    assert project.call("resume", "a").returncode == 0
    assert project.states() == ["finished"] * 3
    assert list(project.queue.glob("*.waiting")) == list(project.queue.glob("*.starting")) == []


def test_ctrl_c_without_a_terminal_takes_the_rest_out_of_the_queue(project: Project) -> None:
    marker(project, "hold")
    process = project.start("run", "a.toml", "b.toml")
    wait_until(lambda: len(project.runs) == 2 and is_alive(project.runs[0]))
    wait_until(lambda: catches(process, signal.SIGTERM))
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 130
    assert "taken out of the queue" in said
    assert project.states() == ["stopped", "stopped"]


def test_the_person_is_notified_by_their_own_command(project: Project) -> None:
    config = Path(project.environment["LORATUI_HOME"]) / "config"
    config.mkdir(parents=True)
    told = project.folder / "told"
    (config / "config.toml").write_text(
        f"notify_command = 'echo \"$LORATUI_NAME|$LORATUI_STATE|$LORATUI_MESSAGE|$LORATUI_LORA\" >> {told}; exit 3'\n"
    )
    marker(project, "b-fails")
    assert project.call("config").returncode == 0
    project.call("run", "a.toml", "b.toml")
    wait_until(lambda: told.exists() and len(told.read_text().splitlines()) == 2)
    first, second = (line.split("|") for line in told.read_text().splitlines())
    assert first == [
        "a",
        "finished",
        "a: finished, 1 steps, loss 1.0000 → 0.1000",
        str(project.folder / "out/a.safetensors"),
    ]
    assert second[:2] == ["b", "failed"]
    assert "The base is broken." in second[2]
    wait_until(lambda: "ended with exit code 3" in by_name(project)["a"].log_path.read_text())
    (config / "config.toml").write_text("notify = 1\n")
    assert project.call("run", "c.toml").returncode == 2
