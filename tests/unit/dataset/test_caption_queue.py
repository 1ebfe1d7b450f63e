"""Jobs on captions are done one by one in their order, and what they will bring is known before."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from loratui.dataset.caption_files import EditableCaption
from loratui.dataset.caption_queue import CaptionQueue, Job


def settled(queue: CaptionQueue) -> None:
    end = time.monotonic() + 5
    while not queue.is_idle:
        assert time.monotonic() < end
        time.sleep(0.01)


def saying(text: str) -> EditableCaption:
    return EditableCaption.of(text.encode())


def test_jobs_are_done_in_their_order_and_foreseen() -> None:
    errors: list[Exception] = []
    queue, gate, done = CaptionQueue(errors.append), threading.Event(), list[int]()
    path = Path("1.txt")

    def job(number: int) -> Job:
        def work() -> Callable[[], None]:
            gate.wait(5)
            done.append(number)
            return lambda: None

        return work

    assert queue.is_idle
    for number in range(20):
        queue.put(job(number), {path: saying(f"text {number}")})
    assert not queue.is_idle
    assert queue.is_foreseeable
    assert queue.foreseen(path) == saying("text 19")
    assert queue.foreseen(Path("2.txt")) is None
    queue.put(job(20), None)
    assert not queue.is_foreseeable
    gate.set()
    settled(queue)
    assert done == list(range(21))
    assert queue.foreseen(path) is None
    assert not errors


def test_what_a_job_did_not_expect_is_told_and_the_next_ones_are_done() -> None:
    errors: list[Exception] = []
    queue, told = CaptionQueue(errors.append), list[str]()

    def broken() -> Job:
        raise ValueError("broken")

    queue.put(broken, {})
    queue.put(lambda: lambda: told.append("done"), {})
    settled(queue)
    end = time.monotonic() + 5
    while not told:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert [str(error) for error in errors] == ["broken"]


def test_a_job_counts_as_done_before_it_is_told() -> None:
    queue, seen = CaptionQueue(lambda error: None), list[bool]()
    queue.put(lambda: lambda: seen.append(queue.is_idle), None)
    end = time.monotonic() + 5
    while not seen:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert seen == [True]
