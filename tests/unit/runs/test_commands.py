import threading
from pathlib import Path

import pytest

from loratui.errors import RunError
from loratui.runs.commands import PREVIEW, SAVE, STOP, CommandReader, commands_size, send
from loratui.runs.directory import RunDirectory


def test_commands_arrive_in_order_and_once(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    reader = CommandReader(run.commands_path)
    assert reader.read() == []
    send(run, SAVE)
    send(run, PREVIEW)
    assert reader.read() == [SAVE, PREVIEW]
    assert reader.read() == []
    send(run, STOP)
    assert reader.read() == [STOP]


def test_a_reader_can_begin_behind_what_was_said_to_an_earlier_worker(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert commands_size(run.commands_path) == 0
    send(run, STOP)
    reader = CommandReader(run.commands_path, commands_size(run.commands_path))
    send(run, SAVE)
    assert reader.read() == [SAVE]


def test_half_a_line_waits_for_its_end_and_nonsense_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    path.write_bytes(b'nonsense\n[]\n{"command": ["save"]}\n{"command": "dance"}\n{"command": "sa')
    reader = CommandReader(path)
    assert reader.read() == []
    with path.open("ab") as file:
        file.write(b've"}\n')
    assert reader.read() == [SAVE]


def test_a_line_cut_by_a_kill_does_not_swallow_the_next(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.commands_path.write_bytes(b'{"command": "sa')
    send(run, STOP)
    assert CommandReader(run.commands_path).read() == [STOP]


def test_commands_from_several_terminals_do_not_mix(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    writers = [threading.Thread(target=lambda: [send(run, SAVE) for _ in range(100)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert CommandReader(run.commands_path).read() == [SAVE] * 400


def test_what_is_no_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="dance") as caught:
        send(RunDirectory(tmp_path), "dance")
    assert "stop-after-epoch" in caught.value.todo
    with pytest.raises(RunError, match="Nothing can be written"):
        send(RunDirectory(tmp_path / "nowhere"), STOP)
