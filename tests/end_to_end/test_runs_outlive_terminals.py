"""Runs, terminals and watchers as real processes; only what the worker computes is a stand-in."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, read_events
from loratui.runs.lock import is_alive, is_busy, worker_pid
from tests.small_project import Project, catches, events_of, processes_of, wait_until, write_project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = write_project(tmp_path / "work", "train(60, hold_at=20)\nfinish()")
    yield project
    project.kill_everything()


def wait_for_step(run: RunDirectory, step: int) -> None:
    wait_until(lambda: any(event["step"] >= step for event in events_of(run, "step")))


def started(project: Project) -> RunDirectory:
    wait_until(lambda: project.runs and is_alive(project.runs[-1]))
    return project.runs[-1]


def test_a_run_survives_its_terminal_and_attach_shows_the_whole_curve(project: Project) -> None:
    with project.terminal("run", "emi.toml") as session:
        session.wait_for("Training 60 steps")
        run = started(project)
        wait_for_step(run, 5)
        session.hang_up()
        assert session.wait() == -signal.SIGHUP
    assert is_alive(run)
    wait_for_step(run, 20)
    with project.terminal("attach") as session:
        session.wait_for("loss of steps 1–20")
        project.let_go()
        session.wait_for("Finished")
        assert session.wait() == 0
    assert project.states() == ["finished"]
    answer = project.answer("attach", "emi")
    assert [step for step, _ in answer["curve"]] == list(range(1, 61))
    assert answer["state"] == "finished"


def test_detach_returns_at_once_with_the_name_and_the_run_goes_on(project: Project) -> None:
    begun = time.monotonic()
    project.answer("runs")
    # What any command takes on this computer as busy as it is; the run itself goes on for as long as it is held.
    slow = time.monotonic() - begun
    begun = time.monotonic()
    answer = project.answer("run", "emi.toml", "--detach")
    seconds = time.monotonic() - begun
    assert seconds < 5 + 5 * slow
    [run] = project.runs
    # Only where a worker takes more than two seconds to come up, it is said to wait still.
    assert answer == {"name": run.name, "run": str(run.path), "state": "running" if seconds < 2 else answer["state"]}
    assert answer["state"] in ("running", "queued")
    wait_until(lambda: is_alive(run))
    [listed] = project.answer("runs")
    assert set(listed) == {
        *("name", "state", "pid", "step", "steps", "loss", "started", "directory", "outputs"),
    }
    assert (listed["state"], listed["pid"]) == ("running", worker_pid(run))
    project.let_go()
    wait_until(lambda: not is_busy(run))
    [listed] = project.answer("runs")
    assert (listed["state"], listed["pid"], listed["step"], listed["steps"]) == ("finished", None, 60, 60)
    assert [Path(file).name for file in listed["outputs"]] == ["emi.safetensors"]


def test_two_watchers_see_the_same_as_the_writer_writes(tmp_path: Path) -> None:
    project = write_project(tmp_path / "work", "train(5000, 0, hold_at=20)\nfinish()")
    project.call("run", "emi.toml", "--detach")
    watchers = [project.start("attach", "--json"), project.start("attach", "--json")]
    wait_until(lambda: all(catches(watcher, signal.SIGTERM) for watcher in watchers))
    project.let_go()
    answers = [json.loads(watcher.communicate(timeout=120)[0]) for watcher in watchers]
    assert [watcher.returncode for watcher in watchers] == [0, 0]
    assert answers[0]["curve"] == answers[1]["curve"]
    assert [step for step, _ in answers[0]["curve"]] == list(range(1, 5001))


@pytest.mark.parametrize("command", ["run", "attach"])
def test_ctrl_c_asks_and_leaves_the_run_running(project: Project, command: str) -> None:
    if command == "attach":
        project.call("run", "emi.toml", "--detach")
    with project.terminal(*(["run", "emi.toml"] if command == "run" else ["attach"])) as session:
        session.wait_for("Training 60 steps")
        before = session.modes
        session.press("\x03")
        session.wait_for("[l]eave it running")
        assert session.modes != before
        session.press("l")
        session.wait_for("goes on by itself")
        assert session.modes == before
        assert session.wait() == 0
    assert is_alive(started(project))


def test_ctrl_c_asks_and_stops_and_saves(project: Project) -> None:
    with project.terminal("run", "emi.toml") as session:
        session.wait_for("Training 60 steps")
        wait_for_step(started(project), 2)
        session.press("\x03")
        session.wait_for("[s]top and save")
        session.press("s")
        session.wait_for("was stopped at step")
        assert session.wait() == 0
    assert events_of(project.runs[0], "stopped")[0]["command"] == "stop"


def test_ctrl_c_asks_and_one_can_keep_watching(project: Project) -> None:
    with project.terminal("run", "emi.toml") as session:
        session.wait_for("Training 60 steps")
        session.press("\x03")
        session.wait_for("[k]eep watching")
        session.press("k")
        session.wait_for("Watching on")
        project.let_go()
        session.wait_for("Finished")
        assert session.wait() == 0


def test_a_second_ctrl_c_leaves_at_once(project: Project) -> None:
    with project.terminal("run", "emi.toml") as session:
        session.wait_for("Training 60 steps")
        session.press("\x03")
        session.wait_for("[l]eave")
        session.press("\x03")
        assert session.wait() == 130
    assert is_alive(started(project))


def test_a_run_that_ends_while_it_is_asked_about_needs_no_answer(project: Project) -> None:
    with project.terminal("run", "emi.toml") as session:
        session.wait_for("Training 60 steps")
        session.press("\x03")
        session.wait_for("[l]eave")
        project.let_go()
        assert session.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_terminal_the_first_ctrl_c_stops_and_saves(project: Project, number: int) -> None:
    process = project.start("run", "emi.toml", "--json")
    wait_for_step(started(project), 2)
    process.send_signal(number)
    answer = json.loads(process.communicate(timeout=120)[0])
    assert process.returncode == 128 + number
    assert (answer["state"], answer["step"] > 0) == ("stopped", True)
    assert events_of(project.runs[0], "stopped")[0]["signal"] == signal.SIGTERM


def test_without_a_terminal_attach_only_leaves(project: Project) -> None:
    project.call("run", "emi.toml", "--detach")
    process = project.start("attach")
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Training"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "goes on by itself" in process.communicate(timeout=120)[0]
    assert process.returncode == 130
    assert is_alive(project.runs[0])


def test_stop_tell_and_resume_from_a_second_terminal(project: Project) -> None:
    name = project.answer("run", "emi.toml", "--detach")["name"]
    run = started(project)
    wait_for_step(run, 2)
    assert project.call("tell", "emi", "save").returncode == 0
    wait_until(lambda: events_of(run, "told"))
    watcher = project.start("attach", name[:15])
    assert project.call("rm", name, "--yes").returncode == 2
    assert project.call("resume", name).returncode == 2
    assert project.answer("stop")["state"] == "stopped"
    assert "was stopped at step" in watcher.communicate(timeout=120)[0]
    assert watcher.returncode == 0
    assert [event["command"] for event in events_of(run, "told")] == ["save", "stop"]
    assert project.call("tell", "emi", "save").returncode == 2
    project.let_go()
    resumed = project.call("resume", "emi")
    assert resumed.returncode == 0
    assert "Finished" in resumed.stdout
    assert project.call("rm", "emi", "--yes").returncode == 0
    assert project.runs == []
    assert (project.folder / "out" / "emi.safetensors").is_file()


def test_a_resume_with_auto_tells_the_worker_and_changes_no_profile(tmp_path: Path) -> None:
    body = "events.write('training', steps=1, allowed=os.environ.get('LORATUI_ACCEPT_SMALLER'))\nstop(0, 0, 'stop')"
    project = write_project(tmp_path / "work", body)
    project.call("run", "emi.toml")
    [run] = project.runs
    frozen = run.profile_path.read_bytes()
    project.call("resume", "emi", "--auto")
    project.call("resume", "emi")
    assert [event["allowed"] for event in events_of(run, "training")] == [None, "1", None]
    assert run.profile_path.read_bytes() == frozen


def test_resume_says_where_it_goes_on(project: Project) -> None:
    project.call("run", "emi.toml", "--detach")
    project.call("stop")
    [run] = project.runs
    with EventWriter(run.events_path) as events:
        for step in range(1, 131):
            events.write("step", step=step, loss=0.1, lr=1.3e-4)
            if step == 120:
                events.write("state", file="x", step=step)
        events.write("training", steps=500)
        events.write("stopped", signal=0, step=130)
    said = project.call("resume", "emi", "--detach").stdout
    assert f"Resuming {run.name} at step 120 of 500, learning rate 1.3e-04." in said


def test_a_killed_worker_leaves_an_interrupted_run_that_says_so(project: Project) -> None:
    process = project.start("run", "emi.toml")
    run = started(project)
    wait_for_step(run, 2)
    pid = worker_pid(run)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 1
    assert "SIGKILL" in said
    assert "loratui resume" in said
    assert project.states() == ["interrupted"]
    with EventWriter(run.events_path, 1) as events:
        events.write("step", step=10)
    content = run.events_path.read_bytes()
    run.events_path.write_bytes(content[:-9])
    assert project.states() == ["interrupted"]
    project.let_go()
    assert project.call("resume", "emi").returncode == 0
    assert read_events(run.events_path)[-1]["attempt"] == 2


def test_a_watcher_of_a_worker_that_dies_with_its_waiter_is_told(project: Project) -> None:
    project.call("run", "emi.toml", "--detach")
    watcher = project.start("attach", "--json")
    wait_for_step(started(project), 5)
    wait_until(lambda: catches(watcher, signal.SIGTERM))
    for pid in processes_of(project.environment["LORATUI_HOME"]):
        if pid != watcher.pid:
            os.kill(pid, signal.SIGKILL)
    answer = json.loads(watcher.communicate(timeout=120)[0])
    assert watcher.returncode == 1
    assert answer["state"] == "interrupted"
    assert "without a last word" in answer["error"]
