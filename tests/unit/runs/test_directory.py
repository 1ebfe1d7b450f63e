import json
from pathlib import Path

import pytest

from loratui.dataset.manifest import Manifest
from loratui.errors import RunError
from loratui.profile.schema import Profile
from loratui.runs.directory import create_run, find_run, list_runs

EMPTY = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)


@pytest.fixture
def profile() -> Profile:
    profile = Profile()
    profile.output.name = "emi"
    return profile


def test_a_run_is_complete_when_it_is_seen(tmp_path: Path, profile: Profile) -> None:
    run = create_run(profile, EMPTY, tmp_path / "runs", origin="/p/emi.toml", overrides=["training.seed=1"])
    assert run.path.parent == tmp_path / "runs"
    assert run.name.endswith("-emi")
    assert run.read_profile() == profile
    assert run.read_manifest() == EMPTY
    assert run.read_origin() == "/p/emi.toml"
    assert json.loads(run.origin_path.read_text())["overrides"] == ["training.seed=1"]
    assert run.events_path.read_bytes() == b""
    assert [path.name for path in run.path.parent.iterdir()] == [run.name]


def test_runs_of_one_second_get_names_of_their_own(tmp_path: Path, profile: Profile) -> None:
    runs = [create_run(profile, EMPTY, tmp_path) for _ in range(5)]
    assert len({run.path for run in runs}) == 5
    assert all(run.read_manifest() == EMPTY for run in runs)


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path: Path, profile: Profile) -> None:
    (tmp_path / "runs").write_text("a file in the way")
    with pytest.raises(RunError, match="cannot be written"):
        create_run(profile, EMPTY, tmp_path / "runs")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_manifest_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(Exception, match="No space left"):
        create_run(profile, EMPTY, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_runs_are_listed_newest_first_without_drafts_and_strangers(tmp_path: Path, profile: Profile) -> None:
    assert list_runs(tmp_path / "none") == ()
    run = create_run(profile, EMPTY, tmp_path)
    older = run.path.rename(tmp_path / "20200101-000000-emi")
    newer = create_run(profile, EMPTY, tmp_path)
    create_run(profile, EMPTY, tmp_path).path.rename(tmp_path / ".20990101-000000-emi-17")
    (tmp_path / "20990101-000000-notes").mkdir()
    (tmp_path / "notes.txt").touch()
    assert [run.path for run in list_runs(tmp_path)] == [newer.path, older]


def test_a_run_is_found_by_name_and_by_path(tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(profile, EMPTY, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert find_run(run.name, tmp_path) == run
    assert find_run(str(run.path), tmp_path / "elsewhere") == run
    assert find_run(f"./{run.name}", tmp_path / "elsewhere") == run
    assert find_run("emi", tmp_path) is None
    assert find_run("", tmp_path) is None


def test_a_comparison_can_have_a_profile_of_its_own(tmp_path: Path, profile: Profile) -> None:
    run = create_run(profile, EMPTY, tmp_path)
    assert run.read_profile("compare") == profile
    run.comparison_profile_path.write_text("schema = 1\n[comparison]\nsteps = 3\n")
    assert run.read_profile("compare").comparison.steps == 3
    assert run.read_profile().comparison.steps == 20
