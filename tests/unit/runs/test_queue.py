import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.locks import take_lock
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, read_events
from loratui.runs.queue import add_ticket, clear_away, describe_slots, left_behind, take_back, ticket_of, tickets
from loratui.runs.slots import Wish, queue_directory
from loratui.runs.state import run_state


class Waiters:
    """Holds the waiters' locks of runs, as their processes would."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._locks: dict[str, int] = {}

    def run(self, name: str, attended: bool = True) -> RunDirectory:
        run = RunDirectory(self._root / name)
        run.path.mkdir(parents=True, exist_ok=True)
        if attended:
            lock = take_lock(run.waiter_lock_path)
            assert lock is not None
            self._locks[name] = lock
        return run

    def die(self, name: str) -> None:
        os.close(self._locks.pop(name))

    def close(self) -> None:
        for name in list(self._locks):
            self.die(name)


@pytest.fixture
def waiters(tmp_path: Path) -> Iterator[Waiters]:
    waiters = Waiters(tmp_path / "runs")
    yield waiters
    waiters.close()


def test_tickets_are_served_in_the_order_in_which_they_came(waiters: Waiters) -> None:
    made = [add_ticket(waiters.run(name), "train", Wish(("cpu",))) for name in "cab"]
    assert [ticket.run.name for ticket in tickets()] == ["c", "a", "b"]
    assert [ticket.number for ticket in tickets()] == [1, 2, 3]
    assert made[0].is_before(made[1])
    assert not made[2].is_before(made[1])
    assert ticket_of(made[1].run) == made[1]


def test_only_those_that_want_the_same_slot_go_first(waiters: Waiters) -> None:
    first = add_ticket(waiters.run("first"), "train", Wish(("gpu-0",)))
    both = add_ticket(waiters.run("both"), "train", Wish(("gpu-0", "gpu-1"), 2))
    other = add_ticket(waiters.run("other"), "train", Wish(("gpu-1",)))
    assert first.is_before(both)
    assert not first.is_before(other)
    assert both.is_before(other)


def test_a_ticket_whose_waiter_is_dead_is_passed_over_and_kept(waiters: Waiters) -> None:
    first = add_ticket(waiters.run("first"), "train", Wish(("cpu",)))
    second = add_ticket(waiters.run("second"), "train", Wish(("cpu",)))
    waiters.die("first")
    assert not first.is_before(second)
    assert left_behind() == [first]
    assert run_state(first.run) == run_state(second.run) == "queued"


def test_a_ticket_that_has_its_turn_cannot_be_taken_back(waiters: Waiters) -> None:
    ticket = add_ticket(waiters.run("a"), "train", Wish(("cpu",)))
    begun = ticket.begin()
    assert begun is not None
    assert not take_back(ticket.run)
    assert run_state(ticket.run) == "running"
    waiters.die("a")
    assert tickets() == []
    assert run_state(ticket.run) == "interrupted"
    clear_away(ticket.run)
    assert list(queue_directory().glob("*.starting")) == []


def test_a_run_that_is_taken_back_was_stopped_and_its_turn_does_not_come(waiters: Waiters) -> None:
    ticket = add_ticket(waiters.run("a"), "train", Wish(("cpu",)))
    assert take_back(ticket.run)
    assert ticket.begin() is None
    assert not take_back(ticket.run)
    assert run_state(ticket.run) == "stopped"
    assert [(event["event"], event["attempt"]) for event in read_events(ticket.run.events_path)] == [("stopped", 0)]


def test_what_a_run_said_before_stays_its_last_word_when_it_is_taken_back(waiters: Waiters) -> None:
    run = waiters.run("a")
    with EventWriter(run.events_path) as events:
        events.write("failed", what="x")
    add_ticket(run, "train", Wish(("cpu",)))
    assert run_state(run) == "queued"
    assert take_back(run)
    assert run_state(run) == "failed"


def test_a_comparison_that_waits_does_not_change_what_became_of_the_training(waiters: Waiters) -> None:
    run = waiters.run("a")
    with EventWriter(run.events_path) as events:
        events.write("finished")
    add_ticket(run, "compare", Wish(("cpu",)))
    assert run_state(run) == "finished"


def test_a_run_has_one_ticket(waiters: Waiters) -> None:
    first = add_ticket(waiters.run("a"), "train", Wish(("cpu",)))
    add_ticket(waiters.run("b"), "train", Wish(("cpu",)))
    again = add_ticket(first.run, "train", Wish(("cpu",)))
    assert [ticket.run.name for ticket in tickets()] == ["b", "a"]
    assert ticket_of(first.run) == again


def test_strangers_in_the_queue_hold_up_nobody(waiters: Waiters) -> None:
    ticket = add_ticket(waiters.run("a.b c"), "train", Wish(("cpu",)))
    gone = add_ticket(waiters.run("gone"), "train", Wish(("cpu",)))
    gone.run.waiter_lock_path.unlink()
    gone.run.path.rmdir()
    for name, content in {"000000-x.waiting": "{", "x.waiting": "[]", "000000-y.waiting": '{"run": 3}'}.items():
        (queue_directory() / name).write_text(content)
    assert tickets() == [ticket]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(("cpu",)), "the CPU"),
        (Wish(("gpu-0",)), "GPU 0"),
        (Wish(("gpu-0", "gpu-1"), 2), "GPU 0 and 1"),
        (Wish(("gpu-0", "gpu-1", "gpu-2")), "GPU 0, 1 or 2"),
        (Wish(("gpu-0", "gpu-1", "gpu-2"), 2), "2 of GPU 0, 1 and 2"),
    ],
)
def test_slots_in_words(wish: Wish, words: str) -> None:
    assert describe_slots(wish) == words


def test_a_ticket_that_has_its_slots_holds_up_nobody_who_could_take_another(waiters: Waiters) -> None:
    either = Wish(("gpu-0", "gpu-1"))
    first, second = (add_ticket(waiters.run(name), "train", either) for name in "ab")
    assert first.is_before(second)
    begun = first.begin()
    assert begun is not None
    assert not begun.is_before(second)


def test_a_ticket_keeps_what_the_person_allowed_over_a_reboot(waiters: Waiters) -> None:
    ticket = add_ticket(waiters.run("a", attended=False), "train", Wish(("cpu",)), accept_smaller=True)
    assert left_behind() == [ticket]
    assert ticket.accept_smaller
