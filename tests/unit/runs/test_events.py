import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loratui.runs.events import EventReader, EventWriter, events_size, follow_reader, next_attempt, read_events

WRITER = """
import sys
from pathlib import Path
from loratui.runs.events import EventWriter
path, attempt, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with EventWriter(path, attempt) as events:
    for step in range(count):
        events.write("step", step=step, caption="x" * (step % 700))
"""


def write_in_process(path: Path, attempt: int, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(attempt), str(count)])


def test_an_event_is_one_line_with_its_kind_time_and_attempt(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path, attempt=3) as events:
        events.write("saved", file=tmp_path / "a\nb.safetensors", epoch=2)
    [line] = path.read_text().splitlines()
    event = json.loads(line)
    assert (event["event"], event["attempt"], event["epoch"]) == ("saved", 3, 2)
    assert event["file"] == f"{tmp_path}/a\nb.safetensors"
    assert event["time"] > 1_600_000_000


def test_numbers_that_json_lacks_become_null(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as events:
        events.write("step", loss=float("nan"), further=[float("inf"), {"lr": -float("inf")}])
    assert "NaN" not in path.read_text()
    assert "Infinity" not in path.read_text()
    [event] = read_events(path)
    assert event["loss"] is None
    assert event["further"] == [None, {"lr": None}]


def test_a_half_last_line_is_left_alone_and_joined_later(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert list(reader.read()) == []
    line = json.dumps({"event": "step", "step": 1, "caption": "née"}, ensure_ascii=False).encode() + b"\n"
    with open(path, "ab", buffering=0) as file:
        for byte in line[:-1]:
            file.write(bytes([byte]))
            assert list(reader.read()) == []
        file.write(line[-1:])
    assert [event["caption"] for event in reader.read()] == ["née"]
    assert list(reader.read()) == []


def test_a_line_cut_by_a_kill_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path, 1) as events:
        events.write("step", step=1)
    with open(path, "ab") as file:
        file.write(b'{"event": "step", "st')
    with EventWriter(path, 2) as events:
        events.write("started")
        events.write("step", step=1)
    assert [(event["event"], event["attempt"]) for event in read_events(path)] == [
        ("step", 1),
        ("started", 2),
        ("step", 2),
    ]


def test_lines_that_are_no_events_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'[1]\n"x"\n{"step": 1}\n\xff\xfe\n{"event": 5}\n' + b"[" * 100_000 + b'\n{"event": "grid"}\n')
    assert [event["event"] for event in read_events(path)] == ["grid"]


def test_two_writing_processes_never_mix_their_lines_and_two_watchers_see_all(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writers = [write_in_process(path, attempt, 1500) for attempt in (1, 2)]

    def is_over() -> bool:
        return all(writer.poll() is not None for writer in writers)

    seen: list[list[tuple[int, int]]] = [[], []]

    def watch(number: int) -> None:
        for event in follow_reader(EventReader(path), is_over, interval=0.005):
            if event is not None:
                seen[number].append((event["attempt"], event["step"]))

    watchers = [threading.Thread(target=watch, args=(number,)) for number in (0, 1)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    everything = {(attempt, step) for attempt in (1, 2) for step in range(1500)}
    assert len(seen[0]) == 3000
    assert set(seen[0]) == everything
    assert seen[0] == seen[1]
    # A writer that begins while another is in the middle of a line ends that line, which may leave an empty one.
    assert len([line for line in path.read_text().splitlines() if line]) == 3000


def test_following_yields_what_was_written_just_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventWriter(path)

    def ends_now() -> bool:
        events.write("finished")
        return True

    assert [event and event["event"] for event in follow_reader(EventReader(path), ends_now)] == ["finished"]
    events.close()


def test_following_can_begin_after_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert events_size(path) == 0
    with EventWriter(path) as events:
        events.write("finished")
        start = events_size(path)
        events.write("started")
    followed = follow_reader(EventReader(path, start), lambda: True)
    assert [event["event"] for event in followed if event] == ["started"]


def test_the_next_attempt_is_one_more_than_the_highest(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert next_attempt(path) == 1
    for attempt in (1, 2):
        with EventWriter(path, attempt) as events:
            events.write("started")
    assert next_attempt(path) == 3


def test_a_full_disk_is_an_error_and_spoils_one_line_only(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    script = """
import resource, signal, sys
from pathlib import Path
from loratui.runs.events import EventWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
events = EventWriter(Path(sys.argv[1]))
events.write("step", step=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))
try:
    events.write("step", step=2, caption="x" * 500)
except OSError as error:
    print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
events.write("step", step=3)
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "OSError"
    assert [event["step"] for event in read_events(path)] == [1, 3]


@pytest.mark.parametrize("count", [100_000])
def test_a_hundred_thousand_events_are_read_at_once(tmp_path: Path, count: int) -> None:
    path = tmp_path / "events.jsonl"
    line = json.dumps({"event": "step", "time": 1.0, "attempt": 1, "step": 1, "loss": 0.1, "lr": 1e-4}) + "\n"
    path.write_text(line * count)
    assert len(read_events(path)) == count
