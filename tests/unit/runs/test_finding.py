from pathlib import Path

import pytest

from loratui.dataset.manifest import Manifest
from loratui.errors import RunError
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile, profile_path
from loratui.runs.directory import RunDirectory, create_run
from loratui.runs.events import EventWriter
from loratui.runs.finding import (
    choose_run,
    last_of,
    living_runs,
    made_from_and_living,
    newest_made_from,
    newest_or_living,
    only_living,
    only_resumable,
)
from loratui.runs.glance import Glances
from loratui.runs.lock import hold_lock
from loratui.runs.overview import overviews
from loratui.runs.queue import add_ticket
from loratui.runs.slots import Wish
from tests.permissions import bound_by_permissions

EMPTY = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)


def make(root: Path, stamp: str, name: str, origin: str = "") -> RunDirectory:
    profile = Profile()
    profile.output.name = name
    run = create_run(profile, EMPTY, root, origin=origin)
    return RunDirectory(run.path.rename(root / f"{stamp}-{name}"))


def test_a_run_is_found_by_every_name_that_a_person_knows(tmp_path: Path) -> None:
    old = make(tmp_path, "20260101-120000", "emi", "/p/person.toml")
    new = make(tmp_path, "20260102-120000", "emi")
    other = make(tmp_path, "20260102-130000", "emi-v2")
    assert choose_run("emi", tmp_path) == new
    assert choose_run("emi-v2", tmp_path) == other
    assert choose_run("person", tmp_path) == old
    assert choose_run(old.name, tmp_path) == old
    assert choose_run(str(old.path), tmp_path / "elsewhere") == old
    assert choose_run("20260101", tmp_path) == old


@pytest.mark.parametrize("name", ["", "em", "..", "2027", "/", "\x1b[2J"])
def test_what_means_no_run_is_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path / "runs", "20260101-120000", "emi")
    with pytest.raises(RunError) as caught:
        choose_run(name, tmp_path / "runs")
    assert "\x1b" not in caught.value.what


def test_a_beginning_that_several_share_is_refused_with_their_names(tmp_path: Path) -> None:
    for day in range(1, 10):
        make(tmp_path, f"2026010{day}-120000", "emi")
    with pytest.raises(RunError, match=r"20260109-120000-emi.* and 3 more"):
        choose_run("2026", tmp_path)


def test_without_a_name_the_one_at_work_is_meant_else_the_newest(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no runs yet"):
        newest_or_living(tmp_path)
    old = make(tmp_path, "20260101-120000", "a")
    waiting = make(tmp_path, "20260102-120000", "b")
    newest = make(tmp_path, "20260103-120000", "c")
    assert newest_or_living(tmp_path) == newest
    add_ticket(waiting, "train", Wish(("cpu",)))
    assert newest_or_living(tmp_path) == waiting
    assert only_living(tmp_path) == waiting
    with hold_lock(old):
        assert newest_or_living(tmp_path) == old
        assert living_runs(tmp_path) == [waiting, old]
        with pytest.raises(RunError, match="Several runs"):
            only_living(tmp_path)


def test_nothing_at_work_is_said(tmp_path: Path) -> None:
    make(tmp_path, "20260101-120000", "a")
    with pytest.raises(RunError, match="No run is at work"):
        only_living(tmp_path)


def test_without_a_name_the_only_run_that_did_not_finish_is_gone_on_with(tmp_path: Path) -> None:
    done, running, waiting = (make(tmp_path, f"2026010{day}-120000", "emi") for day in (1, 2, 3))
    with EventWriter(done.events_path) as events:
        events.write("started", task="train", pid=1)
        events.write("finished")
    add_ticket(waiting, "train", Wish(("cpu",)))
    with hold_lock(running):
        with pytest.raises(RunError, match="no run to go on with"):
            only_resumable(tmp_path)
        stopped = make(tmp_path, "20260104-120000", "a")
        with EventWriter(stopped.events_path) as events:
            events.write("started", task="train", pid=1)
            events.write("stopped", signal=0, step=2)
        assert only_resumable(tmp_path) == stopped
    with pytest.raises(RunError, match=r"Several runs .*20260104-120000-a, 20260102-120000-emi"):
        only_resumable(tmp_path)


def test_the_last_run_of_a_profile_is_the_newest_that_ever_started(tmp_path: Path) -> None:
    new_profile("emi", Profile())
    origin = str(profile_path("emi").absolute())
    assert newest_made_from("emi", tmp_path) is None
    trained = make(tmp_path, "20260101-120000", "emi", origin)
    assert newest_made_from("emi", tmp_path) == trained
    with EventWriter(trained.events_path) as events:
        events.write("started", pid=1, task="train")
    withdrawn = make(tmp_path, "20260102-120000", "emi", origin)
    with EventWriter(withdrawn.events_path, 0) as events:
        events.write("stopped", signal=0, step=0)
    make(tmp_path, "20260103-120000", "other")
    assert newest_made_from("emi", tmp_path) == trained
    # What waits for its turn is not over: it comes before what is, and behind what works.
    add_ticket(withdrawn, "train", Wish(("cpu",)))
    assert newest_made_from("emi", tmp_path) == withdrawn
    assert made_from_and_living("emi", tmp_path) == [withdrawn]
    with hold_lock(trained):
        assert newest_made_from("emi", tmp_path) == trained
        assert made_from_and_living("emi", tmp_path) == [withdrawn, trained]


@pytest.mark.parametrize(
    ("runs", "last"), [("", None), ("-", 0), ("--", 0), ("-s-", 1), ("wws", 0), ("-wS", 2), ("-w-", 1), ("sS", 0)]
)
def test_which_of_several_is_the_last(runs: str, last: int | None) -> None:
    """Newest first; s: started, S: started and at work, w: waits, -: never started."""
    found = last_of(range(len(runs)), lambda run: runs[run] in "sS", lambda run: runs[run] in "Sw")
    assert found == last


@pytest.mark.parametrize("closed", ["", "lock", "waiter.lock", "events.jsonl"])
def test_a_run_that_may_not_be_read_is_left_out_and_hides_no_other(tmp_path: Path, closed: str) -> None:
    new_profile("emi", Profile())
    mine = make(tmp_path, "20260101-120000", "emi")
    other = make(tmp_path, "20260102-120000", "emi")
    add_ticket(other, "train", Wish(("cpu",)))
    for name in ("lock", "waiter.lock"):
        (other.path / name).touch()
    (other.path / closed).chmod(0)
    with hold_lock(mine):
        assert mine in bound_by_permissions(lambda: living_runs(tmp_path))
        assert bound_by_permissions(lambda: choose_run("20260101", tmp_path)) == mine
        assert bound_by_permissions(lambda: newest_or_living(tmp_path)) == mine
    if closed in ("", "events.jsonl"):
        assert bound_by_permissions(lambda: newest_made_from("emi", tmp_path)) == mine
    seen = bound_by_permissions(lambda: Glances(tmp_path).look())
    assert mine in [glance.run for glance in seen]
    assert mine.name in [run.name for run in bound_by_permissions(lambda: list(overviews(tmp_path)))]
    (other.path / closed).chmod(0o700)
