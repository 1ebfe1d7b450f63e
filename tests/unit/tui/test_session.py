"""The wizard's one model: what it saves, what it keeps of others' changes, and which profile goes with a run."""

from pathlib import Path

import pytest

from loratui.errors import ProfileError
from loratui.paths import runs_directory
from loratui.profile.files import rename_profile
from loratui.profile.schema import Dataset, Profile
from loratui.profile.store import load_profile, new_profile, profile_path, write_profile
from loratui.runs.directory import RunDirectory, create_run
from loratui.tui.session import Session
from tests.small_dataset import frozen, small_profile, write_pictures
from tests.wizard import new_session


@pytest.fixture
def session() -> Session:
    """A session with the profile emi open."""
    return new_session()


def _run_of(tmp_path: Path, origin: str, name: str) -> RunDirectory:
    profile = small_profile(
        Path("demo"), write_pictures(tmp_path / "pictures"), tmp_path / "out", output={"name": name}
    )
    return create_run(profile, frozen(profile), runs_directory(), origin=origin)


def test_what_another_program_wrote_meanwhile_is_kept_and_told(session: Session) -> None:
    news: list[str] = []
    session.on_news = news.append
    outside = load_profile("emi")
    outside.network.rank = 64
    write_profile(outside, profile_path("emi"), "emi")
    assert session.change("training.epochs", 7) == ""
    saved = load_profile("emi")
    assert (saved.network.rank, saved.training.epochs) == (64, 7)
    assert session.profile == saved
    assert len(news) == 1
    assert session.change("training.epochs", 8) == ""
    assert len(news) == 1


def test_a_profile_that_was_renamed_meanwhile_does_not_come_back(session: Session) -> None:
    rename_profile("emi", "mia")
    assert "not there any more" in session.change("training.epochs", 7)
    assert not profile_path("emi").exists()


def test_a_profile_that_was_spoilt_meanwhile_is_not_overwritten(session: Session) -> None:
    profile_path("emi").write_text("not = [toml")
    assert "not valid TOML" in session.change("training.epochs", 7)
    assert profile_path("emi").read_text() == "not = [toml"


def test_without_a_profile_nothing_is_changed() -> None:
    session = Session()
    assert session.change("training.epochs", 7)
    assert session.profile == Profile()


def test_a_home_directory_that_nobody_has_stays_as_it_is_written(session: Session) -> None:
    assert session.change_many({"dataset.path": "~nobody-of-that-name/x", "output.directory": "out"}) == ""
    resolved = session.resolved()
    assert resolved.dataset.path == "~nobody-of-that-name/x"
    assert Path(resolved.output.directory).is_absolute()


def test_a_directory_that_was_removed_under_the_program_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    new_profile("emi", Profile(dataset=Dataset(path="pictures")))
    session = Session()
    session.open("emi")
    assert session.resolved().dataset.path == str(Path.home() / "pictures")


def test_opening_a_profile_shows_its_newest_run(session: Session, tmp_path: Path) -> None:
    new_profile("other", Profile())
    _run_of(tmp_path, str(profile_path("emi").absolute()), "first")
    newest = _run_of(tmp_path, str(profile_path("emi").absolute()), "second")
    _run_of(tmp_path, str(profile_path("other").absolute()), "third")
    session.open("other")
    session.open("emi")
    assert session.run is not None
    assert session.run.path == newest.path


def test_showing_a_run_opens_the_profile_that_it_was_made_from(session: Session, tmp_path: Path) -> None:
    new_profile("other", Profile())
    run = _run_of(tmp_path, str(profile_path("other").absolute()), "anything")
    session.show_run(run)
    assert (session.name, session.run) == ("other", run)


def test_a_run_of_a_profile_that_was_renamed_is_found_by_its_name(session: Session, tmp_path: Path) -> None:
    run = _run_of(tmp_path, str(profile_path("old-name").absolute()), "emi")
    session.show_run(run)
    assert (session.name, session.run) == ("emi", run)


def test_a_run_without_a_saved_profile_closes_the_one_that_is_open(session: Session, tmp_path: Path) -> None:
    run = _run_of(tmp_path, str(tmp_path / "elsewhere.toml"), "emi")
    session.show_run(run)
    assert (session.name, session.run) == ("", run)


def test_a_profile_that_cannot_be_read_does_not_hide_its_run(session: Session, tmp_path: Path) -> None:
    new_profile("other", Profile())
    run = _run_of(tmp_path, str(profile_path("other").absolute()), "anything")
    profile_path("other").write_text("not = [toml")
    session.show_run(run)
    assert (session.name, session.run) == ("", run)


def test_a_profile_that_is_not_there_cannot_be_opened(session: Session) -> None:
    with pytest.raises(ProfileError):
        session.open("nobody")
    assert session.name == "emi"
