import json
from pathlib import Path

import pytest

from loratui.errors import LoratuiError, RunError
from loratui.paths import runs_directory
from loratui.profile.schema import Comparison
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from loratui.runs.history import fold
from loratui.runs.keeping import activation_text, keep_strength, kept_strength
from loratui.runs.launch import settings_for
from loratui.runs.lock import hold_lock
from loratui.runs.queue import add_ticket, clear_away, place_in_queue, ticket_of
from loratui.runs.removal import remove_run
from loratui.runs.slots import Wish as Slots
from loratui.runs.slots import release, try_slots
from loratui.runs.tried_files import compared_cells, files_to_try
from loratui.runs.try_session import TrySession
from loratui.runs.try_stopping import stop_session
from loratui.runs.trying import Asked, Request, Wish, is_wanted_elsewhere, requests_path
from tests.permissions import bound_by_permissions
from tests.tried_run import compared_run

SIZE = (64, 64)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return compared_run(tmp_path / "p", runs_directory())


@pytest.fixture
def trying(run: RunDirectory) -> RunDirectory:
    run.trying.path.mkdir()
    return run.trying


def request(name: str, kind: str = "draw", prompt: str = "Emi") -> Request:
    settings = Comparison(prompts=[prompt], strengths=[0.8], steps=2)
    files = (("last", Path("emi.safetensors")),)
    return Request(name, kind, settings, files, "", SIZE)  # type: ignore[arg-type]


def ask(trying: RunDirectory, *requests: Request | str) -> None:
    with EventWriter(requests_path(trying), 0) as events:
        for one in requests:
            if isinstance(one, str):
                events.write(one)
            else:
                events.write(one.kind, **one.fields())


def test_a_request_is_read_as_it_was_written(trying: RunDirectory) -> None:
    ask(trying, request("1"))
    asked = Asked(trying)
    asked.read()
    assert asked.next == request("1")


def test_a_newer_row_goes_first_and_a_grid_is_taken_up_again(trying: RunDirectory) -> None:
    asked = Asked(trying)
    ask(trying, request("1"), request("2", "grid"), request("3"))
    asked.read()
    assert asked.next == request("3")
    assert asked.superseded == ["1"]
    asked.is_answered(request("3"))
    assert asked.next == request("2", "grid")
    ask(trying, "cancel")
    asked.read()
    assert asked.next is None
    assert asked.superseded == ["1", "2"]


def test_what_was_answered_and_what_is_odd_is_passed_over(trying: RunDirectory) -> None:
    ask(trying, request("1"), "draw")
    requests_path(trying).open("a").write('{"event": "draw", "id": "9", "settings": {"steps": "many"}}\nnonsense\n')
    with EventWriter(trying.events_path) as events:
        events.write("refused", request="1", what="", todo="")
    asked = Asked(trying)
    asked.read()
    assert asked.next is None


def test_a_row_is_the_same_whether_compared_or_asked_for(run: RunDirectory) -> None:
    (wish, strength), *others = compared_cells(run)
    assert (strength, wish.label, wish.base, len(others)) == (0.0, "last", "", 3)
    settings = wish.settings((0.8,))
    assert settings.strengths == [0.0, 0.8]
    assert Wish.of(settings, (1, 1), prompt=settings.prompts[0], seed=settings.seeds[0]) == wish
    assert Wish.read(json.loads(json.dumps(wish.__dict__))) == wish
    assert Wish.read({"prompt": "Emi"}) is None
    with pytest.raises(LoratuiError, match="prompts"):
        Wish.of(settings, SIZE, prompt=" ", seed=1).settings((0.8,))


def test_a_comparison_that_cannot_be_read_shows_nothing(run: RunDirectory) -> None:
    (run.comparison / "comparison.json").write_text('{"settings": []}')
    assert compared_cells(run) == {}
    assert TrySession(run).cells == {}


def test_files_are_offered_finished_first_and_only_while_they_are_there(run: RunDirectory) -> None:
    last, first = files_to_try(run)
    assert (last.label, last.epoch, last.is_best, first.label, first.is_best) == ("last", 2, False, "epoch 1", True)
    last.path.unlink()
    assert [file.label for file in files_to_try(run)] == ["epoch 1"]


def test_a_picture_that_was_removed_is_not_offered(run: RunDirectory) -> None:
    session = TrySession(run)
    (wish, strength), path = next(iter(session.cells.items()))
    assert session.picture(wish, strength) == path
    path.unlink()
    assert session.picture(wish, strength) is None


