"""A run watched through its directory alone: figures, trouble, endings, and what a later look brings."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.lock import hold_lock
from loratui.runs.queue import add_ticket, take_back
from loratui.runs.slots import Wish, try_slots
from loratui.tui.run_watch import RunWatch
from tests.recorded_run import PROMPT, Recording, recorded_run


@pytest.fixture
def run(tmp_path: Path, loratui_home: Path) -> RunDirectory:
    """A run that nobody has begun."""
    return recorded_run(tmp_path, loratui_home)


def watched(run: RunDirectory) -> RunWatch:
    """A watch that has looked once."""
    watch = RunWatch(run)
    watch.poll()
    return watch


def trained(run: RunDirectory, until: int = 138) -> Recording:
    """A recording that has got to step `until`."""
    recording = Recording(run)
    recording.begin()
    recording.train(until)
    return recording


def test_a_run_at_work_tells_where_it_is_and_how_long_it_takes(run: RunDirectory) -> None:
    trained(run).write(time.time())
    with hold_lock(run):
        moment = watched(run).moment

    assert (moment.state, moment.step, moment.steps, moment.epoch, moment.epochs) == ("running", 138, 360, 4, 10)
    assert moment.rate == pytest.approx(1.9, rel=0.05)
    assert moment.left == pytest.approx((360 - 138) / moment.rate)
    assert moment.doing == ""
    assert moment.learning_rate is not None
    assert moment.validation is not None
    assert moment.before is not None
    assert moment.validation < moment.before
    assert len(moment.curve.steps) == 138
    assert moment.curve.last == 360
    assert [step for step, _ in moment.curve.validation] == [0, 36, 72, 108]
    assert moment.memory_peak == int(5.9 * (1 << 30))
    assert moment.memory_reserved == int(5.6 * (1 << 30))


def test_somebody_who_comes_later_sees_the_same(run: RunDirectory) -> None:
    recording = trained(run, 100)
    recording.write(1000.0)
    with hold_lock(run):
        early = watched(run)
        recording.train(138, after=100)
        recording.write(1100.0)
        time.sleep(1.1)  # the curve is handed out once a second
        assert early.poll()
        late = watched(run)

    assert early.moment == late.moment


def test_a_look_that_finds_nothing_new_changes_nothing(run: RunDirectory) -> None:
    trained(run).write(time.time())
    with hold_lock(run):
        watch = watched(run)
        before = watch.moment
        time.sleep(1.1)

        assert not watch.poll()
    assert watch.moment is before


@pytest.mark.parametrize(
    ("kind", "fields", "doing"),
    [
        ("started", {"task": "train", "pid": 1}, "loading the base"),
        ("base", {"name": "sd15"}, "getting the pictures ready"),
        ("caching", {"done": 3, "of": 14, "what": "pictures"}, "caching pictures 3 of 14"),
        ("training", {"steps": 360, "epochs": 10}, "two trial steps, to measure memory and time"),
        ("drawing", {"done": 35, "of": 420, "pictures": 21}, "drawing the comparison: 1 of 21 pictures"),
        ("drawing", {"done": 3, "of": 14}, "drawing the comparison"),
    ],
)
def test_a_worker_that_takes_no_steps_says_what_it_is_busy_with(
    run: RunDirectory, kind: str, fields: dict[str, object], doing: str
) -> None:
    recording = Recording(run)
    recording.event("started", task="train", pid=1)
    recording.event(kind, 1.0, **fields)
    recording.write(time.time())
    with hold_lock(run):
        assert watched(run).moment.doing == doing


def test_a_finished_run_tells_its_files(run: RunDirectory) -> None:
    recording = trained(run, 360)
    recording.finish()
    recording.write(time.time())
    watch = watched(run)

    assert watch.state == "finished"
    assert watch.ending is not None
    assert watch.ending.kind == "finished"
    assert Path(str(watch.moment.end["lora"])).name == "emi_lora.safetensors"
    assert len(watch.moment.saved) == 10
    assert watch.moment.verified
    assert watch.moment.failure is None


def test_a_redrawn_comparison_does_not_change_what_became_of_the_training(run: RunDirectory) -> None:
    recording = trained(run, 360)
    recording.finish()
    recording.attempt = 2
    recording.event("started", 5.0, task="compare", pid=2)
    recording.event("drawing", 1.0, done=1, of=14)
    recording.write(time.time())
    with hold_lock(run):
        moment = watched(run).moment

    assert moment.state == "finished"
    assert moment.doing == ""


def test_a_failed_run_says_why_and_with_what_it_would_go_on(run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.event("proposed", what="2 × 1 picture a step")
    recording.event("failed", what="A step needs more memory.", todo="Accept it.", exit_code=1)
    recording.write(time.time())
    moment = watched(run).moment

    assert (moment.state, moment.proposal) == ("failed", "2 × 1 picture a step")
    assert moment.failure is not None
    assert (moment.failure.what, moment.failure.todo) == ("A step needs more memory.", "Accept it.")


def test_a_proposal_is_over_once_another_worker_has_begun(run: RunDirectory) -> None:
    recording = Recording(run)
    recording.begin()
    recording.event("proposed", what="2 × 1 picture a step")
    recording.event("failed", what="A step needs more memory.", todo="Accept it.", exit_code=1)
    recording.attempt = 2
    recording.begin()
    recording.event("failed", 1.0, what="Something else.", todo="", exit_code=1)
    recording.write(time.time())

    assert watched(run).moment.proposal == ""


def test_a_killed_worker_leaves_an_interrupted_run(run: RunDirectory) -> None:
    trained(run).write(time.time())
    moment = watched(run).moment

    assert moment.state == "interrupted"
    assert moment.failure is not None
    assert "step 138" in moment.failure.what


def test_a_rollback_takes_the_curve_back_and_a_resumed_attempt_counts(run: RunDirectory) -> None:
    recording = trained(run, 138)
    recording.attempt = 2
    recording.event("started", 60.0, task="train", pid=2)
    recording.event("resumed", 5.0, step=108, steps=360, lr=1e-4)
    recording.train(120, after=108)
    recording.write(time.time())
    with hold_lock(run):
        moment = watched(run).moment

    assert moment.step == 120
    assert moment.curve.steps == tuple(range(1, 121))
    # The hour in between is no part of the pace.
    assert moment.rate == pytest.approx(1.9, rel=0.05)


def test_a_preview_is_known_by_its_file_prompt_and_step(run: RunDirectory) -> None:
    recording = trained(run)
    file = recording.preview(138)
    recording.preview(138)
    recording.write(time.time())
    moment = watched(run).moment

    assert [(preview.file, preview.prompt, preview.step) for preview in moment.previews] == [(file, PROMPT, 138)]


def test_odd_and_half_written_lines_are_passed_over(run: RunDirectory) -> None:
    trained(run, 10).write(time.time())
    with run.events_path.open("ab") as file:
        file.write(b'{"event": "step", "attempt": 1, "step": "x"}\n[1]\nnonsense\n{"event": "validation"}\n')
        file.write(b'{"event": "preview"}\n{"event": "step", "att')
    with hold_lock(run):
        assert watched(run).moment.step == 10


def test_a_run_that_waits_says_for_what(run: RunDirectory, tmp_path: Path, loratui_home: Path) -> None:
    other = recorded_run(tmp_path / "other", loratui_home, "akira")
    held = try_slots(Wish(("cpu",)), str(other.path))
    assert held is not None
    descriptor = os.open(run.waiter_lock_path, os.O_RDWR | os.O_CREAT)
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX)
    add_ticket(run, "train", Wish(("cpu",)))
    try:
        moment = watched(run).moment
        assert moment.state == "queued"
        assert not moment.is_left_behind
        assert "akira" in moment.place
    finally:
        os.close(descriptor)
        for slot in held.values():
            os.close(slot)

    moment = watched(run).moment
    assert (moment.state, moment.is_left_behind) == ("queued", True)
    assert take_back(run)
    assert watched(run).moment.state == "stopped"


def test_stopping_reaches_a_worker_that_reads_no_commands(run: RunDirectory) -> None:
    """The command is sent, and after a while without an answer the signal, by the polls alone."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom loratui.runs.directory import RunDirectory\n"
        "from loratui.runs.lock import hold_lock\n"
        f"with hold_lock(RunDirectory(Path({str(run.path)!r}))):\n    print(flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        watch = watched(run)
        watch.stop()
        deadline = time.monotonic() + 20
        while worker.poll() is None and time.monotonic() < deadline:
            watch.poll()
            time.sleep(0.1)
        assert json.loads(run.commands_path.read_text().strip())["command"] == "stop"
        assert worker.returncode == -signal.SIGTERM


def test_a_hundred_thousand_events_are_folded_once_and_then_cost_nothing(run: RunDirectory) -> None:
    with EventWriter(run.events_path) as events:
        events.write("started", task="train", pid=1)
        events.write("training", steps=100_000, epochs=10)
    line = '{"event": "step", "time": %d.5, "attempt": 1, "step": %d, "epoch": 1, "loss": 0.1, "lr": 1e-4}\n'
    with run.events_path.open("a") as file:
        file.writelines(line % (step, step) for step in range(1, 100_001))
    with hold_lock(run):
        watch = watched(run)
        began = time.perf_counter()
        watch.poll()
        took = time.perf_counter() - began

    assert watch.moment.step == 100_000
    assert len(watch.moment.curve.raw) == 100_000
    assert took < 0.1
