"""All runs looked at over and over again."""

import json
import os
from pathlib import Path

import pytest

from loratui.locks import take_lock
from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.glance import Glances
from loratui.runs.lock import hold_lock
from loratui.runs.queue import add_ticket
from loratui.runs.slots import Wish
from tests.small_dataset import new_run, small_profile, write_pictures


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return small_profile(tmp_path / "base", write_pictures(tmp_path / "pictures"), tmp_path / "out")


def begun(profile: Profile, step: int, title: str = "disc") -> RunDirectory:
    profile.output.name = title
    run = new_run(profile, runs_directory())
    with EventWriter(run.events_path) as events:
        events.write("started", pid=1, task="train", time=100.0)
        events.write("training", steps=8, time=100.0)
        for number in range(1, step + 1):
            events.write("step", step=number, loss=1 / number, seconds=2.0, time=100.0 + number)
    return run


def test_of_a_run_at_work_each_look_tells_how_far_it_is(profile: Profile) -> None:
    run = begun(profile, 2)
    glances = Glances(runs_directory())
    with hold_lock(run):
        [seen] = glances.look()
        assert (seen.state, seen.step, seen.steps, seen.loss, seen.left) == ("running", 2, 8, 0.5, 12.0)
        assert seen.is_busy
        with EventWriter(run.events_path) as events:
            events.write("step", step=3, loss=0.25, seconds=1.0)
        [seen] = glances.look()
        assert (seen.step, seen.loss, seen.left) == (3, 0.25, 5.0)
    [seen] = glances.look()
    assert (seen.state, seen.is_busy, seen.can_go_on) == ("interrupted", False, True)


def test_an_end_is_told_with_its_time_and_its_file(profile: Profile, tmp_path: Path) -> None:
    run = begun(profile, 8)
    lora = tmp_path / "disc.safetensors"
    lora.write_bytes(b"lora")
    with EventWriter(run.events_path) as events:
        events.write("finished", lora=lora, grid=None, time=200.0)
    [seen] = Glances(runs_directory()).look()
    assert (seen.state, seen.ended, seen.lora, seen.can_go_on) == ("finished", 200.0, str(lora), False)
    lora.unlink()
    [seen] = Glances(runs_directory()).look()
    assert seen.lora == ""


def test_those_that_wait_have_their_place(profile: Profile) -> None:
    runs = [begun(profile, 0, f"disc{number}") for number in range(3)]
    locks = []
    for run in runs[1:]:
        add_ticket(run, "train", Wish(("cpu",), 1))
        locks.append(take_lock(run.waiter_lock_path))
    seen = {glance.title: glance for glance in Glances(runs_directory()).look()}
    assert [(seen[f"disc{number}"].state, seen[f"disc{number}"].place) for number in range(3)] == [
        ("interrupted", 0),
        ("queued", 1),
        ("queued", 2),
    ]
    for lock in locks:
        assert lock is not None
        os.close(lock)


def test_a_comparison_does_not_change_what_became_of_the_training(profile: Profile) -> None:
    run = begun(profile, 8)
    with EventWriter(run.events_path) as events:
        events.write("finished", lora=None, grid=None, time=200.0)
    with EventWriter(run.events_path, 2) as events:
        events.write("started", pid=1, task="compare")
    with hold_lock(run):
        [seen] = Glances(runs_directory()).look()
    assert (seen.state, seen.draws, seen.is_busy, seen.left) == ("finished", True, True, None)


def test_a_look_reads_only_what_has_changed(profile: Profile) -> None:
    quiet, busy = begun(profile, 2, "quiet"), begun(profile, 2, "busy")
    glances = Glances(runs_directory())
    glances.look()
    # What was read once is not read again, or this would be seen.
    size = quiet.events_path.stat().st_size
    quiet.events_path.write_bytes(b"x" * size)
    with EventWriter(busy.events_path) as events:
        events.write("step", step=3, loss=0.3)
    assert {seen.title: seen.step for seen in glances.look()} == {"quiet": 2, "busy": 3}


def test_runs_come_and_go_between_looks(profile: Profile) -> None:
    glances = Glances(runs_directory())
    assert glances.look() == []
    run = begun(profile, 1)
    run.origin_path.write_text(json.dumps({"profile": "/x/emi.toml"}))
    [seen] = glances.look()
    assert (seen.title, seen.origin) == ("disc", "/x/emi.toml")
    run.path.rename(run.path.with_name(".gone"))
    assert glances.look() == []


def test_what_was_taken_out_of_the_queue_never_began(profile: Profile) -> None:
    begun(profile, 0)
    profile.output.name = "withdrawn"
    run = new_run(profile, runs_directory())
    with EventWriter(run.events_path, 0) as events:
        events.write("stopped", signal=0, step=0)
    assert {seen.title: seen.began for seen in Glances(runs_directory()).look()} == {"disc": True, "withdrawn": False}