def test_whoever_looks_is_not_disturbed_by_what_comes(run: RunDirectory, trying: RunDirectory) -> None:
    session = TrySession(run)
    ask(trying, request("1"), request("2", "grid"))
    with hold_lock(trying):
        session.poll()
        cells, pending, drawn = iter(session.cells), iter(session.pending), len(session.cells)
        (wish, _), _ = next(cells), next(pending)
        with EventWriter(trying.events_path) as events:
            fields = {**wish.__dict__, "seed": 100}
            events.write("cell", request="1", file=run.path / "a.png", strength=0.8, wish=fields)
            events.write("done", request="1")
        assert session.poll()
    assert len(session.cells) == drawn + 1
    assert "1" not in session.pending
    assert 1 + len(list(cells)) == drawn
    assert list(pending) == ["2"]


def test_trying_is_queued_under_the_name_of_its_run(run: RunDirectory, trying: RunDirectory) -> None:
    (trying.path / "profile.toml").write_bytes(run.profile_path.read_bytes())
    assert trying.name == f"{run.name}/try"
    assert settings_for(trying, "try").processes == 1
    slots = try_slots(Slots(("cpu",)), str(trying.path))
    assert slots is not None
    add_ticket(run, "train", Slots(("cpu",)))
    assert place_in_queue(run) == f"Waiting for the CPU, where {trying.name} is at work."
    # Nobody attends to that ticket: nobody is kept waiting.
    assert not is_wanted_elsewhere(trying)
    release(slots.values())
    clear_away(run)
    ticket = add_ticket(trying, "try", Slots(("cpu",)))
    found = ticket_of(trying)
    assert found is not None
    assert (found.task, found.run) == ("try", trying)
    ticket.remove()


def test_how_a_session_ended_is_not_taken_for_the_end_of_a_training(trying: RunDirectory) -> None:
    events = [{"event": "started", "attempt": 1, "task": "try"}, {"event": "finished", "attempt": 1, "why": "idle"}]
    history = fold(events)
    assert history.end is None
    assert history.last == events[1]


def test_a_run_whose_strengths_are_tried_is_not_removed(run: RunDirectory, trying: RunDirectory) -> None:
    with hold_lock(trying), pytest.raises(RunError, match="still at work"):
        remove_run(run)
    remove_run(run)
    assert not run.path.exists()


def test_stopping_where_nothing_is_at_work_does_nothing(run: RunDirectory) -> None:
    assert not stop_session(run)
    assert not run.trying.path.exists()


def test_what_another_wizard_left_undone_is_not_begun_again(run: RunDirectory, trying: RunDirectory) -> None:
    ask(trying, request("1"))
    session = TrySession(run)
    assert session.pending == {}
    assert session.latest is not None
    assert session.latest[1] == 0.8
    assert session.refusal is None


def test_a_strength_is_kept_beside_every_copy(run: RunDirectory, tmp_path: Path) -> None:
    last, first = files_to_try(run)
    copy = tmp_path / "webui" / "disc-v2.safetensors"
    copy.parent.mkdir()
    copy.write_bytes(b"lora")
    with EventWriter(run.events_path) as events:
        events.write("installed", file=copy)
        events.write("installed", file=tmp_path / "gone.safetensors")
    picture = next(iter(compared_cells(run).values()))
    assert kept_strength(run) is None
    cards = keep_strength(run, last, 0.8, picture)
    assert [card.picture.name for card in cards] == ["disc.png", "disc-v2.png"]
    assert [card.described.name for card in cards] == ["disc.json", "disc-v2.json"]
    [card] = keep_strength(run, first, 0.9, picture)
    assert (card.picture.name, card.described.name) == ("disc-000001.png", "disc-000001.json")
    kept = kept_strength(run)
    assert kept is not None
    assert (kept.strength, kept.label) == (0.9, "epoch 1")


def test_the_activation_text_is_the_trigger_or_what_all_captions_begin_with(run: RunDirectory) -> None:
    assert activation_text(run) == "Emi"
    run.manifest_path.unlink()
    assert activation_text(run) == ""
    text = run.profile_path.read_text().replace('trigger = ""', 'trigger = "Emi girl"')
    run.profile_path.write_text(text)
    assert activation_text(run) == "Emi girl"
    run.profile_path.write_text(text.replace("Emi girl", "Emi (girl)"))
    assert activation_text(run) == r"Emi \(girl\)"


def test_a_run_that_cannot_be_written_is_told(run: RunDirectory) -> None:
    session = TrySession(run)
    wish = next(iter(session.cells))[0]
    run.path.chmod(0o500)
    try:
        with pytest.raises(RunError, match="Nothing can be written"):
            bound_by_permissions(lambda: session.draw(wish, [0.9], files_to_try(run)[0].path))
    finally:
        run.path.chmod(0o700)
