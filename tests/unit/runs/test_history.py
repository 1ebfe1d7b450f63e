import time
from pathlib import Path

import pytest

from loratui.runs.events import Event, EventReader, EventWriter, read_events, read_landmarks
from loratui.runs.history import History, fold


def steps(attempt: int, first: int, last: int, scale: float = 1.0) -> list[Event]:
    return [
        {"event": "step", "attempt": attempt, "step": step, "loss": scale / step, "lr": scale * 1e-4}
        for step in range(first, last + 1)
    ]


def started(attempt: int, task: str = "train", time: float = 0.0) -> Event:
    return {"event": "started", "attempt": attempt, "pid": 100 + attempt, "task": task, "time": time}


def test_the_latest_attempt_of_a_step_counts_and_each_is_there_once() -> None:
    history = fold([started(1), *steps(1, 1, 130), started(2), *steps(2, 121, 200, scale=2.0)])
    assert list(history.losses) == list(range(1, 201))
    assert history.losses[120] == 1 / 120
    assert history.losses[125] == 2 / 125
    assert (history.step, history.attempts, history.pid) == (200, 2, 102)


def test_a_resume_forgets_at_once_what_comes_again() -> None:
    resumed: Event = {"event": "resumed", "attempt": 2, "step": 120, "steps": 500, "lr": 1e-4}
    history = fold([started(1), *steps(1, 1, 130), started(2), resumed])
    assert max(history.losses) == history.step == 120
    assert history.last_loss == 1 / 120
    assert history.steps == 500


def test_a_worker_that_goes_back_by_itself_replaces_its_own_steps() -> None:
    history = fold([started(1), *steps(1, 1, 50), {"event": "recovered", "what": "x", "step": 40}, *steps(1, 41, 45)])
    assert list(history.losses) == list(range(1, 46))
    assert [event["what"] for event in history.recovered] == ["x"]


def test_words_of_an_earlier_attempt_that_come_late_are_not_heard() -> None:
    history = fold([started(2), *steps(2, 1, 5), {"event": "stopped", "attempt": 1}, *steps(1, 1, 3, scale=9.0)])
    assert history.end is None
    assert history.losses[3] == 1 / 3


def test_an_ending_holds_until_the_next_attempt() -> None:
    history = fold([started(1), {"event": "told", "attempt": 1, "command": "stop"}, {"event": "stopped", "attempt": 1}])
    assert history.end is not None
    assert history.told == ["stop"]
    history.take(started(2))
    assert history.end is None
    assert history.told == []


def test_a_comparison_drawn_later_does_not_change_what_became_of_the_training() -> None:
    finished: Event = {"event": "finished", "attempt": 1, "lora": "x"}
    history = fold([started(1), finished, started(2, "compare"), {"event": "failed", "attempt": 2}])
    assert history.end == finished
    assert history.comparison_end is not None
    assert history.last == history.comparison_end


def test_figures_for_the_summary(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    events: list[Event] = [
        started(1, time=100.0),
        {"event": "training", "attempt": 1, "steps": 9, "time": 110.0},
        *(
            {"event": "validation", "attempt": 1, "epoch": n, "loss": loss}
            for n, loss in enumerate((0.1, 0.3, 0.2, 0.4))
        ),
        *({"event": "saved", "attempt": 1, "file": str(tmp_path / name)} for name in "abb"),
        {"event": "stopped", "attempt": 1, "time": 130.0},
        started(2, time=1000.0),
        {"event": "finished", "attempt": 2, "time": 1005.0},
    ]
    history = fold(events)
    assert history.best_epoch == 2
    assert history.saved == [str(tmp_path / "b")]
    assert history.worked == pytest.approx(35.0)
    assert (history.started, history.steps) == (100.0, 9)


@pytest.mark.parametrize("kind", ["step", "training", "saved", "validation", "resumed", "told", "warning", "new"])
def test_odd_events_are_passed_over(kind: str) -> None:
    history = History()
    history.take({"event": kind})
    history.take({"event": kind, "step": "x", "loss": "y", "attempt": "z", "file": None, "steps": [], "time": None})
    assert history.losses == {}


def write_many(path: Path, count: int) -> None:
    with EventWriter(path) as events:
        events.write("started", pid=1, task="train")
        events.write("training", steps=count, epochs=10)
        for step in range(1, count + 1):
            events.write("step", step=step, epoch=1, loss=0.1, lr=1e-4, gradient_norm=0.5, seconds=0.1)
            if step % (count // 10) == 0:
                events.write("validation", epoch=10 * step // count, loss=0.1)


def test_a_hundred_thousand_events_attach_in_under_two_seconds(tmp_path: Path) -> None:
    write_many(tmp_path / "events.jsonl", 100_000)
    seconds = []
    # The processor's time, and the best of three: how busy the machine is otherwise does not count.
    for _ in range(3):
        begun = time.process_time()
        history = fold(read_events(tmp_path / "events.jsonl"))
        seconds.append(time.process_time() - begun)
    assert len(history.losses) == 100_000
    assert min(seconds) < 2.0
    landmarks = read_landmarks(tmp_path / "events.jsonl")
    assert len(landmarks) < 30
    assert [event["event"] for event in landmarks[-2:]] == ["step", "validation"]
    assert fold(landmarks).step == 100_000


def test_landmarks_are_all_events_but_the_steps_between_them(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write_many(path, 100)
    path.write_bytes(path.read_bytes() + b'{"event": "step", "step": 101')
    everything = read_events(path)
    landmarks = read_landmarks(path)
    assert [event for event in landmarks if event["event"] != "step"] == [
        event for event in everything if event["event"] != "step"
    ]
    assert [event["step"] for event in landmarks if event["event"] == "step"] == list(range(10, 101, 10))
    assert landmarks == [event for event in everything if event in landmarks]


def test_a_line_cut_in_half_by_a_kill_is_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write_many(path, 10)
    whole = path.read_bytes()
    for cut in range(len(whole) - 150, len(whole)):
        path.write_bytes(whole[:cut])
        with EventWriter(path, 2) as events:
            events.write("started")
            events.write("resumed", step=9, steps=10)
            events.write("step", step=10, loss=0.5)
        history = fold(EventReader(path).read())
        assert list(history.losses) == list(range(1, 11))
        assert history.losses[10] == 0.5
